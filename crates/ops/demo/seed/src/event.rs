//! What takes place and when.
