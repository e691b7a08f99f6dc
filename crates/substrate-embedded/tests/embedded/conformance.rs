//! The suite that every implementation of the ports passes.

use std::fs;
use std::path::Path;

use async_trait::async_trait;
use callboard_substrate::Substrate;
use callboard_substrate::conformance::{Harness, Injected};
use callboard_substrate::name::{BlobName, Stream};
use callboard_substrate_embedded::{Config, Embedded};
use rusqlite::{Connection, params};
use tempfile::TempDir;
use uuid::Uuid;

const KIB: usize = 1024;

/// One folder, open.
struct OneFolder {
    folder: TempDir,
    embedded: Embedded,
}

fn config() -> Config {
    Config {
        commit_bytes_max: 64 * KIB,
        value_bytes_max: 64 * KIB,
        payload_bytes_max: 64 * KIB,
        blob_bytes_max: 256 * KIB as u64,
        watch_changes_max: 16,
        subscription_messages_max: 16,
        ..Config::default()
    }
}

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, config()).expect("the folder opens")
}

#[async_trait]
impl Harness for OneFolder {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let embedded = open(folder.path());
        Self { folder, embedded }
    }

    async fn client(&self) -> Substrate {
        self.embedded.substrate()
    }

    async fn reopen(self) -> Self {
        let Self { folder, embedded } = self;
        embedded.close().await;
        let embedded = open(folder.path());
        Self { folder, embedded }
    }

    fn watch_buffer(&self) -> usize {
        config().watch_changes_max
    }

    fn subscription_buffer(&self) -> usize {
        config().subscription_messages_max
    }

    async fn damage_commit(&self, stream: &Stream, id: Uuid) -> Injected {
        let db = Connection::open(self.folder.path().join("log.sqlite")).expect("opens");
        let position: i64 = db
            .query_row(
                "SELECT c.position FROM commits c JOIN streams s ON s.id = c.stream
                 WHERE s.name = ?1 AND c.id = ?2",
                params![stream.as_str(), id.as_bytes()],
                |row| row.get(0),
            )
            .expect("the commit is stored");
        let sql = "SELECT bytes FROM commits WHERE position = ?1";
        let mut bytes: Vec<u8> =
            db.query_row(sql, [position], |row| row.get(0)).expect("the commit is stored");
        *bytes.last_mut().expect("a commit has bytes") ^= 1;
        let sql = "UPDATE commits SET bytes = ?2 WHERE position = ?1";
        assert_eq!(db.execute(sql, params![position, bytes]).expect("writable"), 1);
        Injected::Yes
    }

    async fn damage_blob(&self, name: &BlobName) -> Injected {
        let path = name.as_str().replace('.', "/") + ".blob";
        let path = self.folder.path().join("blobs").join(path);
        let mut bytes = fs::read(&path).expect("the blob is stored");
        *bytes.last_mut().expect("a blob's file has bytes") ^= 1;
        fs::write(&path, bytes).expect("writable");
        Injected::Yes
    }
}

callboard_substrate::conformance!(OneFolder);
