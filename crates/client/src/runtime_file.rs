//! Where a running node is: the file that it writes, and the token's file that it names.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;

/// Where a running node is.
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

impl RuntimeFile {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::NoNode`] where there is none, [`Error::BadFile`] where it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = read(path)?.ok_or_else(|| Error::NoNode { path: path.to_owned() })?;
        serde_json::from_str(&text).map_err(|error| bad(path, error.to_string()))
    }

    /// Reads the token.
    ///
    /// # Errors
    /// [`Error::BadFile`].
    pub fn token(&self) -> Result<String, Error> {
        let missing =
            || bad(&self.token_file, "it does not exist, though a node names it".to_owned());
        let text = read(&self.token_file)?.ok_or_else(missing)?;
        Ok(text.trim().to_owned())
    }
}

fn bad(path: &Path, reason: String) -> Error {
    Error::BadFile { path: path.to_owned(), reason }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(bad(path, error.to_string())),
    }
}
