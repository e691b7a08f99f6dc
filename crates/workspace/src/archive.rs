//! The stored form of a checkpoint: pure, so that damage of any kind is an error and never a panic.
//!
//! ```text
//! "CBCP" version nonce(24) ciphertext(XChaCha20-Poly1305; bound to the agent and the number)
//! plain text: length of the manifest (4, little endian) · manifest (JSON) · bundle · session files
//! ```

use callboard_agent::workspace::CommitId;
use callboard_domain::id::{AgentId, ProjectId, TaskId};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};

use crate::session::SessionFile;

const MAGIC: &[u8; 4] = b"CBCP";
/// Readers refuse what they do not know; a new form gets a new number and its own reader.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = MAGIC.len() + 1 + NONCE_BYTES;

/// What a checkpoint says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) agent: AgentId,
    pub(crate) seq: u64,
    pub(crate) project: ProjectId,
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) branch: String,
    pub(crate) base_commit: CommitId,
    /// The commit of the work in progress.
    pub(crate) wip: CommitId,
    pub(crate) head: Option<CommitId>,
    pub(crate) head_ref: Option<String>,
    pub(crate) refs: Vec<(String, CommitId)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    facts: Facts,
    bundle_bytes: usize,
    sessions: Vec<SessionEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SessionEntry {
    path: String,
    mode: u32,
    bytes: usize,
}

/// A checkpoint's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) facts: Facts,
    pub(crate) bundle: Vec<u8>,
    pub(crate) sessions: Vec<SessionFile>,
}

/// Why bytes are no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("it does not begin like a checkpoint")]
    NotACheckpoint,
    #[error("it has version {0}, and this program knows only 1")]
    Version(u8),
    #[error("it is damaged, or encrypted with another key, or of another agent or number")]
    Sealed,
    #[error("its content is malformed: {0}")]
    Malformed(&'static str),
}

impl Contents {
    /// The stored form.
    pub(crate) fn seal(&self, key: &[u8; 32], nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let plain = self.encode();
        let aad = associated(&self.facts.agent, self.facts.seq);
        let ciphertext = XChaCha20Poly1305::new(key.into())
            .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &aad })
            .expect("a checkpoint is far smaller than the cipher's 256 GiB");
        let mut sealed = Vec::with_capacity(HEADER_BYTES + ciphertext.len());
        sealed.extend_from_slice(MAGIC);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        sealed
    }

    /// Reads the stored form of checkpoint `seq` of `agent`.
    pub(crate) fn open(
        sealed: &[u8],
        key: &[u8; 32],
        agent: &AgentId,
        seq: u64,
    ) -> Result<Self, Error> {
        let (magic, rest) = sealed.split_first_chunk().ok_or(Error::NotACheckpoint)?;
        if magic != MAGIC {
            return Err(Error::NotACheckpoint);
        }
        let (version, rest) = rest.split_first().ok_or(Error::NotACheckpoint)?;
        if *version != VERSION {
            return Err(Error::Version(*version));
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Sealed)?;
        let aad = associated(agent, seq);
        let plain = XChaCha20Poly1305::new(key.into())
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| Error::Sealed)?;
        Self::decode(&plain)
    }

    fn encode(&self) -> Vec<u8> {
        let Self { facts, bundle, sessions } = self;
        let entry = |it: &SessionFile| SessionEntry {
            path: it.path.clone(),
            mode: it.mode,
            bytes: it.bytes.len(),
        };
        let manifest = Manifest {
            facts: facts.clone(),
            bundle_bytes: bundle.len(),
            sessions: sessions.iter().map(entry).collect(),
        };
        let manifest = serde_json::to_vec(&manifest).expect("a manifest has string keys only");
        let n = u32::try_from(manifest.len()).expect("a manifest lists files, not their content");
        let mut plain = n.to_le_bytes().to_vec();
        plain.extend_from_slice(&manifest);
        plain.extend_from_slice(bundle);
        sessions.iter().for_each(|session| plain.extend_from_slice(&session.bytes));
        plain
    }

    fn decode(plain: &[u8]) -> Result<Self, Error> {
        let (n, rest) = plain.split_first_chunk().ok_or(Error::Malformed("no manifest"))?;
        let mut parts = Parts(rest);
        let manifest = parts.take(u32::from_le_bytes(*n) as usize)?;
        let Manifest { facts, bundle_bytes, sessions } =
            serde_json::from_slice(manifest).map_err(|_| Error::Malformed("its manifest"))?;
        let bundle = parts.take(bundle_bytes)?.to_vec();
        let mut files = Vec::new();
        for SessionEntry { path, mode, bytes } in sessions {
            files.push(SessionFile { path, mode, bytes: parts.take(bytes)?.to_vec() });
        }
        if !parts.0.is_empty() {
            return Err(Error::Malformed("bytes after its end"));
        }
        Ok(Self { facts, bundle, sessions: files })
    }
}

struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let (part, rest) = self.0.split_at_checked(n).ok_or(Error::Malformed("it is cut off"))?;
        self.0 = rest;
        Ok(part)
    }
}

/// Binds the ciphertext to its place: a checkpoint under another name does not open.
fn associated(agent: &AgentId, seq: u64) -> Vec<u8> {
    [MAGIC.as_slice(), &[VERSION], format!("{agent}.{seq}").as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn agent() -> AgentId {
        AgentId::new("a-1").expect("legal")
    }

    fn contents(bundle: Vec<u8>, session: Vec<u8>) -> Contents {
        let commit = CommitId::new("a".repeat(40)).expect("legal");
        let facts = Facts {
            agent: agent(),
            seq: 3,
            project: ProjectId::new("p").expect("legal"),
            task: TaskId::new("p-1").expect("legal"),
            attempt: 1,
            branch: "callboard/p/p-1".to_owned(),
            base_commit: commit.clone(),
            wip: commit.clone(),
            head: None,
            head_ref: Some("refs/heads/x".to_owned()),
            refs: vec![("refs/heads/y".to_owned(), commit)],
        };
        let sessions = vec![SessionFile { path: "s/ä b".to_owned(), mode: 0o600, bytes: session }];
        Contents { facts, bundle, sessions }
    }

    proptest! {
        #[test]
        fn contents_read_back(bundle: Vec<u8>, session: Vec<u8>, nonce: [u8; 24]) {
            let contents = contents(bundle, session);
            let sealed = contents.seal(&KEY, nonce);
            prop_assert_eq!(Contents::open(&sealed, &KEY, &agent(), 3), Ok(contents));
        }

        #[test]
        fn any_damage_is_found(at: prop::sample::Index, bit in 0..8_u32, cut: prop::sample::Index) {
            let sealed = contents(vec![1; 50], vec![2; 50]).seal(&KEY, [9; 24]);
            let mut flipped = sealed.clone();
            flipped[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(Contents::open(&flipped, &KEY, &agent(), 3).is_err());
            let cut = &sealed[..cut.index(sealed.len())];
            prop_assert!(Contents::open(cut, &KEY, &agent(), 3).is_err());
        }
    }

    #[test]
    fn another_key_agent_or_number_does_not_open() {
        let sealed = contents(vec![], vec![]).seal(&KEY, [0; 24]);
        let other = AgentId::new("a-2").expect("legal");
        assert_eq!(Contents::open(&sealed, &[8; 32], &agent(), 3), Err(Error::Sealed));
        assert_eq!(Contents::open(&sealed, &KEY, &other, 3), Err(Error::Sealed));
        assert_eq!(Contents::open(&sealed, &KEY, &agent(), 4), Err(Error::Sealed));
        let newer = [b"CBCP\x02".as_slice(), &sealed[5..]].concat();
        assert_eq!(Contents::open(&newer, &KEY, &agent(), 3), Err(Error::Version(2)));
    }

    #[test]
    fn content_is_not_readable_without_the_key() {
        let sealed = contents(b"very secret work".to_vec(), vec![]).seal(&KEY, [0; 24]);
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
    }
}
