//! The one cluster state that all clients share, and how they wait for it to change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use callboard_substrate::name::BlobName;

use crate::bus::BusState;
use crate::config::Config;
use crate::kv::KvState;
use crate::log::LogState;
use crate::plan::{Counts, Fate, Plan, STORE};

/// A stored blob.
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sha256: String,
}

/// Everything that the cluster holds.
pub(crate) struct State {
    pub(crate) log: LogState,
    pub(crate) kv: KvState,
    pub(crate) bus: BusState,
    pub(crate) blobs: BTreeMap<BlobName, Blob>,
    pub(crate) net: Net,
    pub(crate) chance: Chance,
}

/// Who reaches whom.
#[derive(Default)]
pub(crate) struct Net {
    pub(crate) down: BTreeSet<String>,
    pub(crate) cuts: BTreeSet<(String, String)>,
    pub(crate) isolated: BTreeSet<String>,
}

impl Net {
    pub(crate) fn is_down(&self, node: &str) -> bool {
        self.down.contains(node)
    }

    /// Whether a message gets from `a` to `b`. A node that is up always reaches itself.
    pub(crate) fn reaches(&self, a: &str, b: &str) -> bool {
        if self.is_down(a) || self.is_down(b) {
            return false;
        }
        let pair = |a: &str, b: &str| self.cuts.contains(&(a.to_owned(), b.to_owned()));
        a == b
            || !(self.isolated.contains(a) || self.isolated.contains(b) || pair(a, b) || pair(b, a))
    }
}

/// The seeded dice, the plan that loads them, and what they came to.
pub(crate) struct Chance {
    pub(crate) rng: SmallRng,
    pub(crate) plan: Plan,
    pub(crate) counts: Counts,
    pub(crate) fates: VecDeque<Fate>,
}

impl Chance {
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random_bool(probability.min(1.0))
    }

    /// The fate of the next append: one that was commanded, else by the plan.
    pub(crate) fn fate(&mut self) -> Fate {
        if let Some(fate) = self.fates.pop_front() {
            return fate;
        }
        if self.happens(self.plan.not_written) {
            return Fate::NotWritten;
        }
        if self.happens(self.plan.ghost_write) {
            return Fate::Ghost(self.plan.ghost_delay.draw(&mut self.rng));
        }
        if self.happens(self.plan.crash_after_append) {
            return Fate::CrashAfter;
        }
        if self.happens(self.plan.lost_ack) {
            return Fate::LoseAck;
        }
        Fate::Lands
    }

    /// How many of the newest changes the next read misses.
    pub(crate) fn n_stale(&mut self) -> usize {
        if self.plan.stale_n_max == 0 || !self.happens(self.plan.stale_read) {
            return 0;
        }
        self.counts.n_stale_reads += 1;
        self.rng.random_range(1..=self.plan.stale_n_max)
    }
}

/// The shared state and what wakes those who wait for it.
pub(crate) struct Shared {
    pub(crate) config: Config,
    state: Mutex<State>,
    /// Commits landed, or faults changed.
    pub(crate) log_changed: Notify,
    /// Keys changed, or faults changed.
    pub(crate) kv_changed: Notify,
    /// Faults changed.
    pub(crate) faults_changed: Notify,
}

/// Why a call did not get to the store. The call has waited for its whole timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// The caller's own node is down, so it sent nothing.
    Down,
    /// The way to the store is cut.
    Cut,
}

impl Unreachable {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Down => "this node is down",
            Self::Cut => "the store did not answer in time",
        }
    }
}

impl Shared {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        let chance = Chance {
            rng: SmallRng::seed_from_u64(seed),
            plan: Plan::default(),
            counts: Counts::default(),
            fates: VecDeque::new(),
        };
        let state = State {
            log: LogState::new(config.position_step_max),
            kv: KvState::default(),
            bus: BusState::default(),
            blobs: BTreeMap::new(),
            net: Net::default(),
            chance,
        };
        Self {
            config,
            state: Mutex::new(state),
            log_changed: Notify::new(),
            kv_changed: Notify::new(),
            faults_changed: Notify::new(),
        }
    }

    /// The state. Never held across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a failed test; the others still say what they saw.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The state, with everything landed that was to land by now.
    pub(crate) fn settled(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.settle(Instant::now()) {
            self.log_changed.notify_waiters();
        }
        state
    }

    /// Waits for the way to the store, up to the call's timeout.
    pub(crate) async fn reach_store(&self, node: &str) -> Result<(), Unreachable> {
        let deadline = Instant::now() + self.config.call_timeout;
        loop {
            let changed = self.faults_changed.notified();
            let unreachable = {
                let state = self.lock();
                if state.net.reaches(node, STORE) {
                    return Ok(());
                }
                if state.net.is_down(node) { Unreachable::Down } else { Unreachable::Cut }
            };
            if unreachable == Unreachable::Down {
                // What a dead process wanted is not done after its restart. Waiting keeps a caller
                // that tries again and again from stopping virtual time.
                tokio::time::sleep_until(deadline).await;
            }
            if Instant::now() >= deadline {
                self.lock().chance.counts.n_unreachable += 1;
                return Err(unreachable);
            }
            wait(changed, Some(deadline)).await;
        }
    }

    /// Passes one way's time. A way without delay still lets others go first.
    pub(crate) async fn travel(&self, way: Duration) {
        if way.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(way).await;
        }
    }

    /// Wakes everybody, for anything may be otherwise now.
    pub(crate) fn wake_all(&self) {
        self.log_changed.notify_waiters();
        self.kv_changed.notify_waiters();
        self.faults_changed.notify_waiters();
        self.lock().bus.wake_all();
    }
}

/// Waits for a change, or until `at`, after which time alone has changed something.
pub(crate) async fn wait(changed: Notified<'_>, at: Option<Instant>) {
    match at {
        // Which of the two it was does not matter: the caller looks at the state again.
        Some(at) => drop(tokio::time::timeout_at(at, changed).await),
        None => changed.await,
    }
}
