//! Handles and invitation codes.
