//! The store in memory passes the suite: without faults, and where every way takes time and reads
//! miss what is new.

use async_trait::async_trait;
use callboard_substrate::Substrate;
use callboard_substrate::conformance::{Harness, Injected};
use callboard_substrate::name::{BlobName, Stream};
use callboard_substrate_memory::{Config, Delay, Fate, MemorySubstrate, Plan};
use uuid::Uuid;

/// Without faults.
struct Memory(Cluster);

/// With delays everywhere and stale reads, as a cluster of servers may answer.
struct Lagging(Cluster);

struct Cluster {
    memory: MemorySubstrate,
    config: Config,
}

impl Cluster {
    fn start() -> Self {
        let config = Config {
            blob_bytes_max: 4 << 20,
            watch_buffer: 32,
            subscription_buffer: 32,
            ..Config::default()
        };
        Self { memory: MemorySubstrate::new(config.clone(), 1), config }
    }
}

fn injected(done: bool) -> Injected {
    if done { Injected::Yes } else { Injected::No }
}

macro_rules! harness {
    ($type:ident, $plan:expr) => {
        #[async_trait]
        impl Harness for $type {
            async fn start() -> Self {
                let cluster = Cluster::start();
                cluster.memory.faults().set_plan($plan);
                Self(cluster)
            }

            async fn client(&self) -> Substrate {
                self.0.memory.client("node-a")
            }

            async fn reopen(self) -> Self {
                self.0.memory.faults().crash("node-a");
                self.0.memory.faults().restart("node-a");
                self
            }

            fn watch_buffer(&self) -> usize {
                self.0.config.watch_buffer
            }

            fn subscription_buffer(&self) -> usize {
                self.0.config.subscription_buffer
            }

            async fn lose_next_ack(&self) -> Injected {
                self.0.memory.faults().next_append(Fate::LoseAck);
                Injected::Yes
            }

            async fn damage_commit(&self, stream: &Stream, id: Uuid) -> Injected {
                injected(self.0.memory.faults().damage_commit(stream, id))
            }

            async fn damage_blob(&self, name: &BlobName) -> Injected {
                injected(self.0.memory.faults().damage_blob(name))
            }
        }
    };
}

harness!(Memory, Plan::default());
harness!(
    Lagging,
    Plan {
        log: Delay::millis(0, 8),
        kv: Delay::millis(0, 8),
        blobs: Delay::millis(0, 8),
        bus: Delay::millis(0, 8),
        stale_read: 0.3,
        stale_n_max: 3,
        ..Plan::default()
    }
);

mod without_faults {
    use super::Memory;

    callboard_substrate::conformance!(Memory, start_paused = true);
}

mod on_many_threads {
    use super::Memory;

    callboard_substrate::conformance!(Memory, flavor = "multi_thread", worker_threads = 4);
}

mod with_lag {
    use super::Lagging;

    callboard_substrate::conformance!(Lagging, start_paused = true);
}
