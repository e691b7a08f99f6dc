//! A machine of its own for each test: a home, a repository, a node, and a look at its processes.

pub(crate) mod machine;
pub(crate) mod processes;
pub(crate) mod repository;

pub(crate) use machine::Machine;
pub(crate) use repository::Repository;

use std::time::Duration;

/// How long a test waits for anything; a machine with other work to do is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
