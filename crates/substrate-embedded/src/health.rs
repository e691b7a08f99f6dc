//! What an operator must know now: alerts that stand until a write succeeds again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The state of the substrate, for `status`, `doctor` and alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// What is wrong now and what to do, at most one text per part (log, keys, blobs). Empty: well.
    pub alerts: Vec<String>,
    /// Writes that failed and left nothing behind, since the start.
    pub n_not_written: u64,
    /// Writes whose outcome could not be known, since the start.
    pub n_unknown: u64,
}

/// Collects the alerts of the writers.
#[derive(Debug, Default)]
pub(crate) struct Monitor(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    alerts: BTreeMap<&'static str, String>,
    n_not_written: u64,
    n_unknown: u64,
}

impl Monitor {
    /// Raises the alert of `part`; it is logged when it is new.
    pub(crate) fn raise(&self, part: &'static str, text: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.alerts.insert(part, text.to_owned());
        if before.as_deref() != Some(text) {
            tracing::error!(part, reason = text, "substrate cannot write");
        }
    }

    pub(crate) fn clear(&self, part: &'static str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.alerts.remove(part).is_some() {
            tracing::info!(part, "substrate writes again");
        }
    }

    pub(crate) fn count_not_written(&self, n: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).n_not_written += n as u64;
    }

    pub(crate) fn count_unknown(&self, n: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).n_unknown += n as u64;
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Health {
            alerts: state.alerts.values().cloned().collect(),
            n_not_written: state.n_not_written,
            n_unknown: state.n_unknown,
        }
    }
}
