//! Opening: what is refused, what is kept, who may read the files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use callboard_substrate::log::Version;
use callboard_substrate::name::BlobName;
use callboard_substrate_embedded::{Config, Embedded, OpenError};
use rusqlite::Connection;

use crate::support::{Owner, open, stream};

/// A closed folder with `n` commits, a key and a blob.
async fn filled(folder: &Path, n: usize) {
    let embedded = open(folder);
    let substrate = embedded.substrate();
    let mut owner = Owner::new("a");
    for _ in 0..n {
        owner.append(&*substrate.log, 1_000).await.1.expect("appended");
    }
    let bucket = callboard_substrate::name::Bucket::new("b").expect("legal");
    let key = callboard_substrate::name::Key::new("k").expect("legal");
    substrate.kv.create(&bucket, &key, b"v".to_vec()).await.expect("written");
    let blob = BlobName::new("a.b").expect("legal");
    substrate.blobs.put(&blob, b"blob".to_vec()).await.expect("stored");
    embedded.close().await;
}

/// Every file below `folder` that holds data, with its bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("named").to_string_lossy().into_owned();
        // The index of the write-ahead log is derived, and the lock names the last who tried.
        if path.is_dir() || name == "lock" || name.ends_with("-shm") {
            continue;
        }
        let bytes = fs::read(&path).expect("readable");
        if !bytes.is_empty() {
            found.insert(name, bytes);
        }
    }
    found
}

/// Damages a filled folder, and checks that it is refused and left as it is.
async fn check_corrupt(damage: impl Fn(&Path)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    filled(folder.path(), 200).await;
    damage(folder.path());
    let before = contents(folder.path());
    for _ in 0..2 {
        let refused = Embedded::open(folder.path(), Config::default());
        let error = refused.err().expect("damage is refused");
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("nothing was overwritten") && text.contains(".sqlite"), "{text}");
    }
    assert!(before == contents(folder.path()), "the files are left as they were");
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    filled(folder.path(), 3).await;
    let embedded = open(folder.path());
    let substrate = embedded.substrate();
    let commits = substrate.log.read(&stream("a"), Version::EMPTY, 10).await.expect("readable");
    assert_eq!(commits.len(), 3);
    let head = substrate.log.head().await.expect("readable");
    assert_eq!(head, commits[2].position);
    let blob = BlobName::new("a.b").expect("legal");
    assert_eq!(substrate.blobs.get(&blob).await.expect("readable"), b"blob");
    embedded.close().await;
}

#[tokio::test]
async fn second_open_is_refused_and_names_the_owner() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = open(folder.path());
    let error = Embedded::open(folder.path(), Config::default()).err().expect("it is locked");
    let OpenError::Locked { folder: named, pid } = &error else { panic!("{error:?}") };
    assert_eq!((named.as_path(), *pid), (folder.path(), Some(std::process::id())));
    let text = error.to_string();
    assert!(text.contains("callboard down") && text.contains("--data-dir"), "{text}");
    first.close().await;
    open(folder.path()).close().await;
}

#[tokio::test]
async fn ports_refuse_after_the_close() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let embedded = open(folder.path());
    let substrate = embedded.substrate();
    embedded.close().await;
    embedded.close().await;
    let error = Owner::new("a").append(&*substrate.log, 1).await.1.expect_err("closed");
    assert!(error.retryable() && error.to_string().contains("closed"), "{error}");
    assert!(substrate.log.tail(Default::default(), 1).await.is_err());
    let blob = BlobName::new("a").expect("legal");
    assert!(substrate.blobs.get(&blob).await.is_err());
}

#[tokio::test]
async fn overwritten_header_is_refused() {
    check_corrupt(|folder| {
        let path = folder.join("log.sqlite");
        let mut bytes = fs::read(&path).expect("readable");
        bytes[..16].copy_from_slice(b"not a database!!");
        fs::write(&path, bytes).expect("writable");
    })
    .await;
}

#[tokio::test]
async fn emptied_and_cut_files_are_refused() {
    for file in ["log.sqlite", "kv.sqlite"] {
        for n_bytes in [0, 100, 5_000] {
            check_corrupt(|folder| {
                let bytes = fs::read(folder.join(file)).expect("readable");
                fs::write(folder.join(file), &bytes[..n_bytes]).expect("writable");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn overwritten_page_is_refused() {
    check_corrupt(|folder| {
        let path = folder.join("log.sqlite");
        let mut bytes = fs::read(&path).expect("readable");
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 4096].fill(0xA5);
        fs::write(&path, bytes).expect("writable");
    })
    .await;
}

#[tokio::test]
async fn missing_log_beside_its_buckets_is_refused() {
    check_corrupt(|folder| fs::remove_file(folder.join("log.sqlite")).expect("removable")).await;
}

#[tokio::test]
async fn someone_elses_database_is_refused() {
    check_corrupt(|folder| {
        let path = folder.join("log.sqlite");
        fs::remove_file(&path).expect("removable");
        let db = Connection::open(&path).expect("creatable");
        db.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1);").expect("writable");
    })
    .await;
}

#[tokio::test]
async fn newer_format_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    filled(folder.path(), 1).await;
    let path = folder.path().join("log.sqlite");
    let db = Connection::open(&path).expect("opens");
    db.pragma_update(None, "user_version", 99).expect("writable");
    drop(db);
    let error = Embedded::open(folder.path(), Config::default()).err().expect("too new");
    assert!(matches!(error, OpenError::TooNew { found: 99, known: 1, .. }), "{error:?}");
}

#[tokio::test]
async fn limits_that_cannot_work_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cfg = Config { queue_max: 0, ..Config::default() };
    let error = Embedded::open(folder.path(), cfg).err().expect("refused");
    assert!(matches!(error, OpenError::BadConfig { field: "queue_max", .. }), "{error:?}");
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("changeable");
    let embedded = open(folder.path());
    let substrate = embedded.substrate();
    Owner::new("a").append(&*substrate.log, 10).await.1.expect("appended");
    let blob = BlobName::new("a.b").expect("legal");
    substrate.blobs.put(&blob, b"blob".to_vec()).await.expect("stored");
    check_modes(folder.path());
    embedded.close().await;
}

fn check_modes(path: &Path) {
    let facts = fs::metadata(path).expect("readable");
    let expected = if facts.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(facts.permissions().mode() & 0o777, expected, "{}", path.display());
    if facts.is_dir() {
        for entry in fs::read_dir(path).expect("readable") {
            check_modes(&entry.expect("readable").path());
        }
    }
}
