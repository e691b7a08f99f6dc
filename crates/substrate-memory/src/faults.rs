//! The handle by which a test breaks the cluster while it runs.

use std::sync::Arc;
use std::time::Duration;

use callboard_substrate::name::{BlobName, Stream};
use tokio::time::Instant;
use uuid::Uuid;

use crate::plan::{Counts, Fate, Plan};
use crate::shared::{Shared, State};

/// What goes wrong in one cluster. Cheap to clone; changes are in force at once.
#[derive(Clone)]
pub struct Faults {
    pub(crate) shared: Arc<Shared>,
}

impl Faults {
    /// Replaces the plan.
    pub fn set_plan(&self, plan: Plan) {
        self.change(|state| state.chance.plan = plan);
    }

    /// Changes the plan in part.
    pub fn update_plan(&self, update: impl FnOnce(&mut Plan)) {
        self.change(|state| update(&mut state.chance.plan));
    }

    /// Decides the fate of an append, by any client: of the next one, or of the one after those
    /// decided before.
    pub fn next_append(&self, fate: Fate) {
        self.change(|state| state.chance.fates.push_back(fate));
    }

    /// Takes a node down: its calls fail, nothing reaches its subscriptions, what waited for them is
    /// lost. Appends that are under way may still land.
    pub fn crash(&self, node: &str) {
        self.change(|state| state.crash(node));
    }

    /// Brings a node back. Its clients and subscriptions work again.
    pub fn restart(&self, node: &str) {
        self.change(|state| {
            state.net.down.remove(node);
        });
    }

    /// Whether the node is down.
    #[must_use]
    pub fn is_down(&self, node: &str) -> bool {
        self.shared.lock().net.is_down(node)
    }

    /// Cuts two nodes off from one another, both ways; [`crate::STORE`] may be one of them.
    pub fn partition(&self, a: &str, b: &str) {
        self.change(|state| {
            state.net.cuts.insert((a.to_owned(), b.to_owned()));
        });
    }

    /// Ends one partition.
    pub fn heal(&self, a: &str, b: &str) {
        self.change(|state| {
            state.net.cuts.remove(&(a.to_owned(), b.to_owned()));
            state.net.cuts.remove(&(b.to_owned(), a.to_owned()));
        });
    }

    /// Cuts a node off from every other and from the store.
    pub fn isolate(&self, node: &str) {
        self.change(|state| {
            state.net.isolated.insert(node.to_owned());
        });
    }

    /// Ends every partition and isolation. Nodes that are down stay down.
    pub fn heal_all(&self) {
        self.change(|state| {
            state.net.cuts.clear();
            state.net.isolated.clear();
        });
    }

    /// Freezes the log from now on: appends wait. One that waited for its whole timeout is
    /// `NotWritten`, or is `Unknown` and lands when the log thaws. Reads go on.
    pub fn freeze_log(&self, duration: Duration) {
        self.change(|state| {
            let now = Instant::now();
            state.settle(now);
            state.log.frozen_until = Some(now + duration);
        });
    }

    /// Changes the last byte of a stored commit. `false` where there is no such commit.
    #[must_use]
    pub fn damage_commit(&self, stream: &Stream, id: Uuid) -> bool {
        self.shared.lock().log.damage(stream, id)
    }

    /// Changes the last byte of a stored blob. `false` where there is none, or none to change.
    #[must_use]
    pub fn damage_blob(&self, name: &BlobName) -> bool {
        let mut state = self.shared.lock();
        let last = state.blobs.get_mut(name).and_then(|blob| blob.bytes.last_mut());
        last.map(|byte| *byte ^= 1).is_some()
    }

    /// How often each fault happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().chance.counts
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.wake_all();
    }
}

impl State {
    pub(crate) fn crash(&mut self, node: &str) {
        if self.net.down.insert(node.to_owned()) {
            self.chance.counts.n_crashes += 1;
            self.bus.forget_waiting(node);
        }
    }
}
