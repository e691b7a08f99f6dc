//! How a running node says where it is: written after everything is up, removed at the end.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeFile {
    /// Its process.
    pub pid: u32,
    /// The address of its HTTP interface.
    pub url: String,
    /// The file with the token.
    pub token_file: PathBuf,
    /// Its version.
    pub version: String,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to use {path}")]
pub struct RuntimeFileError {
    /// The file.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub source: io::Error,
}

impl RuntimeFile {
    /// Writes it.
    ///
    /// # Errors
    /// [`RuntimeFileError`].
    pub fn write(&self, path: &Path) -> Result<(), RuntimeFileError> {
        let failed = |source| RuntimeFileError { path: path.to_owned(), source };
        let json = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        callboard_stdx::fs::write_atomic(path, &json, 0o600).map_err(failed)
    }

    /// Reads it; `None` where there is none.
    ///
    /// # Errors
    /// [`RuntimeFileError`].
    pub fn read(path: &Path) -> Result<Option<Self>, RuntimeFileError> {
        let failed = |source| RuntimeFileError { path: path.to_owned(), source };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let file: Self = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
        Ok(Some(file).filter(|file| file.is_of(path)))
    }

    /// Whether the file at `path` was written there: the copy of a data folder names the node of the
    /// original, which commands on the copy must not reach.
    fn is_of(&self, path: &Path) -> bool {
        let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
        folder(path) == folder(&self.token_file)
    }

    /// Removes it, if it is still this process's.
    pub fn remove(path: &Path) {
        let own =
            Self::read(path).ok().flatten().is_some_and(|file| file.pid == std::process::id());
        if own {
            // A file that stays names a process that is gone: the reader finds that out.
            let _ = std::fs::remove_file(path);
        }
    }
}
