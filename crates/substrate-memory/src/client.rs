//! The cluster in memory, and its clients.

use std::sync::Arc;

use callboard_substrate::Substrate;

use crate::bus::MemoryBus;
use crate::config::Config;
use crate::faults::Faults;
use crate::shared::Shared;
use crate::store::Store;

/// One cluster's store and bus. Cheap to clone: all clones are the same cluster.
#[derive(Clone)]
pub struct MemorySubstrate {
    shared: Arc<Shared>,
}

impl MemorySubstrate {
    /// An empty cluster without faults. The seed decides everything that is drawn.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self { shared: Arc::new(Shared::new(config, seed)) }
    }

    /// A client on `node`. Clients of one node share its faults: they are cut off, crash and come
    /// back together.
    #[must_use]
    pub fn client(&self, node: &str) -> Substrate {
        let store = Arc::new(Store { shared: Arc::clone(&self.shared), node: node.to_owned() });
        Substrate {
            log: store.clone(),
            kv: store.clone(),
            blobs: store,
            bus: Arc::new(MemoryBus { shared: Arc::clone(&self.shared), node: node.to_owned() }),
            kind: "memory",
        }
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> Faults {
        Faults { shared: Arc::clone(&self.shared) }
    }
}
