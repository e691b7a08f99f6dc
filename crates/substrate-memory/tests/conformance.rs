//! The store in memory passes the suite, without faults.

use async_trait::async_trait;
use callboard_substrate::Substrate;
use callboard_substrate::conformance::{Harness, Injected};
use callboard_substrate::name::{BlobName, Stream};
use callboard_substrate_memory::{Config, Fate, MemorySubstrate};
use uuid::Uuid;

struct Memory {
    cluster: MemorySubstrate,
    config: Config,
}

fn injected(done: bool) -> Injected {
    if done { Injected::Yes } else { Injected::No }
}

#[async_trait]
impl Harness for Memory {
    async fn start() -> Self {
        let config = Config {
            blob_bytes_max: 4 << 20,
            watch_buffer: 32,
            subscription_buffer: 32,
            ..Config::default()
        };
        Self { cluster: MemorySubstrate::new(config.clone(), 1), config }
    }

    async fn client(&self) -> Substrate {
        self.cluster.client("node-a")
    }

    async fn reopen(self) -> Self {
        self.cluster.faults().crash("node-a");
        self.cluster.faults().restart("node-a");
        self
    }

    fn watch_buffer(&self) -> usize {
        self.config.watch_buffer
    }

    fn subscription_buffer(&self) -> usize {
        self.config.subscription_buffer
    }

    async fn lose_next_ack(&self) -> Injected {
        self.cluster.faults().next_append(Fate::LoseAck);
        Injected::Yes
    }

    async fn damage_commit(&self, stream: &Stream, id: Uuid) -> Injected {
        injected(self.cluster.faults().damage_commit(stream, id))
    }

    async fn damage_blob(&self, name: &BlobName) -> Injected {
        injected(self.cluster.faults().damage_blob(name))
    }
}

callboard_substrate::conformance!(Memory, start_paused = true);
