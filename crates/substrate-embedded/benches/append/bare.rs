//! The baseline: one thread that inserts into the same table, the same number per transaction.

use callboard_substrate_embedded::Config;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use uuid::Uuid;

use crate::load::{BODY, N_APPENDERS, N_STREAMS, folder};

/// A bare database.
pub(crate) struct Bare {
    db: Connection,
    versions: Vec<i64>,
    next: usize,
    _folder: TempDir,
}

impl Bare {
    pub(crate) fn create() -> Self {
        let folder = folder();
        let db = Connection::open(folder.path().join("bare.sqlite")).expect("it opens");
        db.pragma_update(None, "journal_mode", "WAL").expect("accepted");
        db.pragma_update(None, "synchronous", "FULL").expect("accepted");
        let pages = Config::default().checkpoint_pages;
        db.pragma_update(None, "wal_autocheckpoint", pages).expect("accepted");
        db.execute_batch(
            "CREATE TABLE commits (
                position INTEGER PRIMARY KEY,
                stream INTEGER NOT NULL,
                version INTEGER NOT NULL,
                id BLOB NOT NULL,
                bytes BLOB NOT NULL,
                UNIQUE (stream, version)
            ) STRICT;",
        )
        .expect("created");
        Self { db, versions: vec![0; N_STREAMS], next: 0, _folder: folder }
    }

    /// Inserts `n` rows, one sync per batch as large as there are appenders.
    pub(crate) fn append(&mut self, n: usize) {
        let mut insert = self
            .db
            .prepare("INSERT INTO commits (stream, version, id, bytes) VALUES (?1, ?2, ?3, ?4)")
            .expect("prepared");
        let mut n_left = n;
        while n_left > 0 {
            self.db.execute_batch("BEGIN IMMEDIATE").expect("begun");
            for _ in 0..n_left.min(N_APPENDERS) {
                let stream = self.next % N_STREAMS;
                self.next += 1;
                self.versions[stream] += 1;
                let version = self.versions[stream];
                let id = Uuid::from_u128(version as u128);
                let row = params![stream as i64, version, id.as_bytes(), BODY.to_vec()];
                insert.insert(row).expect("inserted");
            }
            self.db.execute_batch("COMMIT").expect("committed");
            n_left -= n_left.min(N_APPENDERS);
        }
    }
}
