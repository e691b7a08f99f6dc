//! What a person should look at: kept in memory, newest last, and logged.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use callboard_actors::sourced::{Alert, Alerts};
use callboard_api::status;
use callboard_stdx::clock::SharedClock;

/// How many are kept; older ones are in the log file.
const ALERTS_MAX: usize = 100;

/// The alerts of this boot.
pub(crate) struct KeptAlerts {
    clock: SharedClock,
    kept: Mutex<VecDeque<status::Alert>>,
}

impl KeptAlerts {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    pub(crate) fn add(&self, subject: &str, text: &str) {
        tracing::warn!(subject, text, "alert");
        let alert = self.alert(subject, text);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(alert);
        if kept.len() > ALERTS_MAX {
            kept.pop_front();
        }
    }

    /// An alert of this moment. It is not kept: whoever raised it still knows.
    pub(crate) fn alert(&self, subject: &str, text: &str) -> status::Alert {
        let (subject, text) = (subject.to_owned(), text.to_owned());
        status::Alert { at: self.clock.now(), subject, text }
    }

    pub(crate) fn all(&self) -> Vec<status::Alert> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Alerts for KeptAlerts {
    fn raise(&self, alert: Alert) {
        let (subject, text) = words(alert);
        self.add(&subject, &text);
    }
}

/// Whom it is about, and what to say.
fn words(alert: Alert) -> (String, String) {
    match alert {
        Alert::SnapshotIgnored { actor, reason } => {
            (actor, format!("its snapshot was ignored, the whole log was replayed: {reason}"))
        }
        Alert::SnapshotNotStored { actor, reason } => {
            (actor, format!("its snapshot could not be stored: {reason}"))
        }
        Alert::LogDamaged { actor, reason } => {
            let text = format!("its log is damaged, it stays down: {reason}; run callboard doctor");
            (actor, text)
        }
        Alert::EffectFailing { actor, key, n_failures, reason } => {
            (actor, format!("{key} failed {n_failures} times and is tried again: {reason}"))
        }
        Alert::Quarantined { child, reason } => {
            (child, format!("it kept failing and stays down: {reason}"))
        }
    }
}
