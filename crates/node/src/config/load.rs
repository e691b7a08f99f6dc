//! Reads the configuration: defaults, files, environment, flags, in this order; the later wins.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::check;
use crate::config::section::Config;

/// The system's file.
const SYSTEM_FILE: &str = "/etc/callboard/callboard.toml";
/// The file in the present folder.
const LOCAL_FILE: &str = "callboard.toml";
/// What variables of the environment begin with: `CALLBOARD__NODE__NAME`.
const ENV_PREFIX: &str = "CALLBOARD";

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file that a flag names.
    pub file: Option<PathBuf>,
    /// What flags set, as `section.key` and a TOML value or plain text.
    pub overrides: Vec<(String, String)>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read or has a wrong key or value.
    #[error("failed to read the configuration: {reason}")]
    Read {
        /// The file, key, value and rule.
        reason: String,
    },
    /// Values that do not go together.
    #[error("failed to accept the configuration: {key} = {value}: {rule}")]
    Inconsistent {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What it breaks.
        rule: String,
    },
}

fn read(error: impl fmt::Display) -> ConfigError {
    ConfigError::Read { reason: error.to_string() }
}

/// Reads and checks the configuration.
///
/// # Errors
/// See [`ConfigError`].
pub fn load(origin: &Origin) -> Result<Config, ConfigError> {
    let mut builder = config::Config::builder();
    for path in [SYSTEM_FILE, LOCAL_FILE] {
        if Path::new(path).exists() {
            builder = builder.add_source(file(Path::new(path)));
        }
    }
    if let Some(path) = &origin.file {
        builder = builder.add_source(file(path));
    }
    let environment = config::Environment::with_prefix(ENV_PREFIX)
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true);
    builder = builder.add_source(environment);
    for (key, value) in &origin.overrides {
        builder = builder.set_override(key, value.as_str()).map_err(read)?;
    }
    let cfg: Config = builder.build().map_err(read)?.try_deserialize().map_err(read)?;
    check::check(&cfg)?;
    Ok(cfg)
}

fn file(path: &Path) -> config::File<config::FileSourceFile, config::FileFormat> {
    config::File::from(path).format(config::FileFormat::Toml)
}
