//! What a person can choose, the limits, and the refusal.

use std::path::PathBuf;
use std::time::Duration;

/// What a person can choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The program that drives the agents; without one, scripts.
    pub runtime: Option<String>,
    /// Whether one JSON object is the last line of standard output, in place of the summary.
    pub json: bool,
    /// How many nodes.
    pub nodes: u32,
    /// Keep the agents' workspaces with their builds too, which are large.
    pub keep: bool,
    /// The folder, in place of a temporary one. It must be empty or missing.
    pub dir: Option<PathBuf>,
}

impl Options {
    /// The runtime that plays the scripts.
    pub(super) const SCRIPTED: &str = "scripted";

    pub(super) fn runtime(&self) -> &str {
        self.runtime.as_deref().unwrap_or(Self::SCRIPTED)
    }

    pub(super) fn is_scripted(&self) -> bool {
        self.runtime() == Self::SCRIPTED
    }

    /// How long the work may take. When it is over, the demo fails and says what is not done.
    pub(super) fn work_max(&self) -> Duration {
        Duration::from_secs(if self.is_scripted() { 300 } else { 3_600 })
    }
}

/// Why the demo does not begin here: nothing was started or made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) String);
