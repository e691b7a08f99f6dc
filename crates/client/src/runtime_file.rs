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
        let file: Self =
            serde_json::from_str(&text).map_err(|error| bad(path, error.to_string()))?;
        if file.is_of(path) { Ok(file) } else { Err(Error::NoNode { path: path.to_owned() }) }
    }

    /// Whether the file at `path` was written there: the copy of a data folder names the node of the
    /// original, which commands on the copy must not reach.
    fn is_of(&self, path: &Path) -> bool {
        let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
        folder(path) == folder(&self.token_file)
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

#[cfg(test)]
mod tests {
    use callboard_api::error::Code;

    use super::*;
    use crate::Client;

    #[test]
    fn each_trouble_with_the_files_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, token_file) = (folder.path().join("node.json"), folder.path().join("token"));
        let code = || Client::from_runtime_file(&path).expect_err("trouble").code();
        assert_eq!(code(), Code::Unreachable);
        std::fs::write(&path, "{").expect("written");
        assert_eq!(code(), Code::Failed);
        let (url, version) = ("http://127.0.0.1:9".to_owned(), "0.1.0".to_owned());
        let file = RuntimeFile { pid: 1, url, token_file: token_file.clone(), version };
        std::fs::write(&path, serde_json::to_vec(&file).expect("JSON")).expect("written");
        assert_eq!(code(), Code::Failed);
        std::fs::write(&token_file, "secret\n").expect("written");
        assert_eq!(file.token().expect("a token"), "secret");
        let client = Client::from_runtime_file(&path).expect("a client");
        // Nothing listens on the discard port: the node is gone.
        assert_eq!(client.status().expect_err("gone").code(), Code::Unreachable);
    }
}
