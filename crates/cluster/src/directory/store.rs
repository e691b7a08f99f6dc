//! The directory over the key-value port: read, change, compare-and-set, with bounded tries.

use std::sync::Arc;

use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::Request;
use callboard_stdx::clock::SharedClock;
use callboard_substrate::Kv;
use callboard_substrate::kv::{Revision, WriteError};
use callboard_substrate::name::Bucket;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::record::Record;
use super::transition::Refusal;
use crate::config;
use crate::names::{Names, actor_key};

/// Why the directory did not change or answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The change does not apply; nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store did not answer in the allowed number of tries. The change may be written: read
    /// before anything else.
    #[error("failed to reach the directory entry of {actor}: {reason}")]
    Unavailable {
        /// The actor, or `*` for all.
        actor: String,
        /// What went wrong last.
        reason: String,
    },
    /// A stored record cannot be understood. No retry helps.
    #[error("failed to read the directory entry of {actor}: {reason}")]
    Damaged {
        /// The key.
        actor: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The directory of one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    kv: Arc<dyn Kv>,
    bucket: Bucket,
    clock: SharedClock,
    cfg: config::Directory,
}

impl Directory {
    /// The directory in the cluster's bucket.
    #[must_use]
    pub fn new(kv: Arc<dyn Kv>, names: &Names, clock: SharedClock, cfg: config::Directory) -> Self {
        Self { kv, bucket: names.placements().clone(), clock, cfg }
    }

    /// The record of an actor. May be stale.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::Damaged`].
    pub async fn get(&self, actor: &ActorId) -> Result<Option<Record>, Error> {
        Ok(self.read(actor).await?.map(|(record, _)| record))
    }

    /// Every record, tombstones too. May be stale.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::Damaged`].
    pub async fn list(&self) -> Result<Vec<Record>, Error> {
        let entries = self.kv.list(&self.bucket).await;
        let entries = entries.map_err(|error| unavailable("*", &error))?;
        let decode = |entry: callboard_substrate::kv::Entry| {
            Record::decode(&entry.value)
                .map_err(|reason| Error::Damaged { actor: entry.key.to_string(), reason })
        };
        entries.into_iter().map(decode).collect()
    }

    /// Brings an actor into the queue, unless it is placed or queued already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ensure(
        &self,
        actor: &ActorId,
        request: &Request,
        spec: &serde_json::Value,
    ) -> Result<Record, Error> {
        self.change(actor, |before, now| Ok(Record::ensure(before, actor, request, spec, now)))
            .await
    }

    /// Queued → reserved on `node`, with the next epoch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn reserve(
        &self,
        actor: &ActorId,
        node: &NodeName,
        ttl: std::time::Duration,
        why: &str,
    ) -> Result<Record, Error> {
        self.change(actor, |before, now| {
            let until = now + chrono::Duration::from_std(ttl).unwrap_or_default();
            found(before, actor)?.reserve(node, now, until, why.to_owned())
        })
        .await
    }

    /// Reserved → active, by the node that the reservation names.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn activate(
        &self,
        actor: &ActorId,
        node: &NodeName,
        incarnation: Uuid,
        epoch: u64,
    ) -> Result<Record, Error> {
        self.change(actor, |before, now| {
            found(before, actor)?.activate(node, incarnation, epoch, now)
        })
        .await
    }

    /// The next epoch for a restart of an actor on the node where it is.
    ///
    /// # Errors
    /// See [`Error`]; a refusal means that the actor is no longer the caller's.
    pub async fn bump_epoch(
        &self,
        actor: &ActorId,
        incarnation: Uuid,
        epoch: u64,
    ) -> Result<u64, Error> {
        let bumped = self
            .change(actor, |before, now| found(before, actor)?.bump(incarnation, epoch, now))
            .await?;
        Ok(bumped.epoch)
    }

    /// Active → quarantined, by its owner.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn quarantine(
        &self,
        actor: &ActorId,
        incarnation: Uuid,
        epoch: u64,
        reason: &str,
    ) -> Result<Record, Error> {
        self.change(actor, |before, now| {
            found(before, actor)?.quarantine(incarnation, epoch, now, reason)
        })
        .await
    }

    /// Active → released, by its owner: the actor ended by itself.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn finish(
        &self,
        actor: &ActorId,
        incarnation: Uuid,
        epoch: u64,
    ) -> Result<Record, Error> {
        self.change(actor, |before, now| found(before, actor)?.finish(incarnation, epoch, now))
            .await
    }

    /// Reserved in this epoch → queued.
    ///
    /// # Errors
    /// See [`Error`]; a refusal means that the node has activated it, or that it moved on.
    pub async fn requeue_reserved(
        &self,
        actor: &ActorId,
        epoch: u64,
        why: &str,
    ) -> Result<Record, Error> {
        self.change(actor, |before, now| {
            found(before, actor)?.requeue_reserved(epoch, now, why.to_owned())
        })
        .await
    }

    /// Active on the boot `lost` → queued.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn requeue_lost(
        &self,
        actor: &ActorId,
        lost: Uuid,
        why: &str,
    ) -> Result<Record, Error> {
        self.change(actor, |before, now| {
            found(before, actor)?.requeue_lost(lost, now, why.to_owned())
        })
        .await
    }

    /// Any state → released.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release(&self, actor: &ActorId) -> Result<Record, Error> {
        self.change(actor, |before, now| Ok(found(before, actor)?.release(now))).await
    }

    async fn read(&self, actor: &ActorId) -> Result<Option<(Record, Revision)>, Error> {
        let entry = self.kv.get(&self.bucket, &actor_key(actor)).await;
        let Some(entry) = entry.map_err(|error| unavailable(actor, &error))? else {
            return Ok(None);
        };
        let record = Record::decode(&entry.value)
            .map_err(|reason| Error::Damaged { actor: actor.to_string(), reason })?;
        Ok(Some((record, entry.revision)))
    }

    /// Reads, changes and writes at the revision that was read. A conflict is read again and decided
    /// anew; so is an unknown outcome, and a write of ours that did land is recognised.
    async fn change(
        &self,
        actor: &ActorId,
        change: impl Fn(Option<&Record>, DateTime<Utc>) -> Result<Record, Refusal>,
    ) -> Result<Record, Error> {
        let mut uncertain: Vec<Record> = Vec::new();
        let mut failure = String::new();
        for n in 0..self.cfg.n_tries_max {
            if n > 0 {
                tokio::time::sleep(self.cfg.retry.delay(n - 1, self.clock.random())).await;
            }
            let before = match self.read(actor).await {
                Ok(before) => before,
                Err(error) if error.retryable() => {
                    failure = error.to_string();
                    continue;
                }
                Err(error) => return Err(error),
            };
            let present = before.as_ref().map(|(record, _)| record);
            if let Some(landed) = uncertain.iter().find(|record| Some(*record) == present) {
                return Ok(landed.clone());
            }
            let record = change(present, self.clock.now())?;
            if Some(&record) == present {
                return Ok(record);
            }
            match self.write(actor, &record, before.map(|(_, revision)| revision)).await {
                Ok(()) => return Ok(record),
                Err(error) => {
                    failure = error.to_string();
                    if let WriteError::Unknown { .. } = error {
                        uncertain.push(record);
                    }
                }
            }
        }
        Err(Error::Unavailable { actor: actor.to_string(), reason: failure })
    }

    async fn write(
        &self,
        actor: &ActorId,
        record: &Record,
        revision: Option<Revision>,
    ) -> Result<(), WriteError> {
        let key = actor_key(actor);
        let value = serde_json::to_vec(record).expect("a record has only string keys");
        match revision {
            None => self.kv.create(&self.bucket, &key, value).await?,
            Some(revision) => self.kv.update(&self.bucket, &key, value, revision).await?,
        };
        Ok(())
    }
}

fn found<'a>(before: Option<&'a Record>, actor: &ActorId) -> Result<&'a Record, Refusal> {
    before.ok_or_else(|| Refusal::NotFound { actor: actor.clone() })
}

fn unavailable(actor: impl ToString, error: &callboard_substrate::log::ReadError) -> Error {
    let (actor, reason) = (actor.to_string(), error.to_string());
    if error.retryable() {
        Error::Unavailable { actor, reason }
    } else {
        Error::Damaged { actor, reason }
    }
}
