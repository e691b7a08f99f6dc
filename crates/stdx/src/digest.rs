//! SHA-256 as lower-case hexadecimal.

use sha2::{Digest, Sha256};

/// The digest of `bytes`.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
