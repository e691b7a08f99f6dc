//! Where the interface lives.

/// The version prefix of every path.
pub const PREFIX: &str = "/api/v1";
