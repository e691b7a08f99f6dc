//! Files and folders of the node, off the runtime's threads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use callboard_agent::workspace::Error;
use callboard_stdx::task::spawn_blocking;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::locks::held;

/// The error of an operation on a file.
pub(crate) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |source| Error::Io { operation, path, source }
}

/// Runs blocking work about `path`.
pub(crate) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let held = held();
    let work = move || {
        let result = work();
        drop(held);
        result
    };
    spawn_blocking("workspace file", work).await.map_err(io_error(operation, path))
}

pub(crate) async fn create_folder(path: &Path) -> Result<(), Error> {
    let owned = path.to_path_buf();
    blocking("create", path, move || fs::create_dir_all(owned)).await
}

/// Removes a folder with all in it; one that does not exist is no error.
pub(crate) async fn remove_folder(path: &Path) -> Result<(), Error> {
    let owned = path.to_path_buf();
    blocking("remove", path, move || match fs::remove_dir_all(&owned) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(&owned)?;
            fs::remove_dir_all(&owned)
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
    .await
}

/// Programs leave folders without write permission behind (module caches do).
fn make_writable(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

pub(crate) async fn remove_file(path: &Path) -> Result<(), Error> {
    let owned = path.to_path_buf();
    blocking("remove", path, move || match fs::remove_file(owned) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
    .await
}

pub(crate) async fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    let (owned_from, owned_to) = (from.to_path_buf(), to.to_path_buf());
    blocking("rename", from, move || fs::rename(owned_from, owned_to)).await
}

pub(crate) async fn exists(path: &Path) -> bool {
    tokio::fs::symlink_metadata(path).await.is_ok()
}

pub(crate) async fn read(path: &Path) -> Result<Vec<u8>, Error> {
    tokio::fs::read(path).await.map_err(io_error("read", path))
}

/// Reads a small JSON file of ours. One that is missing or of another version is `None`: all that
/// they say can be found out again.
pub(crate) async fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = tokio::fs::read(path).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Writes a small JSON file of ours, whole or not at all.
pub(crate) async fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(value).expect("our own values have string keys only");
    let owned = path.to_path_buf();
    blocking("write", path, move || callboard_stdx::fs::write_atomic(&owned, &bytes, 0o600)).await
}

/// A file in the scratch folder that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) async fn new(folder: &Path) -> Result<Self, Error> {
        create_folder(folder).await?;
        Ok(Self(folder.join(uuid::Uuid::now_v7().to_string())))
    }

    pub(crate) async fn with_bytes(folder: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let scratch = Self::new(folder).await?;
        tokio::fs::write(&scratch.0, bytes).await.map_err(io_error("write", &scratch.0))?;
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind by a crash is removed at the next start.
        let _ = fs::remove_file(&self.0);
    }
}
