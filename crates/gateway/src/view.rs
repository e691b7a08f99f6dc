//! The view: one task folds the log; requests wait until it holds what they must see.
//!
//! Invariants: it folds each commit once, in the total order; an unreadable commit is named and passed
//! over, never the end of the view; the model's lock is never held across an await.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use callboard_api::status::Alert;
use callboard_domain::id::ActorId;
use callboard_stdx::clock::SharedClock;
use callboard_stdx::error::chain;
use callboard_stdx::task::{self, Kind, Task};
use callboard_substrate::EventLog;
use callboard_substrate::log::{Position, Stored};
use callboard_substrate::seal;
use callboard_views::Model;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::{Config, Parts};

/// The view, and the task that folds it.
pub(crate) struct View {
    inner: Arc<Inner>,
    wait_max: Duration,
    _fold: Task<()>,
}

struct Inner {
    cfg: Config,
    log: Arc<dyn EventLog>,
    clock: SharedClock,
    model: RwLock<Model>,
    /// The last commit that is folded.
    at: watch::Sender<Position>,
    notes: Mutex<Notes>,
}

/// What a person should look at.
#[derive(Default)]
struct Notes {
    unreadable: VecDeque<Alert>,
    /// Why the log cannot be read at present.
    trouble: Option<Alert>,
}

impl View {
    pub(crate) fn start(cfg: &Config, parts: &Parts) -> Self {
        let inner = Arc::new(Inner {
            cfg: cfg.clone(),
            log: Arc::clone(&parts.substrate.log),
            clock: Arc::clone(&parts.clock),
            model: RwLock::new(Model::new(cfg.view.clone())),
            at: watch::Sender::new(Position::default()),
            notes: Mutex::default(),
        });
        let wait_max = Duration::from_millis(cfg.view_ms_max);
        let fold = task::spawn(Kind::Service, "fold-view", fold(Arc::clone(&inner)));
        Self { inner, wait_max, _fold: fold }
    }

    /// Reads from the model as it is now.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.inner.model.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads from the model once it holds everything that the log held when this was called, or what
    /// it has after the limit.
    pub(crate) async fn fresh<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        self.catch_up().await;
        self.read(read)
    }

    /// Waits until the model holds what the log holds now; `false` at the limit.
    pub(crate) async fn catch_up(&self) -> bool {
        let until = Instant::now() + self.wait_max;
        match timeout_at(until, self.inner.log.head()).await {
            Ok(Ok(head)) => self.wait(head, until).await,
            Ok(Err(error)) => {
                tracing::warn!(%error, "head of the log not read, the view may be stale");
                false
            }
            Err(_) => false,
        }
    }

    /// Waits until the model holds this commit; `false` at the limit.
    pub(crate) async fn reach(&self, position: Position) -> bool {
        self.wait(position, Instant::now() + self.wait_max).await
    }

    async fn wait(&self, position: Position, until: Instant) -> bool {
        let mut at = self.inner.at.subscribe();
        let reached = at.wait_for(|at| *at >= position);
        matches!(timeout_at(until, reached).await, Ok(Ok(_)))
    }

    /// Waits until the model says something; `None` at the limit.
    pub(crate) async fn until<T>(
        &self,
        limit: Duration,
        mut find: impl FnMut(&Model) -> Option<T>,
    ) -> Option<T> {
        let until = Instant::now() + limit;
        let mut at = self.inner.at.subscribe();
        loop {
            at.mark_unchanged();
            if let Some(found) = self.read(&mut find) {
                return Some(found);
            }
            if timeout_at(until, at.changed()).await.is_err() {
                return None;
            }
        }
    }

    /// [`View::until`] with the limit of answers.
    pub(crate) async fn soon<T>(&self, find: impl FnMut(&Model) -> Option<T>) -> Option<T> {
        self.until(self.wait_max, find).await
    }

    /// What is wrong with the view: damaged commits, an unreadable log, and that it is behind.
    pub(crate) fn alerts(&self, is_behind: bool) -> Vec<Alert> {
        let notes = self.inner.notes();
        let mut alerts: Vec<_> = notes.trouble.iter().chain(&notes.unreadable).cloned().collect();
        drop(notes);
        if is_behind {
            let at = *self.inner.at.borrow();
            alerts.push(self.inner.alert(format!(
                "the view is behind the log: it holds everything up to {at}; what is shown may be old"
            )));
        }
        alerts
    }
}

impl Inner {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alert(&self, text: String) -> Alert {
        Alert { at: self.clock.now(), subject: "gateway/view".to_owned(), text }
    }

    fn feed(&self, stored: &Stored) {
        let folded = match ActorId::from_stream(stored.stream.as_str()) {
            None => Err("its stream is no actor's".to_owned()),
            Some(actor) => match seal::open(&stored.bytes) {
                Ok(sealed) => {
                    let mut model = self.model.write().unwrap_or_else(PoisonError::into_inner);
                    model.feed(&actor, sealed.body).map_err(|error| chain(&error))
                }
                Err(error) => Err(error.to_string()),
            },
        };
        let Err(reason) = folded else { return };
        let position = stored.position;
        tracing::error!(stream = %stored.stream, %position, reason, "commit not folded");
        let stream = &stored.stream;
        let text = format!(
            "commit {position} of {stream} cannot be read, what it says is not shown: {reason}; \
             `callboard doctor` checks the log"
        );
        let alert = self.alert(text);
        let mut notes = self.notes();
        notes.unreadable.push_back(alert);
        if notes.unreadable.len() > self.cfg.unreadable_max {
            notes.unreadable.pop_front();
        }
    }
}

async fn fold(inner: Arc<Inner>) {
    let mut n_errors = 0;
    loop {
        let after = *inner.at.borrow();
        match inner.log.tail(after, inner.cfg.fold_batch.max(1)).await {
            Ok(commits) => {
                for stored in &commits {
                    inner.feed(stored);
                    inner.at.send_replace(stored.position);
                }
                if n_errors > 0 {
                    n_errors = 0;
                    inner.notes().trouble = None;
                }
            }
            Err(error) => {
                tracing::warn!(%error, n_errors, "log not read, will read again");
                let text = format!("{error}; it is read again until it works");
                inner.notes().trouble = Some(inner.alert(text));
                let delay = inner.cfg.retry.delay(n_errors, inner.clock.random());
                n_errors = n_errors.saturating_add(1);
                tokio::time::sleep(delay).await;
            }
        }
    }
}
