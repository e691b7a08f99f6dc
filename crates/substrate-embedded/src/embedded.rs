//! The substrate of one machine: opens the folder, hands out the ports, closes in order.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callboard_substrate::Substrate;

use crate::blobs::BlobFiles;
use crate::bus::LocalBus;
use crate::config::Config;
use crate::database::{self, Schema};
use crate::health::{Health, Monitor};
use crate::kv::{self, Buckets};
use crate::lock::FolderLock;
use crate::log::{self, Log, StartError};
use crate::open_error::OpenError;

/// The four ports on one folder:
///
/// ```text
/// lock         held by the one process that has it open; its pid
/// log.sqlite   the event log (with -wal and -shm while it is open)
/// kv.sqlite    the buckets
/// blobs/       one file per blob
/// blobs.new/   blobs that are being written
/// ```
pub struct Embedded {
    folder: PathBuf,
    lock: Arc<FolderLock>,
    monitor: Arc<Monitor>,
    log: Arc<Log>,
    kv: Arc<Buckets>,
    bus: Arc<LocalBus>,
    blobs: Arc<BlobFiles>,
}

impl Embedded {
    /// Opens `folder`, which is created where it is missing. Blocks on the disk.
    ///
    /// # Errors
    /// See [`OpenError`]. What existed is then unchanged.
    pub fn open(folder: impl Into<PathBuf>, cfg: Config) -> Result<Self, OpenError> {
        let (folder, cfg) = (folder.into(), &cfg);
        cfg.check()?;
        prepare(&folder)?;
        let lock = Arc::new(FolderLock::acquire(&folder)?);
        refuse_missing_log(&folder)?;
        let log_db = database::open_writer(&folder, &log::SCHEMA, cfg)?;
        let kv_db = database::open_writer(&folder, &kv::SCHEMA, cfg)?;
        let monitor = Arc::new(Monitor::default());
        let path = |schema: &Schema| folder.join(schema.file);
        let (log_path, kv_path) = (path(&log::SCHEMA), path(&kv::SCHEMA));
        let log = Log::start(log_path.clone(), log_db, cfg, Arc::clone(&monitor), lock.clone())
            .map_err(|error| not_started(log_path, error))?;
        let kv = Buckets::start(kv_path.clone(), kv_db, cfg, Arc::clone(&monitor), lock.clone())
            .map_err(|error| not_started(kv_path, error))?;
        let blobs = BlobFiles::open(&folder, cfg, Arc::clone(&monitor))?;
        Ok(Self {
            lock,
            monitor,
            log: Arc::new(log),
            kv: Arc::new(kv),
            bus: Arc::new(LocalBus::new(cfg)),
            blobs: Arc::new(blobs),
            folder,
        })
    }

    /// The ports, to be shared by every component.
    #[must_use]
    pub fn substrate(&self) -> Substrate {
        Substrate {
            log: self.log.clone(),
            kv: self.kv.clone(),
            bus: self.bus.clone(),
            blobs: self.blobs.clone(),
            kind: "embedded",
        }
    }

    /// What is wrong now, and counts since the start.
    #[must_use]
    pub fn health(&self) -> Health {
        self.monitor.health()
    }

    /// The folder that is open.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends all work: what was accepted is written, the write-ahead logs are copied to the
    /// databases, and the folder is free for another process. Later calls on the ports fail.
    /// Calling it twice is harmless. Without it, all is as durable, and the next open is slower.
    pub async fn close(&self) {
        self.bus.close();
        self.blobs.close().await;
        self.kv.close().await;
        self.log.close().await;
        self.lock.release();
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

/// Creates the folder, or takes it from the reach of others.
fn prepare(folder: &Path) -> Result<(), OpenError> {
    let failed = |action, source| OpenError::Io { action, path: folder.into(), source };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| failed("create", source))?;
    let mode = fs::metadata(folder).map_err(|source| failed("read", source))?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .map_err(|source| failed("restrict", source))?;
    }
    Ok(())
}

/// The log is created before the buckets: buckets without a log mean that the log was lost.
fn refuse_missing_log(folder: &Path) -> Result<(), OpenError> {
    let (log, kv) = (folder.join(log::SCHEMA.file), folder.join(kv::SCHEMA.file));
    if kv.exists() && !log.exists() {
        let reason = "the file is missing, but that of the buckets is there".to_owned();
        return Err(OpenError::Corrupt { path: log, reason });
    }
    Ok(())
}

fn not_started(path: PathBuf, error: StartError) -> OpenError {
    match error {
        StartError::Database(source) => OpenError::Database { path, source },
        StartError::Thread(source) => start_failed(path, source),
    }
}

fn start_failed(path: PathBuf, source: io::Error) -> OpenError {
    OpenError::Io { action: "start the writer of", path, source }
}
