//! Blobs as files. Each begins with a line that holds its length and its digest.
//!
//! The name `a.b.c` is the file `blobs/a/b/c.blob`: tokens are legal file names, and a token has no
//! dot, so a blob never collides with a folder. The file system must tell upper from lower case.
//! A file is written in `blobs.new/`, synced and renamed; what a crash leaves there is removed when
//! the folder is opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use callboard_stdx::digest::sha256_hex;
use callboard_stdx::fs::sync_folder;
use callboard_stdx::task;
use callboard_substrate::Blobs;
use callboard_substrate::blobs::{BlobError, BlobInfo};
use callboard_substrate::name::BlobName;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::health::Monitor;
use crate::open_error::OpenError;
use crate::trouble::explain_io;

const MAGIC: &str = "callboard-blob-1";
const SUFFIX: &str = ".blob";
/// Longer first lines are not ours.
const HEADER_BYTES_MAX: u64 = 128;

/// The blobs.
pub(crate) struct BlobFiles {
    shared: Arc<Shared>,
    workers: Arc<Semaphore>,
    n_workers: u32,
    bytes_max: u64,
}

struct Shared {
    root: PathBuf,
    new: PathBuf,
    next_new: AtomicU64,
    /// Writers of files share it; who removes empty folders has it alone.
    folders: RwLock<()>,
    monitor: Arc<Monitor>,
}

impl BlobFiles {
    pub(crate) fn open(
        folder: &Path,
        cfg: &Config,
        monitor: Arc<Monitor>,
    ) -> Result<Self, OpenError> {
        let (root, new) = (folder.join("blobs"), folder.join("blobs.new"));
        let failed =
            |action, path: &Path, source| OpenError::Io { action, path: path.into(), source };
        match fs::remove_dir_all(&new) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("clear", &new, source)),
        }
        for path in [&root, &new] {
            make_folder(path).map_err(|source| failed("create", path, source))?;
        }
        let folders = RwLock::new(());
        let shared = Shared { root, new, next_new: AtomicU64::new(0), folders, monitor };
        Ok(Self {
            shared: Arc::new(shared),
            workers: Arc::new(Semaphore::new(cfg.blob_workers)),
            n_workers: u32::try_from(cfg.blob_workers).unwrap_or(u32::MAX),
            bytes_max: cfg.blob_bytes_max,
        })
    }

    /// Waits for what is under way; later calls are `Unavailable`.
    pub(crate) async fn close(&self) {
        let all = self.workers.acquire_many(self.n_workers).await;
        self.workers.close();
        drop(all);
    }

    async fn run<T: Send + 'static>(
        &self,
        name: &BlobName,
        work: impl FnOnce(&Shared, &BlobName) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, BlobError> {
        let Ok(permit) = Arc::clone(&self.workers).acquire_owned().await else {
            let reason = "the substrate is closed".to_owned();
            return Err(BlobError::Unavailable { name: name.clone(), reason });
        };
        let (shared, name) = (Arc::clone(&self.shared), name.clone());
        task::spawn_blocking("embedded blob", move || {
            let _permit = permit;
            work(&shared, &name).map_err(|trouble| match trouble {
                Trouble::Blob(error) => error,
                Trouble::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                    BlobError::NotFound { name }
                }
                Trouble::Io(error) => {
                    let reason = explain_io(&shared.root, &error);
                    BlobError::Unavailable { name, reason }
                }
            })
        })
        .await
    }
}

/// Why work on a file failed.
enum Trouble {
    Io(io::Error),
    Blob(BlobError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[async_trait]
impl Blobs for BlobFiles {
    async fn put(&self, name: &BlobName, bytes: Vec<u8>) -> Result<BlobInfo, BlobError> {
        let n = bytes.len() as u64;
        if n > self.bytes_max {
            let (name, bytes_max) = (name.clone(), self.bytes_max);
            return Err(BlobError::TooLarge { name, bytes: n, bytes_max });
        }
        self.run(name, move |shared, name| {
            let info = BlobInfo { name: name.clone(), bytes: n, sha256: sha256_hex(&bytes) };
            match shared.put(&info, &bytes) {
                Ok(()) => {
                    shared.monitor.clear("blobs");
                    Ok(info)
                }
                Err(error) => {
                    shared.monitor.raise("blobs", &explain_io(&shared.root, &error));
                    shared.monitor.count_not_written(1);
                    Err(Trouble::Io(error))
                }
            }
        })
        .await
    }

    async fn get(&self, name: &BlobName) -> Result<Vec<u8>, BlobError> {
        self.run(name, |shared, name| shared.get(name)).await
    }

    async fn delete(&self, name: &BlobName) -> Result<(), BlobError> {
        self.run(name, |shared, name| Ok(shared.delete(name)?)).await
    }

    async fn list(&self, prefix: &BlobName) -> Result<Vec<BlobInfo>, BlobError> {
        self.run(prefix, |shared, prefix| shared.list(prefix)).await
    }

    fn bytes_max(&self) -> u64 {
        self.bytes_max
    }
}

impl Shared {
    /// The folder that the name's last token would be, and the file.
    fn paths(&self, name: &BlobName) -> (PathBuf, PathBuf) {
        let folder =
            name.as_str().split('.').fold(self.root.clone(), |path, token| path.join(token));
        let mut file = folder.clone().into_os_string();
        file.push(SUFFIX);
        (folder, PathBuf::from(file))
    }

    fn put(&self, info: &BlobInfo, bytes: &[u8]) -> io::Result<()> {
        let (_, path) = self.paths(&info.name);
        let parent = path.parent().ok_or_else(|| io::Error::other("a blob has no folder"))?;
        let new = self.new.join(self.next_new.fetch_add(1, Ordering::Relaxed).to_string());
        let _folders = self.folders.read().unwrap_or_else(PoisonError::into_inner);
        let written = write_synced(&new, info, bytes)
            .and_then(|()| make_folder(parent))
            .and_then(|()| fs::rename(&new, &path));
        if let Err(error) = written {
            // The error that matters is the first one.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        // New folders are durable with their parents.
        for folder in parent.ancestors().take_while(|folder| folder.starts_with(&self.root)) {
            sync_folder(folder)?;
        }
        Ok(())
    }

    fn get(&self, name: &BlobName) -> Result<Vec<u8>, Trouble> {
        let (_, path) = self.paths(name);
        let (info, mut file) = open(name, &path)?;
        let mut bytes = Vec::with_capacity(usize::try_from(info.bytes).unwrap_or(0).min(1 << 28));
        file.read_to_end(&mut bytes)?;
        let actual = sha256_hex(&bytes);
        if actual != info.sha256 {
            return Err(damaged(name, info.sha256, actual));
        }
        Ok(bytes)
    }

    fn delete(&self, name: &BlobName) -> io::Result<()> {
        let (_, path) = self.paths(name);
        let _folders = self.folders.write().unwrap_or_else(PoisonError::into_inner);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        let parents = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root));
        for folder in parents {
            sync_folder(folder)?;
            // A folder that is not empty stays, and so do those above it.
            if folder == self.root || fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn list(&self, prefix: &BlobName) -> Result<Vec<BlobInfo>, Trouble> {
        let (folder, file) = self.paths(prefix);
        let mut infos = Vec::new();
        match open(prefix, &file) {
            Ok((info, _)) => infos.push(info),
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(trouble) => return Err(trouble),
        }
        collect(prefix.as_str(), &folder, &mut infos)?;
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(infos)
    }
}

/// Adds the blobs below `folder`, whose name is `prefix`. Names have six tokens at most, and so has
/// the depth.
fn collect(prefix: &str, folder: &Path, infos: &mut Vec<BlobInfo>) -> Result<(), Trouble> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        if entry.file_type()?.is_dir() {
            collect(&format!("{prefix}.{file_name}"), &entry.path(), infos)?;
            continue;
        }
        let Some(token) = file_name.strip_suffix(SUFFIX) else { continue };
        let Ok(name) = BlobName::new(format!("{prefix}.{token}")) else { continue };
        match open(&name, &entry.path()) {
            Ok((info, _)) => infos.push(info),
            // Deleted meanwhile.
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}

/// Opens a blob's file and reads its first line; what follows are the bytes.
fn open(name: &BlobName, path: &Path) -> Result<(BlobInfo, BufReader<File>), Trouble> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    file.by_ref().take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)?;
    let text = String::from_utf8_lossy(&line);
    let mut fields = text.trim_end().split(' ');
    let header = (fields.next(), fields.next(), fields.next().map(str::parse), fields.next());
    match header {
        (Some(MAGIC), Some(sha256), Some(Ok(bytes)), None) if sha256.len() == 64 => {
            let info = BlobInfo { name: name.clone(), bytes, sha256: sha256.to_owned() };
            Ok((info, file))
        }
        _ => Err(damaged(name, "in a readable first line".to_owned(), "unreadable".to_owned())),
    }
}

fn damaged(name: &BlobName, expected: String, actual: String) -> Trouble {
    Trouble::Blob(BlobError::Damaged { name: name.clone(), expected, actual })
}

fn write_synced(path: &Path, info: &BlobInfo, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{MAGIC} {} {}", info.sha256, info.bytes)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
