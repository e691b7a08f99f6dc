//! What must hold after every run, as pure predicates over the log, the record of side effects and
//! what was acknowledged. Each gives the violations that it sees, never a verdict alone.

mod log;
mod messages;
mod room;
mod settled;
mod work;

pub use log::{acknowledged, epochs, snapshots};
pub use messages::{messages, receipts};
pub use room::{Sample, room};
pub use settled::settled;
pub use work::{merges, owners, steps};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise of the design: `P1` to `P10`, or `settles`.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

pub(crate) fn broken(promise: &'static str, what: impl Into<String>) -> Violation {
    Violation { promise, what: what.into() }
}
