//! What the server remembers, within bounds: the requests it saw, and how often a step failed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::script::Failure;
use super::server::Config;

/// A request that the server saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// The path, without the query.
    pub path: String,
    /// The body; null where it had none or it was not JSON.
    pub body: Value,
    /// Whether the program asked for itself (a title, its quota), not for the conversation.
    pub side: bool,
}

impl Seen {
    /// Whether a text occurs anywhere in the messages of the conversation.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        strings(&self.body["messages"]).any(|found| found.contains(text))
    }
}

fn strings(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(values) => Box::new(values.iter().flat_map(strings)),
        Value::Object(fields) => Box::new(fields.values().flat_map(strings)),
        _ => Box::new(std::iter::empty()),
    }
}

#[derive(Debug)]
pub(super) struct State {
    cfg: Config,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seen: VecDeque<Seen>,
    /// Failures given, by the key of the step.
    failures: BTreeMap<String, u32>,
}

impl State {
    pub(super) fn new(cfg: Config) -> Self {
        Self { cfg, inner: Mutex::default() }
    }

    /// Remembers a request. At the limit the oldest is forgotten.
    pub(super) fn record(&self, seen: Seen) {
        let mut inner = self.lock();
        if inner.seen.len() >= self.cfg.requests_max {
            inner.seen.pop_front();
        }
        inner.seen.push_back(seen);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.iter().cloned().collect()
    }

    /// Whether this request must fail. At the limit of steps all counts start again.
    pub(super) fn fails(&self, key: &str, failure: Failure) -> bool {
        let mut inner = self.lock();
        if inner.failures.len() >= self.cfg.failing_steps_max {
            inner.failures.clear();
        }
        let given = inner.failures.entry(key.to_owned()).or_default();
        *given += 1;
        *given <= failure.times
    }

    pub(super) fn new_id() -> String {
        Uuid::now_v7().simple().to_string()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The data is whole between any two statements, so a panic elsewhere spoils nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
