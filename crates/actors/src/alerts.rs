//! What a person should hear of. The node turns alerts into events; tests collect them.

use callboard_domain::EffectKey;

/// Something that no restart repairs, or that keeps failing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// A snapshot was damaged, of another version or of another history; the whole log was replayed.
    SnapshotIgnored {
        /// The actor.
        actor: String,
        /// What was wrong with it.
        reason: String,
    },
    /// A snapshot could not be stored; the next start replays more.
    SnapshotNotStored {
        /// The actor.
        actor: String,
        /// What went wrong.
        reason: String,
    },
    /// The log of an actor cannot be understood: the actor is parked.
    LogDamaged {
        /// The actor.
        actor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An effect keeps failing; it is tried again for as long as it is wanted.
    EffectFailing {
        /// The actor.
        actor: String,
        /// The effect.
        key: EffectKey,
        /// How often it failed in a row.
        n_failures: u32,
        /// The last failure.
        reason: String,
    },
    /// An actor kept failing and stays down until a person acts.
    Quarantined {
        /// The child's name.
        child: String,
        /// The last exit.
        reason: String,
    },
}

/// Where alerts go. Called from actors: must neither block nor panic.
pub trait Alerts: Send + Sync {
    /// Takes an alert.
    fn raise(&self, alert: Alert);
}

/// Writes alerts to the log of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoggedAlerts;

impl Alerts for LoggedAlerts {
    fn raise(&self, alert: Alert) {
        tracing::error!(?alert, "alert raised");
    }
}
