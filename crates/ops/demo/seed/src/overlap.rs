//! Clashes and free time.
