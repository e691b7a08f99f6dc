//! Opens the SQLite files: creates new ones aside, checks old ones first and read-only, migrates.
//!
//! A new database is built as `<name>.new` and renamed when it is complete, so that a file under
//! its real name that is empty or short is always damage, never the trace of a crash.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use callboard_stdx::fs::sync_folder;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::config::Config;
use crate::natural::Natural;
use crate::open_error::OpenError;
use crate::trouble::Trouble;

/// "CBLD" in the header of each of our databases.
const APPLICATION_ID: u32 = 0x4342_4C44;
const PAGE_BYTES: u64 = 4096;
const STATEMENTS_CACHED: usize = 32;

/// One of our databases: its file name and the migrations from each format to the next.
pub(crate) struct Schema {
    pub(crate) file: &'static str,
    pub(crate) migrations: &'static [&'static str],
    /// Reads the newest rows: what must be readable for the next append.
    pub(crate) probe: &'static str,
}

/// Opens the writer's connection to the database in `folder`, which is created where it is missing.
pub(crate) fn open_writer(
    folder: &Path,
    schema: &Schema,
    cfg: &Config,
) -> Result<Connection, OpenError> {
    let path = folder.join(schema.file);
    if path.try_exists().map_err(|source| io_error("find", &path, source))? {
        check(&path, schema, cfg)?;
    } else {
        refuse_orphaned_wal(&path)?;
        create(folder, &path)?;
    }
    let db = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, cfg.wait_max())
        .map_err(|e| failed(&path, e))?;
    configure_writer(&db, cfg).map_err(|e| failed(&path, e))?;
    migrate(&db, schema).map_err(|e| failed(&path, e))?;
    Ok(db)
}

/// Opens a connection that can only read.
pub(crate) fn open_reader(path: &Path, wait_max: Duration) -> rusqlite::Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, wait_max)
}

/// Copies the write-ahead log to the database, so that the next start is quick.
pub(crate) fn checkpoint(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// `wait_max`: how long another program's lock on the file is waited for.
fn connect(path: &Path, access: OpenFlags, wait_max: Duration) -> rusqlite::Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(wait_max)?;
    // A connection that closes must not write to a file that may just have proved damaged.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(db)
}

fn configure_writer(db: &Connection, cfg: &Config) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Only macOS needs to be told that a sync shall reach the disk.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    db.pragma_update(None, "wal_autocheckpoint", cfg.checkpoint_pages)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    if let Some(bytes) = cfg.database_bytes_max {
        let pages = i64::try_from((bytes / PAGE_BYTES).max(1)).unwrap_or(i64::MAX);
        db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    Ok(())
}

/// Brings the schema to the newest format, each step in a transaction of its own.
fn migrate(db: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    let found = usize::try_from(user_version(db)?).unwrap_or(usize::MAX);
    for (idx, migration) in schema.migrations.iter().enumerate().skip(found) {
        let to = idx + 1;
        db.execute_batch(&format!("BEGIN;\n{migration}\nPRAGMA user_version = {to};\nCOMMIT;"))?;
    }
    Ok(())
}

fn user_version(db: &Connection) -> rusqlite::Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Builds an empty database aside and renames it; its tables come with the migrations.
fn create(folder: &Path, path: &Path) -> Result<(), OpenError> {
    let mut new = path.to_path_buf().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(io_error("remove", &new, source)),
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .map_err(|source| io_error("create", &new, source))?;
    initialise(&new).map_err(|e| failed(&new, e))?;
    file.sync_all().map_err(|source| io_error("sync", &new, source))?;
    fs::rename(&new, path).map_err(|source| io_error("rename", &new, source))?;
    sync_folder(folder).map_err(|source| io_error("sync", folder, source))
}

fn initialise(path: &Path) -> rusqlite::Result<()> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, Duration::ZERO)?;
    db.pragma_update(None, "page_size", Natural(PAGE_BYTES))?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.execute_batch("CREATE TABLE fence (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;")?;
    db.execute("INSERT INTO fence (id, n) VALUES (1, 0)", [])?;
    db.close().map_err(|(_, error)| error)
}

/// A write-ahead log without its database means that the database was moved or lost.
fn refuse_orphaned_wal(path: &Path) -> Result<(), OpenError> {
    let mut wal = path.to_path_buf().into_os_string();
    wal.push("-wal");
    match fs::metadata(&wal) {
        Ok(facts) if facts.len() > 0 => {
            Err(corrupt(path, "the file is missing, but its write-ahead log is there"))
        }
        _ => Ok(()),
    }
}

/// Looks at an existing file without changing it.
fn check(path: &Path, schema: &Schema, cfg: &Config) -> Result<(), OpenError> {
    let facts = fs::metadata(path).map_err(|source| io_error("read", path, source))?;
    if facts.len() < PAGE_BYTES {
        return Err(corrupt(path, &format!("it has {} bytes only", facts.len())));
    }
    if facts.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(|source| io_error("restrict", path, source))?;
    }
    let db = open_reader(path, cfg.wait_max()).map_err(|e| failed(path, e))?;
    let application_id: u32 = db
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|e| failed(path, e))?;
    if application_id != APPLICATION_ID {
        return Err(corrupt(path, "it is not a database of callboard"));
    }
    let found = user_version(&db).map_err(|e| failed(path, e))?;
    let known = u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::TooNew { path: path.into(), found, known });
    }
    if facts.len() <= cfg.quick_check_bytes_max {
        let answer: String = db
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|e| failed(path, e))?;
        if answer != "ok" {
            return Err(corrupt(path, &answer));
        }
    }
    if found == known {
        probe(&db, schema.probe).map_err(|e| failed(path, e))?;
    }
    Ok(())
}

fn probe(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn failed(path: &Path, source: rusqlite::Error) -> OpenError {
    match Trouble::of(&source) {
        Trouble::Damaged => corrupt(path, &source.to_string()),
        Trouble::Full | Trouble::Busy | Trouble::Other => {
            OpenError::Database { path: path.into(), source }
        }
    }
}

fn corrupt(path: &Path, reason: &str) -> OpenError {
    OpenError::Corrupt { path: path.into(), reason: reason.to_owned() }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { action, path: path.into(), source }
}
