//! Why an operation failed.

use std::path::PathBuf;

use callboard_domain::id::AgentId;

/// Why a workspace operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path does not exist.
    #[error("failed to open repository {path}: there is no such folder")]
    NotFound {
        /// The source.
        path: String,
    },
    /// The path exists but is no repository.
    #[error("failed to open repository {path}: it is not a git repository")]
    NotARepository {
        /// The source.
        path: String,
    },
    /// The repository has no commit to begin at.
    #[error("failed to use repository {path}: it has no commit yet")]
    NoCommit {
        /// The source.
        path: String,
    },
    /// The source cannot be reached now.
    #[error("failed to reach {source_name}: {reason}")]
    Unreachable {
        /// The source.
        source_name: String,
        /// What git said.
        reason: String,
    },
    /// The base is not in the source (any more).
    #[error("failed to find {base} in {source_name}")]
    BaseMissing {
        /// The commit or branch.
        base: String,
        /// The source.
        source_name: String,
    },
    /// The branch to be written is checked out, or somebody else moved it.
    #[error("failed to update {branch}: {reason}")]
    BranchRefused {
        /// The branch.
        branch: String,
        /// Why.
        reason: String,
    },
    /// Another owner has taken over; nothing was written.
    #[error("failed to {operation}: a newer owner has taken over")]
    Fenced {
        /// What was to be done.
        operation: &'static str,
    },
    /// Neither the wanted checkpoint nor an older one can be read.
    #[error("failed to restore {agent}: {reason}")]
    NoCheckpoint {
        /// The agent.
        agent: AgentId,
        /// What is wrong with each.
        reason: String,
    },
    /// A name or path was refused.
    #[error("failed to accept {what} {text:?}")]
    BadInput {
        /// What it was for.
        what: &'static str,
        /// The refused text.
        text: String,
    },
    /// A git command failed.
    #[error("failed to {operation}: {detail}")]
    Git {
        /// What was to be done.
        operation: &'static str,
        /// The end of what git said.
        detail: String,
    },
    /// A git command did not end in time and was killed.
    #[error("failed to {operation} within {deadline_ms} ms")]
    TimedOut {
        /// What was to be done.
        operation: &'static str,
        /// The deadline.
        deadline_ms: u64,
    },
    /// The blobs refused or failed.
    #[error("failed to store or read {blob}")]
    Blob {
        /// The blob's name.
        blob: String,
        /// Whether the same call may succeed later.
        retryable: bool,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or folder of the node could not be used.
    #[error("failed to {operation} {path}")]
    Io {
        /// What was to be done.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Io { .. } => true,
            Self::Blob { retryable, .. } => *retryable,
            Self::NotFound { .. }
            | Self::NotARepository { .. }
            | Self::NoCommit { .. }
            | Self::BaseMissing { .. }
            | Self::BranchRefused { .. }
            | Self::Fenced { .. }
            | Self::NoCheckpoint { .. }
            | Self::BadInput { .. }
            | Self::Git { .. } => false,
        }
    }
}
