//! Credentials of programs: a file that only its owner may read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why the secrets cannot be used. The text never holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    /// The file cannot be read.
    #[error("failed to read the secrets file {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Others could read it.
    #[error(
        "failed to accept the secrets file {path}: others may read it (mode {mode:o}); run chmod 600 on it"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It has another shape.
    #[error(
        "failed to read the secrets file {path}: use [env.RUNTIME] sections with NAME = \"value\" lines"
    )]
    Shape {
        /// The file.
        path: PathBuf,
    },
}

/// Environment of programs, by runtime.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    #[serde(default)]
    pub(crate) env: BTreeMap<String, BTreeMap<String, String>>,
}

impl Secrets {
    /// Reads the file; no file, no secrets.
    pub(crate) fn read(path: &Path) -> Result<Self, SecretsError> {
        let failed = |source| SecretsError::Io { path: path.to_owned(), source };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretsError::Open { path: path.to_owned(), mode });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        // The parser's own message would quote the line, and with it the secret.
        toml::from_str(&text).map_err(|_| SecretsError::Shape { path: path.to_owned() })
    }
}
