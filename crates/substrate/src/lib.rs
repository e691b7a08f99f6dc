//! The four ports under everything: [`EventLog`], [`Kv`], [`Bus`], [`Blobs`]; and the sealed commit.

pub mod blobs;
pub mod bus;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod kv;
pub mod log;
pub mod name;
pub mod seal;

pub use blobs::Blobs;
pub use bus::Bus;
pub use kv::Kv;
pub use log::EventLog;

use std::sync::Arc;

/// One implementation's four ports, shared by every component of a node.
#[derive(Clone)]
pub struct Substrate {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// The key-value buckets.
    pub kv: Arc<dyn Kv>,
    /// Messages that need not survive.
    pub bus: Arc<dyn Bus>,
    /// Large immutable values.
    pub blobs: Arc<dyn Blobs>,
    /// What `status` calls it: `embedded`, `memory` or `nats`.
    pub kind: &'static str,
}
