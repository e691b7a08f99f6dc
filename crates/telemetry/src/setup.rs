//! Builds the one subscriber of a process.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, Format};
use crate::file::BoundedFile;

/// Why logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter breaks the syntax.
    #[error("failed to read the log filter {filter:?}")]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The file cannot be written.
    #[error("failed to open the log file {}", path.display())]
    File {
        /// As configured.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Logs were set up before in this process.
    #[error("failed to set up logs: they are set up already")]
    Again,
}

/// Sets up the logs of this process. Events before it are lost.
///
/// # Errors
/// See [`Error`]; nothing is set up then.
pub fn init(cfg: &Config) -> Result<(), Error> {
    let result = match &cfg.file {
        None => tracing::subscriber::set_global_default(subscriber(cfg, io::stderr)?),
        Some(path) => {
            let file = BoundedFile::open(path, cfg.file_bytes_max)
                .map_err(|source| Error::File { path: path.clone(), source })?;
            tracing::subscriber::set_global_default(subscriber(cfg, Mutex::new(file))?)
        }
    };
    result.map_err(|_| Error::Again)
}

fn subscriber<W>(cfg: &Config, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, Error>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(&cfg.filter)
        .map_err(|source| Error::Filter { filter: cfg.filter.clone(), source })?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer);
    Ok(match cfg.format {
        Format::Text => Box::new(builder.finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines_carry_fields_and_respect_the_filter() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.log");
        let cfg = Config {
            format: Format::Json,
            filter: "warn".to_owned(),
            file: Some(path.clone()),
            ..Config::default()
        };
        init(&cfg).expect("the first set-up");
        tracing::info!("too quiet");
        tracing::warn!(task_id = "t-1", "task lost");
        assert!(matches!(init(&cfg), Err(Error::Again)));

        let text = std::fs::read_to_string(&path).expect("readable");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "task lost");
        assert_eq!(lines[0]["task_id"], "t-1");
    }

    #[test]
    fn bad_filter_and_file_are_named() {
        let cfg = Config { filter: "a=b=c".to_owned(), ..Config::default() };
        assert!(matches!(init(&cfg), Err(Error::Filter { .. })));
        let cfg = Config { file: Some("/dev/null/a.log".into()), ..Config::default() };
        assert!(matches!(init(&cfg), Err(Error::File { .. })));
    }
}
