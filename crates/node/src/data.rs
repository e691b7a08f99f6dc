//! The data folder: what lies where, with which rights, and the cluster key.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use callboard_stdx::digest;

/// The shortest token that is accepted.
const TOKEN_LEN_MIN: usize = 16;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is no place for it.
    #[error("failed to find a data folder: set XDG_DATA_HOME or HOME, or give --data-dir")]
    NoHome,
    /// A file or folder cannot be used.
    #[error("failed to use {path}")]
    Io {
        /// It.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The token could be guessed.
    #[error(
        "failed to accept the token file {path}: it must hold at least {TOKEN_LEN_MIN} characters; remove it to have one made"
    )]
    WeakToken {
        /// The file.
        path: PathBuf,
    },
    /// The key file does not hold a key.
    #[error(
        "failed to read the cluster key {path}: it must hold 64 hexadecimal digits; restore it, or checkpoints cannot be read"
    )]
    BadKey {
        /// The file.
        path: PathBuf,
    },
}

/// Where a node keeps everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder that is named, else `$XDG_DATA_HOME/callboard`, else `~/.local/share/callboard`.
    ///
    /// # Errors
    /// [`DataError::NoHome`].
    #[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
    pub fn find(named: Option<&Path>) -> Result<Self, DataError> {
        if let Some(path) = named {
            let absolute = std::path::absolute(path)
                .map_err(|source| DataError::Io { path: path.to_owned(), source })?;
            return Ok(Self(absolute));
        }
        let set =
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        set("XDG_DATA_HOME")
            .or_else(|| set("HOME").map(|home| home.join(".local/share")))
            .map(|folder| Self(folder.join("callboard")))
            .ok_or(DataError::NoHome)
    }

    /// Makes it where it is missing, for this user alone.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn create(&self) -> Result<(), DataError> {
        let io = |source| DataError::Io { path: self.0.clone(), source };
        fs::create_dir_all(&self.0).map_err(io)?;
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)).map_err(io)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The id that marks the processes of this folder's node.
    #[must_use]
    pub fn owner(&self) -> String {
        digest::sha256_hex(self.0.as_os_str().as_encoded_bytes())[..16].to_owned()
    }

    /// The log, buckets and blobs.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Mirrors and workspaces.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// What programs said.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.0.join("output")
    }

    /// The token of the HTTP interface.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }

    /// Where a running node says how to reach it.
    #[must_use]
    pub fn runtime_file(&self) -> PathBuf {
        self.0.join("node.json")
    }

    /// Credentials of programs.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets.toml")
    }

    /// The log of a node in the background.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.0.join("node.log")
    }

    /// The cluster key, made at first use.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn cluster_key(&self) -> Result<[u8; 32], DataError> {
        let path = self.0.join("cluster.key");
        let text = read_or_make(&path, 32)?;
        let bytes = hex::decode(text.trim()).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(DataError::BadKey { path })
    }

    /// The token of the HTTP interface, made at first use.
    ///
    /// # Errors
    /// [`DataError::Io`]; [`DataError::WeakToken`] for a file that was emptied or cut.
    pub fn read_token(&self) -> Result<String, DataError> {
        let path = self.token();
        let token = read_or_make(&path, 24)?.trim().to_owned();
        if token.len() < TOKEN_LEN_MIN { Err(DataError::WeakToken { path }) } else { Ok(token) }
    }
}

/// The content of a secret file; made from `n_bytes` random ones where it is missing.
fn read_or_make(path: &Path, n_bytes: usize) -> Result<String, DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let mut bytes = vec![0_u8; n_bytes];
    getrandom::fill(&mut bytes).map_err(|error| io(io::Error::other(error)))?;
    let text = hex::encode(bytes);
    callboard_stdx::fs::write_atomic(path, format!("{text}\n").as_bytes(), 0o600).map_err(io)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emptied_token_file_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = DataFolder(folder.path().to_owned());
        let made = data.read_token().expect("it is made");
        assert_eq!(data.read_token().expect("it is read"), made);
        fs::write(data.token(), "\n").expect("writable");
        assert!(matches!(data.read_token(), Err(DataError::WeakToken { .. })));
    }
}
