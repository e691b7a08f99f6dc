//! The key-value buckets in SQLite, in a database of their own: leases and snapshots are rewritten
//! often, and the log shall grow by events alone.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use callboard_substrate::Kv;
use callboard_substrate::kv::{Change, Entry, Revision, Watch, WriteError};
use callboard_substrate::log::ReadError;
use callboard_substrate::name::{Bucket, Key};
use rusqlite::{Connection, OptionalExtension, params};

use crate::config::Config;
use crate::database::Schema;
use crate::health::Monitor;
use crate::log::{StartError, damaged, natural};
use crate::natural::Natural;
use crate::readers::Readers;
use crate::watch::{BucketWatch, Hub};
use crate::writer::{Apply, Failure, Writer};

pub(crate) const SCHEMA: Schema = Schema {
    file: "kv.sqlite",
    migrations: &["
        CREATE TABLE buckets (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
        CREATE TABLE entries (
            bucket TEXT NOT NULL,
            key TEXT NOT NULL,
            revision INTEGER NOT NULL,
            value BLOB NOT NULL,
            UNIQUE (bucket, key)
        ) STRICT;
    "],
    probe: "SELECT name, revision FROM buckets",
};

/// The key-value buckets.
pub(crate) struct Buckets {
    writer: Writer<Changes>,
    readers: Readers,
    hub: Arc<Hub>,
    value_bytes_max: usize,
}

impl Buckets {
    pub(crate) fn start(
        path: PathBuf,
        db: Connection,
        cfg: &Config,
        monitor: Arc<Monitor>,
        guard: impl Send + 'static,
    ) -> Result<Self, StartError> {
        let readers = Readers::new(path.clone(), cfg);
        let hub = Arc::new(Hub::new(cfg.watch_changes_max));
        let changes = Changes { hub: Arc::clone(&hub) };
        let writer = Writer::start("keys", path, db, changes, cfg, monitor, guard)?;
        Ok(Self { writer, readers, hub, value_bytes_max: cfg.value_bytes_max })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        self.hub.close();
    }

    async fn write(&self, write: Write) -> Result<Revision, WriteError> {
        let (bucket, key) = (write.bucket.clone(), write.key.clone());
        let n = write.value.as_ref().map_or(0, Vec::len);
        if n > self.value_bytes_max {
            let reason = format!("{n} bytes are over the limit of {}", self.value_bytes_max);
            return Err(WriteError::NotWritten { bucket, key, reason });
        }
        self.writer.write(write, n).await.map_err(|failure| match failure {
            Failure::Refused(actual) => WriteError::Conflict { bucket, key, actual },
            Failure::NotWritten(reason) => WriteError::NotWritten { bucket, key, reason },
            Failure::Unknown(reason) => WriteError::Unknown { bucket, key, reason },
        })
    }
}

#[async_trait]
impl Kv for Buckets {
    async fn get(&self, bucket: &Bucket, key: &Key) -> Result<Option<Entry>, ReadError> {
        let (bucket, key) = (bucket.clone(), key.clone());
        let what = format!("{bucket}/{key}");
        let read = move |db: &Connection| {
            let sql = "SELECT revision, value FROM entries WHERE bucket = ?1 AND key = ?2";
            db.prepare_cached(sql)?
                .query_row([bucket.as_str(), key.as_str()], |row| {
                    let (key, revision) = (key.clone(), Revision(natural(row)?));
                    Ok(Entry { key, revision, value: row.get(1)? })
                })
                .optional()
        };
        self.readers.read(|| what.clone(), read).await
    }

    async fn list(&self, bucket: &Bucket) -> Result<Vec<Entry>, ReadError> {
        Ok(snapshot(&self.readers, bucket).await?.entries)
    }

    async fn create(
        &self,
        bucket: &Bucket,
        key: &Key,
        value: Vec<u8>,
    ) -> Result<Revision, WriteError> {
        let (bucket, key) = (bucket.clone(), key.clone());
        self.write(Write { bucket, key, value: Some(value), expected: None }).await
    }

    async fn update(
        &self,
        bucket: &Bucket,
        key: &Key,
        value: Vec<u8>,
        revision: Revision,
    ) -> Result<Revision, WriteError> {
        let (bucket, key) = (bucket.clone(), key.clone());
        self.write(Write { bucket, key, value: Some(value), expected: Some(revision) }).await
    }

    async fn delete(
        &self,
        bucket: &Bucket,
        key: &Key,
        revision: Revision,
    ) -> Result<(), WriteError> {
        let (bucket, key) = (bucket.clone(), key.clone());
        self.write(Write { bucket, key, value: None, expected: Some(revision) }).await?;
        Ok(())
    }

    async fn watch(&self, bucket: &Bucket) -> Result<Box<dyn Watch>, ReadError> {
        let changes = self.hub.subscribe(bucket).ok_or_else(|| ReadError::Unavailable {
            what: format!("bucket {bucket}"),
            reason: "the substrate is closed".to_owned(),
        })?;
        let first = snapshot(&self.readers, bucket).await?;
        let watch = BucketWatch::new(bucket.clone(), self.readers.clone(), changes, first);
        Ok(Box::new(watch))
    }

    fn value_bytes_max(&self) -> usize {
        self.value_bytes_max
    }
}

/// A bucket as it was after `revision`.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) entries: Vec<Entry>,
}

/// Reads a bucket whole, in one transaction.
pub(crate) async fn snapshot(readers: &Readers, bucket: &Bucket) -> Result<Snapshot, ReadError> {
    let name = bucket.to_string();
    let read = move |db: &Connection| {
        let transaction = db.unchecked_transaction()?;
        let revision = transaction
            .prepare_cached("SELECT revision FROM buckets WHERE name = ?1")?
            .query_row([&name], natural)
            .optional()?;
        let entries = transaction
            .prepare_cached(
                "SELECT key, revision, value FROM entries WHERE bucket = ?1 ORDER BY key",
            )?
            .query_map([&name], |row| {
                let key: String = row.get(0)?;
                let key = Key::new(key).map_err(|error| damaged(0, error))?;
                Ok(Entry {
                    key,
                    revision: Revision(row.get::<_, Natural>(1)?.0),
                    value: row.get(2)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Snapshot { revision: Revision(revision.unwrap_or(0)), entries })
    };
    readers.read(|| format!("bucket {bucket}"), read).await
}

/// One write on its way to the writer. No value: a deletion. `expected: None`: must not exist.
pub(crate) struct Write {
    bucket: Bucket,
    key: Key,
    value: Option<Vec<u8>>,
    expected: Option<Revision>,
}

/// A write that waits for its transaction.
pub(crate) struct Done {
    bucket: Bucket,
    revision: Revision,
    change: Change,
}

/// The writer's part: checks revisions, writes, tells the watchers.
pub(crate) struct Changes {
    hub: Arc<Hub>,
}

impl Apply for Changes {
    type Request = Write;
    type Done = Done;
    type Answer = Revision;
    type Refusal = Option<Revision>;

    fn apply(
        &mut self,
        db: &Connection,
        request: Write,
    ) -> rusqlite::Result<Result<Done, Option<Revision>>> {
        let Write { bucket, key, value, expected } = request;
        let names = [bucket.as_str(), key.as_str()];
        let actual = db
            .prepare_cached("SELECT revision FROM entries WHERE bucket = ?1 AND key = ?2")?
            .query_row(names, natural)
            .optional()?
            .map(Revision);
        if actual != expected {
            return Ok(Err(actual));
        }
        let bump = "INSERT INTO buckets (name, revision) VALUES (?1, 1)
                    ON CONFLICT (name) DO UPDATE SET revision = revision + 1 RETURNING revision";
        let revision: u64 = db.prepare_cached(bump)?.query_row([bucket.as_str()], natural)?;
        let change = match value {
            Some(value) => {
                let put =
                    "INSERT INTO entries (bucket, key, revision, value) VALUES (?1, ?2, ?3, ?4)
                           ON CONFLICT (bucket, key)
                           DO UPDATE SET revision = excluded.revision, value = excluded.value";
                db.prepare_cached(put)?.execute(params![
                    names[0],
                    names[1],
                    Natural(revision),
                    value
                ])?;
                Change::Put(Entry { key, revision: Revision(revision), value })
            }
            None => {
                db.prepare_cached("DELETE FROM entries WHERE bucket = ?1 AND key = ?2")?
                    .execute(names)?;
                Change::Deleted { key, revision: Revision(revision) }
            }
        };
        Ok(Ok(Done { bucket, revision: Revision(revision), change }))
    }

    fn landed(&self, db: &Connection, done: &Done) -> rusqlite::Result<bool> {
        let sql = "SELECT revision FROM buckets WHERE name = ?1";
        let revision: Option<u64> =
            db.prepare_cached(sql)?.query_row([done.bucket.as_str()], natural).optional()?;
        Ok(revision >= Some(done.revision.0))
    }

    fn committed(&mut self, done: Done) -> Revision {
        let Done { bucket, revision, change } = done;
        self.hub.publish(&bucket, revision, change);
        revision
    }

    fn rolled_back(&mut self) {}
}
