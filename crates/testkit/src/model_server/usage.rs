//! What every reply claims to have used, so that tests can count exactly.

/// Input tokens that came from no cache.
pub const INPUT: u64 = 1_111;
/// Output tokens.
pub const OUTPUT: u64 = 22;
/// Input tokens read from the cache.
pub const CACHE_READ: u64 = 333;
/// Input tokens written to the cache.
pub const CACHE_WRITE: u64 = 44;
