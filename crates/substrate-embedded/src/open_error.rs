//! Why a folder could not be opened, and what to do.

use std::io;
use std::path::PathBuf;

/// Why [`crate::Embedded::open`] failed. Nothing that existed was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder open.
    #[error(
        "failed to open {}: {} has it open; stop that one (`callboard down`) or choose another \
         folder (`--data-dir`)",
        folder.display(),
        holder(*pid)
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The process that holds it, where its id could be read.
        pid: Option<u32>,
    },
    /// A database is damaged, or is not one.
    #[error(
        "failed to open {}: it is damaged ({reason}); nothing was overwritten: copy the folder away, \
         then restore it from a backup, or salvage what is readable with `sqlite3 … .recover`",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A newer callboard wrote the database.
    #[error(
        "failed to open {}: its format is {found}, this program knows {known} at most; use the newer \
         callboard that wrote it; nothing was changed",
        path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// The operating system refused a file operation.
    #[error("failed to {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
    /// SQLite refused, though the file is not damaged.
    #[error("failed to open the database {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The answer.
        source: rusqlite::Error,
    },
    /// The configuration cannot work.
    #[error("failed to accept the setting {field}: {rule}")]
    BadConfig {
        /// The field.
        field: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}
