//! The four ports of one implementation, together.

use std::sync::Arc;

use crate::{Blobs, Bus, EventLog, Kv};

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
