//! What an error of SQLite or of a file means for the caller, in words that say what to do.

use std::io;
use std::path::Path;

use callboard_substrate::log::ReadError;
use rusqlite::ErrorCode;

/// The kinds of trouble that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No space: nothing of the transaction can have become durable.
    Full,
    /// Somebody else holds the database: nothing was begun.
    Busy,
    /// The file is damaged.
    Damaged,
    /// The disk, or anything else.
    Other,
}

impl Trouble {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(_) => Self::Other,
            None if is_conversion(error) => Self::Damaged,
            None => Self::Other,
        }
    }

    /// What happened to the database at `path`, and what to do about it.
    pub(crate) fn explain(self, path: &Path, error: &rusqlite::Error) -> String {
        let path = path.display();
        match self {
            Self::Full => format!(
                "no space is left for {path}: free some on that disk, raise database_bytes_max if it \
                 is set, or move the folder and use --data-dir; what was acknowledged is safe"
            ),
            Self::Busy => {
                format!("{path} is in use by another program: close it there, then retry")
            }
            Self::Damaged => format!(
                "{path} is damaged ({error}): stop the node, copy the folder away, then restore it \
                 from a backup; nothing was overwritten"
            ),
            Self::Other => format!("{path} could not be written or read: {error}"),
        }
    }
}

/// A stored value of another type or length than the schema says.
fn is_conversion(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
    )
}

/// Maps an error of a read of `what`.
pub(crate) fn read_error(what: String, path: &Path, error: &rusqlite::Error) -> ReadError {
    let trouble = Trouble::of(error);
    let reason = trouble.explain(path, error);
    match trouble {
        Trouble::Damaged => ReadError::Damaged { what, reason },
        Trouble::Full | Trouble::Busy | Trouble::Other => ReadError::Unavailable { what, reason },
    }
}

/// What an I/O error below `folder` means, and what to do about it.
pub(crate) fn explain_io(folder: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!(
            "no space is left for {}: free some on that disk, or move the folder and use --data-dir",
            folder.display()
        ),
        _ => format!("{}: {error}", folder.display()),
    }
}
