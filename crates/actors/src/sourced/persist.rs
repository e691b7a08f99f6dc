//! Sealing and appending commits, and what a refused append means.

use std::sync::Arc;

use callboard_domain::{Ctx, Entity, record};
use callboard_substrate::log::{AppendError, Commit, Position, Version};
use callboard_substrate::seal::{self, Chain};
use chrono::SecondsFormat;

use crate::exit::ExitReason;
use crate::sourced::spec::Shared;

/// Where the incarnation stands in its stream.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    pub(crate) chain: Chain,
    /// After the last commit.
    pub(crate) version: Version,
    /// Before the last commit: a snapshot is verified by reading that commit again.
    pub(crate) before: Version,
    pub(crate) position: Position,
}

impl Cursor {
    pub(crate) fn new() -> Self {
        Self {
            chain: Chain::new(),
            version: Version::EMPTY,
            before: Version::EMPTY,
            position: Position(0),
        }
    }

    pub(crate) fn step(&mut self, chain: Chain, version: Version, position: Position) {
        self.chain = chain;
        self.before = self.version;
        self.version = version;
        self.position = position;
    }
}

/// Why events were not stored, or may not be.
pub(crate) enum PersistError {
    TooLarge {
        bytes: usize,
        bytes_max: usize,
    },
    /// Not written in spite of all retries.
    Unavailable {
        reason: String,
    },
    /// A conflict: somebody else appended, or an earlier append of ours landed late.
    Conflict,
    Unknown {
        reason: String,
    },
}

/// The context of one decision.
pub(crate) fn ctx<E: Entity>(shared: &Shared<E>) -> Ctx {
    let spec = &shared.spec;
    let clock = &spec.clock;
    Ctx::new(clock.now(), spec.epoch, &spec.node, clock.random(), clock.new_id())
}

/// Appends the events of one decision at the cursor, and moves it. Returns the stored bytes' number.
pub(crate) async fn append<E: Entity>(
    shared: &Arc<Shared<E>>,
    cursor: &mut Cursor,
    events: &[E::Event],
) -> Result<u64, PersistError> {
    let spec = &shared.spec;
    let body = record::encode::<E>(events).expect("events have a JSON form");
    let id = spec.clock.new_id();
    let at = spec.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let header = cursor.chain.header(id, spec.epoch, at);
    let index = header.index;
    let bytes = seal::seal(header, &body);
    let bytes_max = spec.log.commit_bytes_max();
    if bytes.len() > bytes_max {
        return Err(PersistError::TooLarge { bytes: bytes.len(), bytes_max });
    }
    let chain = Chain::resume(index, spec.epoch, seal::digest(&bytes));
    let n_bytes = bytes.len() as u64;
    let commit = Commit { id, bytes };
    let mut n_retries = 0;
    loop {
        let appended = spec.log.append(&shared.stream, cursor.version, commit.clone()).await;
        let reason = match appended {
            Ok(appended) => {
                cursor.step(chain, appended.version, appended.position);
                return Ok(n_bytes);
            }
            Err(AppendError::Conflict { .. }) => return Err(PersistError::Conflict),
            Err(AppendError::Unknown { reason, .. }) => {
                return Err(PersistError::Unknown { reason });
            }
            Err(AppendError::NotWritten { reason, .. }) => reason,
        };
        if n_retries >= spec.cfg.n_append_retries_max {
            return Err(PersistError::Unavailable { reason });
        }
        tracing::warn!(actor = %spec.id, %reason, n_retries, "append was not written, retrying");
        tokio::time::sleep(spec.cfg.retry.delay(n_retries, spec.clock.random())).await;
        n_retries += 1;
    }
}

/// Finds out whether a conflict means that there is a newer owner.
pub(crate) async fn explain_conflict<E: Entity>(shared: &Shared<E>, cursor: &Cursor) -> ExitReason {
    let spec = &shared.spec;
    let read = spec.log.read(&shared.stream, cursor.version, spec.cfg.n_read_batch).await;
    let newer = read.ok().into_iter().flatten().filter_map(|stored| {
        let epoch = seal::open(&stored.bytes).ok()?.header.epoch;
        (epoch > spec.epoch).then_some(epoch)
    });
    match newer.max() {
        Some(by_epoch) => ExitReason::Fenced { by_epoch },
        // An append of ours that landed late, or a stale read: the reload tells.
        None => ExitReason::Failed("another append came first".to_owned()),
    }
}
