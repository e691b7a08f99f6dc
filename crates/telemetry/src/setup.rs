//! Builds the one subscriber of a process.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
        None => {
            tracing::subscriber::set_global_default(subscriber(cfg, Lenient::new(io::stderr()))?)
        }
        Some(path) => {
            let file = BoundedFile::open(path, cfg.file_bytes_max)
                .map_err(|source| Error::File { path: path.clone(), source })?;
            tracing::subscriber::set_global_default(subscriber(cfg, Lenient::new(file))?)
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
    // Its own complaints would go to standard error, which may be what cannot be written.
    let builder = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(writer);
    Ok(match cfg.format {
        Format::Text => Box::new(builder.finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

/// A writer that nobody fails by: a line that cannot be written is dropped (a full disk, a closed
/// terminal), and a panic in one thread does not end the logs of the others.
struct Lenient<W>(Mutex<W>);

impl<W> Lenient<W> {
    fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lenient<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Line<'a, W>(MutexGuard<'a, W>);

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What is lost is a line of the log; the program goes on.
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
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

    #[test]
    fn full_disk_and_panics_do_not_end_the_logs() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let logs = Lenient::new(Full);
        assert!(logs.make_writer().write_all(b"line").is_ok());
        let panicked = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _held = logs.make_writer();
                    panic!("while writing");
                })
                .join()
        });
        assert!(panicked.is_err());
        assert!(logs.make_writer().write_all(b"line").is_ok());
    }
}
