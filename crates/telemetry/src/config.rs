//! What to log, how and where.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object per line, for programs.
    Json,
}

/// What to log, how and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How a line looks.
    pub format: Format,
    /// Which events are logged, as `tracing` filter directives: `info`, `warn,callboard_node=debug`.
    pub filter: String,
    /// The file to append to; standard error without one.
    pub file: Option<PathBuf>,
    /// The size at which the file is renamed to `<file>.1`, replacing the one before, and begun
    /// anew. So the logs take at most twice this space.
    pub file_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: Format::Text,
            filter: "info".to_owned(),
            file: None,
            file_bytes_max: 64 * 1024 * 1024,
        }
    }
}
