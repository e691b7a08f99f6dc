//! Where a program's words go for people to read. Never state, never in the event log.

use callboard_domain::id::AgentId;
use serde::{Deserialize, Serialize};

/// A piece of an agent's output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The text.
    pub text: String,
    /// Where the next piece begins.
    pub next: u64,
}

/// The output of agents. Bounded: the oldest is forgotten, never the newest.
pub trait Output: Send + Sync {
    /// Adds a line. Must not block for long; a line that cannot be kept is dropped.
    fn append(&self, agent: &AgentId, line: &str);

    /// At most `bytes_max` bytes after `after`, or without it the newest.
    ///
    /// # Errors
    /// The I/O error of reading them.
    fn read(&self, agent: &AgentId, after: Option<u64>, bytes_max: u64) -> std::io::Result<Chunk>;
}
