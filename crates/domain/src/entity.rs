//! What an event-sourced actor is made of, without any actor.
//!
//! An entity keeps the effects that it still owes in its state (the *outbox*): `apply` adds an
//! effect with the event that asks for it, and removes it with the event that confirms it. So a new
//! incarnation finds in its state exactly what it must finish, and the shell needs no memory.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one effect of one entity, so that running it twice is recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(pub String);

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for EffectKey {
    fn from(key: String) -> Self {
        Self(key)
    }
}

impl From<&str> for EffectKey {
    fn from(key: &str) -> Self {
        Self(key.to_owned())
    }
}

/// What comes from outside into a decision: time, ids, randomness, and the incarnation that decides.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// The wall-clock time of the decision.
    pub now: DateTime<Utc>,
    /// The fencing number of the incarnation that decides.
    pub epoch: u64,
    /// The node on which it runs.
    pub node: String,
    /// Uniform in 0..1, for jitter.
    pub random: f64,
    seed: Uuid,
    n_ids: u32,
}

impl Ctx {
    /// A context whose ids are derived from `seed`.
    #[must_use]
    pub fn new(now: DateTime<Utc>, epoch: u64, node: &str, random: f64, seed: Uuid) -> Self {
        Self { now, epoch, node: node.to_owned(), random, seed, n_ids: 0 }
    }

    /// A new id: UUIDv5 of the seed and a counter.
    pub fn new_id(&mut self) -> Uuid {
        self.n_ids += 1;
        Uuid::new_v5(&self.seed, &self.n_ids.to_le_bytes())
    }
}

/// An event-sourced entity. All functions are pure and synchronous.
pub trait Entity: 'static {
    /// The first token of its stream names: `orchestrator`, `project`, `agent`.
    const KIND: &'static str;
    /// Bumped when a stored shape changes; [`Entity::upcast`] then lifts older events. A snapshot of
    /// another version is ignored.
    const VERSION: u32;

    /// What the events fold into.
    type State: Clone + Default + Serialize + DeserializeOwned + Send + 'static;
    /// What it may be asked to do.
    type Command: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + 'static;
    /// What happened.
    type Event: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + 'static;
    /// What it owes to the world.
    type Effect: Clone + fmt::Debug + PartialEq + Send + 'static;
    /// Why a command was refused.
    type Rejection: std::error::Error + Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Decides a command. No events mean that it is already done (a duplicate).
    ///
    /// # Errors
    /// The rejection tells the sender what to do instead; nothing is stored.
    fn decide(
        state: &Self::State,
        command: Self::Command,
        ctx: &mut Ctx,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Folds one event. Infallible: an event that was stored is a fact.
    fn apply(state: &mut Self::State, event: &Self::Event);

    /// The effects not yet confirmed, by key. The shell starts what is new, and drops (cancels) the
    /// running effect of a key that has gone.
    fn outbox(state: &Self::State) -> &BTreeMap<EffectKey, Self::Effect>;

    /// The event that the first append of every new owner carries: it fences all older ones.
    fn activated(state: &Self::State, ctx: &mut Ctx) -> Self::Event;

    /// When this effect is a durable timer: the time at which it is due, and the command that its
    /// firing sends. The shell waits; firing is confirmed by the event that the command causes.
    fn timer(key: &EffectKey, effect: &Self::Effect) -> Option<(DateTime<Utc>, Self::Command)>;

    /// Lifts the JSON of an event stored with an older [`Entity::VERSION`].
    ///
    /// # Errors
    /// The reason why this event cannot be understood; the actor is then parked with an alert.
    fn upcast(version: u32, event: serde_json::Value) -> Result<serde_json::Value, String> {
        if version == Self::VERSION {
            return Ok(event);
        }
        Err(format!("version {version} is unknown, this program knows {}", Self::VERSION))
    }
}
