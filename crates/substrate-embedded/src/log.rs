//! The event log in SQLite: a table in the order of arrival, and an index by stream and version.
//!
//! A commit's id has no index of its own: an index of random ids would cost each append a page in
//! another place. `find` walks the stream backwards instead, and what it looks for is near the end.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use callboard_substrate::EventLog;
use callboard_substrate::log::{
    AppendError, Appended, Commit, Position, ReadError, Stored, Version,
};
use callboard_substrate::name::Stream;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::watch;
use uuid::Uuid;

use crate::config::Config;
use crate::database::Schema;
use crate::heads::Recent;
use crate::health::Monitor;
use crate::natural::Natural;
use crate::readers::Readers;
use crate::writer::{Apply, Failure, Writer};

pub(crate) const SCHEMA: Schema = Schema {
    file: "log.sqlite",
    migrations: &["
        CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE commits (
            position INTEGER PRIMARY KEY,
            stream INTEGER NOT NULL,
            version INTEGER NOT NULL,
            id BLOB NOT NULL,
            bytes BLOB NOT NULL,
            UNIQUE (stream, version)
        ) STRICT;
    "],
    probe: "SELECT c.id, c.bytes, s.name FROM commits c LEFT JOIN streams s ON s.id = c.stream
            ORDER BY c.position DESC LIMIT 64",
};

/// Columns of [`Stored`] after the stream's name, as [`stored`] takes them.
const COLUMNS: &str = "c.version, c.position, c.id, c.bytes";

/// The event log.
pub(crate) struct Log {
    writer: Writer<Appends>,
    readers: Readers,
    head: watch::Receiver<u64>,
    commit_bytes_max: usize,
}

impl Log {
    pub(crate) fn start(
        path: PathBuf,
        db: Connection,
        cfg: &Config,
        monitor: Arc<Monitor>,
        guard: impl Send + 'static,
    ) -> Result<Self, StartError> {
        let newest = "SELECT coalesce(max(position), 0) FROM commits";
        let (head_tx, head) = watch::channel(db.query_row(newest, [], natural)?);
        let readers = Readers::new(path.clone(), cfg);
        let appends = Appends { heads: Recent::new(cfg.heads_max), head: head_tx };
        let writer = Writer::start("log", path, db, appends, cfg, monitor, guard)?;
        Ok(Self { writer, readers, head, commit_bytes_max: cfg.commit_bytes_max })
    }

    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Why a store could not start on an open database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Thread(#[from] std::io::Error),
}

#[async_trait]
impl EventLog for Log {
    async fn append(
        &self,
        stream: &Stream,
        expected: Version,
        commit: Commit,
    ) -> Result<Appended, AppendError> {
        let n = commit.bytes.len();
        if n > self.commit_bytes_max {
            let reason = format!("{n} bytes are over the limit of {}", self.commit_bytes_max);
            return Err(AppendError::NotWritten { stream: stream.clone(), reason });
        }
        let append = Append { stream: stream.clone(), expected, commit };
        self.writer.write(append, n).await.map_err(|failure| {
            let stream = stream.clone();
            match failure {
                Failure::Refused(actual) => AppendError::Conflict { stream, expected, actual },
                Failure::NotWritten(reason) => AppendError::NotWritten { stream, reason },
                Failure::Unknown(reason) => AppendError::Unknown { stream, reason },
            }
        })
    }

    async fn read(
        &self,
        stream: &Stream,
        after: Version,
        n_max: usize,
    ) -> Result<Vec<Stored>, ReadError> {
        let name = stream.clone();
        let read = move |db: &Connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM streams s CROSS JOIN commits c ON c.stream = s.id
                 WHERE s.name = ?1 AND c.version > ?2 ORDER BY c.version LIMIT ?3"
            );
            db.prepare_cached(&sql)?
                .query_map(
                    params![name.as_str(), Natural(after.0), Natural(n_max as u64)],
                    |row| stored(name.clone(), row, 0),
                )?
                .collect()
        };
        self.readers.read(|| format!("stream {stream}"), read).await
    }

    async fn find(&self, stream: &Stream, id: Uuid) -> Result<Option<Stored>, ReadError> {
        let name = stream.clone();
        let read = move |db: &Connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM streams s CROSS JOIN commits c ON c.stream = s.id
                 WHERE s.name = ?1 AND c.id = ?2 ORDER BY c.version DESC LIMIT 1"
            );
            db.prepare_cached(&sql)?
                .query_row(params![name.as_str(), id.as_bytes()], |row| {
                    stored(name.clone(), row, 0)
                })
                .optional()
        };
        self.readers.read(|| format!("commit {id} of stream {stream}"), read).await
    }

    async fn read_all(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        let read = move |db: &Connection| read_all(db, after, n_max);
        self.readers.read(|| format!("the log after {after}"), read).await
    }

    async fn tail(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        let mut head = self.head.clone();
        loop {
            if *head.borrow_and_update() > after.0 {
                let commits = self.read_all(after, n_max.max(1)).await?;
                if !commits.is_empty() {
                    return Ok(commits);
                }
            }
            if head.changed().await.is_err() {
                let what = format!("the log after {after}");
                let reason = "the substrate is closed".to_owned();
                return Err(ReadError::Unavailable { what, reason });
            }
        }
    }

    async fn head(&self) -> Result<Position, ReadError> {
        Ok(Position(*self.head.borrow()))
    }

    fn commit_bytes_max(&self) -> usize {
        self.commit_bytes_max
    }
}

/// The commits of all streams after `after`, in the total order.
pub(crate) fn read_all(
    db: &Connection,
    after: Position,
    n_max: usize,
) -> rusqlite::Result<Vec<Stored>> {
    let sql = format!(
        "SELECT s.name, {COLUMNS} FROM commits c LEFT JOIN streams s ON s.id = c.stream
         WHERE c.position > ?1 ORDER BY c.position LIMIT ?2"
    );
    db.prepare_cached(&sql)?
        .query_map(params![Natural(after.0), Natural(n_max as u64)], |row| {
            let name: String = row.get(0)?;
            stored(Stream::new(name).map_err(|error| damaged(0, error))?, row, 1)
        })?
        .collect()
}

/// The commit whose columns begin at `first`.
fn stored(stream: Stream, row: &Row<'_>, first: usize) -> rusqlite::Result<Stored> {
    let id: [u8; 16] = row.get(first + 2)?;
    Ok(Stored {
        stream,
        version: Version(row.get::<_, Natural>(first)?.0),
        position: Position(row.get::<_, Natural>(first + 1)?.0),
        id: Uuid::from_bytes(id),
        bytes: row.get(first + 3)?,
    })
}

pub(crate) fn damaged(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    let kind = rusqlite::types::Type::Text;
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

/// The number in a row's first column.
pub(crate) fn natural(row: &Row<'_>) -> rusqlite::Result<u64> {
    Ok(row.get::<_, Natural>(0)?.0)
}

/// One append on its way to the writer.
pub(crate) struct Append {
    stream: Stream,
    expected: Version,
    commit: Commit,
}

/// An append that waits for its transaction.
pub(crate) struct Done {
    appended: Appended,
    id: Uuid,
}

/// Where a stream stands: its number in the table, and its version.
#[derive(Debug, Clone, Copy)]
struct Head {
    number: i64,
    version: u64,
}

/// The writer's part: checks versions and inserts.
pub(crate) struct Appends {
    heads: Recent<Stream, Head>,
    head: watch::Sender<u64>,
}

impl Appends {
    fn head(&mut self, db: &Connection, stream: &Stream) -> rusqlite::Result<Option<Head>> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(Some(head));
        }
        let sql = "SELECT s.id, (SELECT max(c.version) FROM commits c WHERE c.stream = s.id)
                   FROM streams s WHERE s.name = ?1";
        db.prepare_cached(sql)?
            .query_row([stream.as_str()], |row| {
                let version: Option<Natural> = row.get(1)?;
                Ok(Head { number: row.get(0)?, version: version.map_or(0, |natural| natural.0) })
            })
            .optional()
    }
}

impl Apply for Appends {
    type Request = Append;
    type Done = Done;
    type Answer = Appended;
    type Refusal = Version;

    fn apply(
        &mut self,
        db: &Connection,
        request: Append,
    ) -> rusqlite::Result<Result<Done, Version>> {
        let Append { stream, expected, commit } = request;
        let head = self.head(db, &stream)?;
        let actual = Version(head.map_or(0, |head| head.version));
        if actual != expected {
            return Ok(Err(actual));
        }
        let number = match head {
            Some(head) => head.number,
            None => db
                .prepare_cached("INSERT INTO streams (name) VALUES (?1)")?
                .insert([stream.as_str()])?,
        };
        let version = actual.0 + 1;
        let position = db
            .prepare_cached(
                "INSERT INTO commits (stream, version, id, bytes) VALUES (?1, ?2, ?3, ?4)",
            )?
            .insert(params![number, Natural(version), commit.id.as_bytes(), commit.bytes])?;
        self.heads.insert(stream, Head { number, version });
        let position = Position(u64::try_from(position).expect("SQLite counts rows from one"));
        let appended = Appended { version: Version(version), position };
        Ok(Ok(Done { appended, id: commit.id }))
    }

    fn landed(&self, db: &Connection, done: &Done) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM commits WHERE position = ?1 AND id = ?2";
        db.prepare_cached(sql)?
            .exists(params![Natural(done.appended.position.0), done.id.as_bytes()])
    }

    fn committed(&mut self, done: Done) -> Appended {
        self.head.send_replace(done.appended.position.0);
        done.appended
    }

    fn rolled_back(&mut self) {
        self.heads.clear();
    }
}
