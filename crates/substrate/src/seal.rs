//! The sealed commit: the bytes that the log stores, and how damage to them is noticed.
//!
//! A sealed commit is one line of JSON, the header, then `\n`, then the body as it was given:
//!
//! ```text
//! {"v":1,"id":"…","epoch":3,"index":17,"at":"2026-01-01T00:00:00Z","prev":"<sha256>","crc":123}⏎body
//! ```
//!
//! Pure and bytes only: it reads no clock and does not know what the body means.
//!
//! Invariants:
//! * `crc` is the CRC-32C of everything but itself: the line before `,"crc":`, the `\n`, the body.
//! * A header has one spelling only, so no change of a single byte goes unnoticed.
//! * `prev` is the digest of the whole stored bytes of the stream's previous commit, so a commit
//!   that is missing, swapped, repeated or from another stream breaks the [`Chain`].

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The version that [`seal`] writes, and the only one that [`open`] reads.
pub const VERSION: u32 = 1;

/// The index of a stream's first commit.
pub const INDEX_FIRST: u64 = 1;

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The commit's own id, the one that it is appended with.
    pub id: Uuid,
    /// The epoch of the owner that decided it. Never goes back within a stream.
    pub epoch: u64,
    /// Its place in its stream: [`INDEX_FIRST`], then one more each.
    pub index: u64,
    /// When it was decided, in RFC 3339. Told, never checked: clocks jump.
    pub at: String,
    /// [`digest`] of the stored bytes of the stream's previous commit, empty for the first.
    pub prev: String,
}

/// A commit whose checksum was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// What it says about itself.
    pub header: Header,
    /// What was sealed.
    pub body: &'a [u8],
}

/// How stored bytes are damaged. No retry helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// There is no header line of the one legal spelling.
    #[error("failed to open a commit: its header is not legal ({reason})")]
    Header {
        /// What is wrong with it.
        reason: String,
    },
    /// A newer callboard wrote it, or the version itself is damaged.
    #[error("failed to open a commit: version {found} is unknown, {VERSION} is the newest known")]
    UnknownVersion {
        /// The version that it claims.
        found: u32,
    },
    /// The bytes are not those that were sealed.
    #[error("failed to open a commit: its checksum is {actual}, not {expected}")]
    Checksum {
        /// The stored checksum.
        expected: u32,
        /// The checksum of the stored bytes.
        actual: u32,
    },
    /// A commit is missing, repeated or out of order.
    #[error(
        "failed to follow the chain: expected the commit with index {expected}, found {actual}"
    )]
    Index {
        /// The index that should follow.
        expected: u64,
        /// The index found.
        actual: u64,
    },
    /// A stale owner wrote after a newer one.
    #[error("failed to follow the chain at {index}: epoch {actual} follows epoch {last}")]
    Epoch {
        /// Where.
        index: u64,
        /// The epoch of the commit before.
        last: u64,
        /// The epoch found.
        actual: u64,
    },
    /// The commit was sealed after another commit than the one before it.
    #[error("failed to follow the chain at {index}: it follows {actual:?}, not {expected:?}")]
    Prev {
        /// Where.
        index: u64,
        /// The digest of the commit before.
        expected: String,
        /// The digest that the commit names.
        actual: String,
    },
}

/// The header as stored, without its checksum. The order of fields is the stored order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u32,
    id: Uuid,
    epoch: u64,
    index: u64,
    at: String,
    prev: String,
    #[serde(skip_serializing, default)]
    crc: Option<u32>,
}

/// The stored bytes of a commit.
#[must_use]
pub fn seal(header: Header, body: &[u8]) -> Vec<u8> {
    let Header { id, epoch, index, at, prev } = header;
    let line = Line { v: VERSION, id, epoch, index, at, prev, crc: None };
    let mut bytes = serde_json::to_vec(&line).expect("numbers and text are always JSON");
    // The closing brace comes after the checksum.
    bytes.pop();
    let crc = checksum(&bytes, body);
    bytes.extend_from_slice(checksum_field(crc).as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    bytes
}

/// Opens stored bytes and verifies their checksum. Whether it is the right commit is the
/// [`Chain`]'s question.
///
/// # Errors
/// [`Damaged`], never one of the chain's variants.
pub fn open(bytes: &[u8]) -> Result<Sealed<'_>, Damaged> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let Some(end) = end else { return Err(bad_header("no line end")) };
    let (line, body) = (&bytes[..end], &bytes[end + 1..]);
    check_version(line)?;
    let parsed: Line = serde_json::from_slice(line).map_err(|e| bad_header(e.to_string()))?;
    let Some(expected) = parsed.crc else { return Err(bad_header("no checksum")) };
    // Exactly one spelling is legal, so whatever is not under the checksum is compared.
    let Some(covered) = line.strip_suffix(checksum_field(expected).as_bytes()) else {
        return Err(bad_header("the checksum is not the last field"));
    };
    let actual = checksum(covered, body);
    if actual != expected {
        return Err(Damaged::Checksum { expected, actual });
    }
    let Line { v: _, id, epoch, index, at, prev, crc: _ } = parsed;
    Ok(Sealed { header: Header { id, epoch, index, at, prev }, body })
}

/// The digest of stored bytes, as the next commit's `prev` names it.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    callboard_stdx::digest::sha256_hex(bytes)
}

/// Verifies that commits follow one another, fed commit by commit in the stream's order.
///
/// It stands after a commit, at its index, epoch and digest: [`Chain::header`] is what the next
/// commit must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    index: u64,
    epoch: u64,
    digest: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl Chain {
    /// Stands before a stream's first commit.
    #[must_use]
    pub fn new() -> Self {
        Self { index: INDEX_FIRST - 1, epoch: 0, digest: String::new() }
    }

    /// Stands after a commit verified earlier, such as a snapshot's last.
    #[must_use]
    pub fn resume(index: u64, epoch: u64, digest: impl Into<String>) -> Self {
        Self { index, epoch, digest: digest.into() }
    }

    /// The index of the last commit, 0 before the first.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The epoch of the last commit, 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The digest of the last commit, empty before the first.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The header of the commit that may follow now.
    #[must_use]
    pub fn header(&self, id: Uuid, epoch: u64, at: impl Into<String>) -> Header {
        Header { id, epoch, index: self.index + 1, at: at.into(), prev: self.digest.clone() }
    }

    /// Verifies that `sealed`, stored as `bytes`, follows; then stands after it. After an error it
    /// stands where it stood.
    ///
    /// # Errors
    /// [`Damaged::Index`], [`Damaged::Epoch`] or [`Damaged::Prev`].
    pub fn check(&mut self, sealed: &Sealed<'_>, bytes: &[u8]) -> Result<(), Damaged> {
        let Header { index, epoch, ref prev, .. } = sealed.header;
        if index != self.index + 1 {
            return Err(Damaged::Index { expected: self.index + 1, actual: index });
        }
        if epoch < self.epoch {
            return Err(Damaged::Epoch { index, last: self.epoch, actual: epoch });
        }
        if *prev != self.digest {
            return Err(Damaged::Prev {
                index,
                expected: self.digest.clone(),
                actual: prev.clone(),
            });
        }
        *self = Self { index, epoch, digest: digest(bytes) };
        Ok(())
    }
}

fn bad_header(reason: impl Into<String>) -> Damaged {
    Damaged::Header { reason: reason.into() }
}

/// The version comes first, so that bytes of a newer callboard are named as such whatever else
/// their header holds.
fn check_version(line: &[u8]) -> Result<(), Damaged> {
    let Some(rest) = line.strip_prefix(b"{\"v\":") else { return Err(bad_header("no version")) };
    let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = std::str::from_utf8(&rest[..n_digits]).expect("digits are UTF-8");
    match digits.parse() {
        Ok(VERSION) => Ok(()),
        Ok(found) => Err(Damaged::UnknownVersion { found }),
        Err(_) => Err(bad_header("the version is no number")),
    }
}

fn checksum(covered: &[u8], body: &[u8]) -> u32 {
    let crc = crc32c::crc32c(covered);
    crc32c::crc32c_append(crc32c::crc32c_append(crc, b"\n"), body)
}

fn checksum_field(crc: u32) -> String {
    format!(",\"crc\":{crc}}}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Chain::new().header(Uuid::from_u128(7), 3, "2026-01-01T00:00:00Z")
    }

    /// Seals `bodies` as one stream.
    fn stream(bodies: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut chain = Chain::new();
        let mut commits = Vec::new();
        for (idx, body) in bodies.iter().enumerate() {
            let id = Uuid::from_u128(idx as u128 + 1);
            let bytes = seal(chain.header(id, 1 + idx as u64 / 3, "2026-01-01T00:00:00Z"), body);
            verify(&mut chain, &bytes).expect("a commit sealed after its predecessor follows");
            commits.push(bytes);
        }
        commits
    }

    fn verify(chain: &mut Chain, bytes: &[u8]) -> Result<(), Damaged> {
        chain.check(&open(bytes)?, bytes)
    }

    fn verify_all(commits: &[Vec<u8>]) -> Result<(), Damaged> {
        let mut chain = Chain::new();
        commits.iter().try_for_each(|bytes| verify(&mut chain, bytes))
    }

    #[test]
    fn stored_bytes_keep_their_form() {
        let bytes = seal(header(), b"body\nof two lines");
        let expected = "{\"v\":1,\"id\":\"00000000-0000-0000-0000-000000000007\",\"epoch\":3,\
            \"index\":1,\"at\":\"2026-01-01T00:00:00Z\",\"prev\":\"\",\"crc\":395959027}\n\
            body\nof two lines";
        assert_eq!(String::from_utf8(bytes).expect("text"), expected);
        open(expected.as_bytes()).expect("what version 1 stored stays readable");
    }

    #[test]
    fn unknown_version_is_named() {
        let newer = b"{\"v\":2,\"other\":true}\nbody";
        assert_eq!(open(newer), Err(Damaged::UnknownVersion { found: 2 }));
    }

    #[test]
    fn what_is_no_commit_is_refused() {
        for bytes in ["", "\n", "{}\n", "{\"v\":1}\n", "{\"v\":}\n", "{\"v\":99999999999}\n", "x"] {
            assert!(matches!(open(bytes.as_bytes()), Err(Damaged::Header { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn epoch_never_goes_back() {
        let mut chain = Chain::new();
        let first = seal(chain.header(Uuid::from_u128(1), 5, ""), b"");
        verify(&mut chain, &first).expect("the first follows nothing");
        let second = seal(chain.header(Uuid::from_u128(2), 4, ""), b"");
        let refused = verify(&mut chain, &second);
        assert_eq!(refused, Err(Damaged::Epoch { index: 2, last: 5, actual: 4 }));
        let second = seal(chain.header(Uuid::from_u128(2), 5, ""), b"");
        verify(&mut chain, &second).expect("a refused commit leaves the chain where it was");
    }

    #[test]
    fn chain_resumes_after_a_snapshot() {
        let commits = stream(&[b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]);
        let mut chain = Chain::resume(2, 1, digest(&commits[1]));
        verify(&mut chain, &commits[2]).expect("the third follows the second");
        assert_eq!((chain.index(), chain.epoch()), (3, 1));
        let mut other = Chain::resume(2, 1, digest(&commits[0]));
        assert!(matches!(verify(&mut other, &commits[2]), Err(Damaged::Prev { index: 3, .. })));
    }

    fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 2..10)
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(
            id in any::<u128>(),
            epoch in any::<u64>(),
            index in any::<u64>(),
            at in any::<String>(),
            prev in any::<String>(),
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let header = Header { id: Uuid::from_u128(id), epoch, index, at, prev };
            let bytes = seal(header.clone(), &body);
            prop_assert_eq!(open(&bytes), Ok(Sealed { header, body: &body[..] }));
        }

        #[test]
        fn any_flipped_byte_is_caught(
            body in prop::collection::vec(any::<u8>(), 0..64),
            place in any::<prop::sample::Index>(),
            mask in 1..=255_u8,
        ) {
            let mut bytes = seal(header(), &body);
            let place = place.index(bytes.len());
            bytes[place] ^= mask;
            prop_assert!(open(&bytes).is_err());
        }

        #[test]
        fn any_cut_is_caught(
            body in prop::collection::vec(any::<u8>(), 0..64),
            n in any::<prop::sample::Index>(),
        ) {
            let bytes = seal(header(), &body);
            prop_assert!(open(&bytes[..n.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_dropped_commit_is_caught(
            bodies in bodies(),
            place in any::<prop::sample::Index>(),
        ) {
            let mut commits = stream(&bodies);
            // A chain without its last commit is a shorter chain: only the head tells.
            commits.remove(place.index(bodies.len() - 1));
            prop_assert!(verify_all(&commits).is_err());
        }

        #[test]
        fn any_swapped_or_repeated_commit_is_caught(
            bodies in bodies(),
            a in any::<prop::sample::Index>(),
            b in any::<prop::sample::Index>(),
        ) {
            let (a, b) = (a.index(bodies.len()), b.index(bodies.len()));
            let commits = stream(&bodies);
            prop_assert!(verify_all(&commits).is_ok());
            let mut repeated = commits.clone();
            repeated.insert(b, commits[a].clone());
            prop_assert!(verify_all(&repeated).is_err());
            let mut swapped = commits;
            swapped.swap(a, b);
            prop_assert_eq!(verify_all(&swapped).is_ok(), a == b);
        }

        #[test]
        fn a_replaced_commit_is_caught(
            bodies in bodies(),
            place in any::<prop::sample::Index>(),
        ) {
            let mut commits = stream(&bodies);
            let place = place.index(bodies.len() - 1);
            let sealed = open(&commits[place]).expect("sealed above");
            let mut body = sealed.body.to_vec();
            body.push(b'!');
            // Sealed anew, so its own checksum holds.
            commits[place] = seal(sealed.header, &body);
            prop_assert!(verify_all(&commits).is_err());
        }
    }
}
