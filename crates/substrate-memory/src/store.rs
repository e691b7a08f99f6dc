//! A node's client of the store: what every call to the log, the buckets and the blobs has in common.

use std::sync::Arc;

use callboard_substrate::log::ReadError;

use crate::plan::{Delay, Plan};
use crate::shared::{Shared, State, Unreachable};

/// A client. The ports are implemented beside their state.
pub(crate) struct Store {
    pub(crate) shared: Arc<Shared>,
    pub(crate) node: String,
}

/// What became of a write's faults, before the write itself.
pub(crate) enum Write {
    /// It reaches the store.
    Goes {
        /// Its acknowledgement gets lost.
        loses_ack: bool,
    },
    /// The store refuses it.
    Refused(&'static str),
}

impl Store {
    /// One way's time on a port.
    pub(crate) async fn travel(&self, port: impl Fn(&Plan) -> Delay) {
        let way = {
            let chance = &mut self.shared.lock().chance;
            port(&chance.plan).draw(&mut chance.rng)
        };
        self.shared.travel(way).await;
    }

    /// A read: there, `look`, and back.
    pub(crate) async fn read<T>(
        &self,
        what: impl Fn() -> String,
        port: impl Fn(&Plan) -> Delay,
        look: impl FnOnce(&mut State) -> T,
    ) -> Result<T, ReadError> {
        let unavailable = |unreachable: Unreachable| ReadError::Unavailable {
            what: what(),
            reason: unreachable.reason().to_owned(),
        };
        self.shared.reach_store(&self.node).await.map_err(&unavailable)?;
        self.travel(&port).await;
        let found = look(&mut self.shared.settled());
        self.travel(&port).await;
        self.still_up().map_err(unavailable)?;
        Ok(found)
    }

    /// A dead node learns nothing, not even what it asked for before.
    pub(crate) fn still_up(&self) -> Result<(), Unreachable> {
        if self.shared.lock().net.is_down(&self.node) { Err(Unreachable::Down) } else { Ok(()) }
    }
}

impl State {
    /// Draws the faults of a write of the buckets or the blobs.
    pub(crate) fn write_fault(&mut self) -> Write {
        if self.chance.plan.storage_full {
            self.chance.counts.n_not_written += 1;
            return Write::Refused("the storage is full");
        }
        if self.chance.happens(self.chance.plan.not_written) {
            self.chance.counts.n_not_written += 1;
            return Write::Refused("the store refused it");
        }
        let loses_ack = self.chance.happens(self.chance.plan.lost_ack);
        if loses_ack {
            self.chance.counts.n_acks_lost += 1;
        }
        Write::Goes { loses_ack }
    }
}
