//! One measurement, and where measurements come from.

use callboard_placement::{Cpu, Memory};
use futures_util::future::BoxFuture;

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The processors.
    pub cpu: Cpu,
    /// The memory.
    pub memory: Memory,
    /// Free bytes in the data folder's file system.
    pub disk_free_bytes: u64,
}

/// Where measurements come from: the machine, or a simulation.
pub trait Reports: Send + Sync {
    /// Measures. Must not block the thread.
    fn measure(&self) -> BoxFuture<'_, Measured>;
}
