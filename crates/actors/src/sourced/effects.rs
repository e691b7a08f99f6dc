//! The running effects of one incarnation, kept equal to the outbox.
//!
//! Invariants: at most one run per key; a run whose key has gone, or whose effect has changed, is
//! dropped; the answer of a run that is no longer the present one is ignored.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use callboard_domain::{EffectKey, Entity};
use callboard_stdx::task::{self, Kind, Task};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use crate::exit::panic_text;
use crate::mailbox::TellError;
use crate::sourced::handle::{EffectEnded, Mail};
use crate::sourced::spec::Shared;
use crate::sourced::{Alert, EffectError, SourcedHandle};

struct Running<E: Entity> {
    effect: E::Effect,
    is_timer: bool,
    run: u64,
    n_failures: u32,
    _task: Task<()>,
}

pub(crate) struct Effects<E: Entity> {
    shared: Arc<Shared<E>>,
    running: BTreeMap<EffectKey, Running<E>>,
}

impl<E: Entity> Effects<E> {
    pub(crate) fn new(shared: Arc<Shared<E>>) -> Self {
        Self { shared, running: BTreeMap::new() }
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.running.keys().map(EffectKey::to_string).collect()
    }

    /// Drops what the outbox no longer wants, and starts what is new in it.
    pub(crate) fn reconcile(&mut self, state: &E::State, me: &SourcedHandle<E>) {
        let wanted = E::outbox(state);
        self.running.retain(|key, running| wanted.get(key) == Some(&running.effect));
        if self.running.len() == wanted.len() {
            return;
        }
        let n_max = self.shared.spec.cfg.n_effects_max;
        let mut n_working = self.running.values().filter(|running| !running.is_timer).count();
        for (key, effect) in wanted {
            if self.running.contains_key(key) {
                continue;
            }
            let timer = E::timer(key, effect);
            if timer.is_none() {
                if n_working >= n_max {
                    continue;
                }
                n_working += 1;
            }
            self.start(key, effect, timer, Attempt { n_failures: 0, delay: Duration::ZERO }, me);
        }
    }

    /// Whether `run` is the present run of `key`.
    pub(crate) fn is_current(&self, key: &EffectKey, run: u64) -> bool {
        self.running.get(key).is_some_and(|running| running.run == run)
    }

    /// Runs `key` again with back-off: it failed, or ended without being confirmed.
    pub(crate) fn again(&mut self, key: &EffectKey, error: EffectError, me: &SourcedHandle<E>) {
        let Some(Running { effect, n_failures, .. }) = self.running.remove(key) else { return };
        let spec = &self.shared.spec;
        let delay = spec.cfg.effect_retry.delay(n_failures, spec.clock.random());
        let delay = error.retry_after.map_or(delay, |after| after.max(delay));
        let n_failures = n_failures.saturating_add(1);
        tracing::warn!(actor = %spec.id, %key, n_failures, ?delay, reason = %error.reason,
            "effect is not confirmed, running it again");
        if n_failures == spec.cfg.n_effect_failures_alert {
            let (actor, key) = (spec.id.to_string(), key.clone());
            let reason = error.reason;
            spec.alerts.raise(Alert::EffectFailing { actor, key, n_failures, reason });
        }
        let timer = E::timer(key, &effect);
        self.start(key, &effect, timer, Attempt { n_failures, delay }, me);
    }

    fn start(
        &mut self,
        key: &EffectKey,
        effect: &E::Effect,
        timer: Option<(DateTime<Utc>, E::Command)>,
        attempt: Attempt,
        me: &SourcedHandle<E>,
    ) {
        let run = self.shared.n_runs.fetch_add(1, Ordering::Relaxed);
        let is_timer = timer.is_some();
        let job = Job {
            shared: Arc::clone(&self.shared),
            me: me.clone(),
            key: key.clone(),
            run,
            delay: attempt.delay,
        };
        // Boxed by kind: a waiting timer must not pay for the executor's future.
        let task = match timer {
            Some((due, command)) => {
                task::spawn_local(Kind::Work, String::new(), job.wait(due, command))
            }
            None => {
                let name = format!("{}:{key}", me.id());
                task::spawn_local(Kind::Work, name, job.execute(effect.clone()))
            }
        };
        let running = Running {
            effect: effect.clone(),
            is_timer,
            run,
            n_failures: attempt.n_failures,
            _task: task,
        };
        self.running.insert(key.clone(), running);
    }
}

struct Attempt {
    n_failures: u32,
    delay: Duration,
}

struct Job<E: Entity> {
    shared: Arc<Shared<E>>,
    me: SourcedHandle<E>,
    key: EffectKey,
    run: u64,
    delay: Duration,
}

impl<E: Entity> Job<E> {
    async fn execute(self, effect: E::Effect) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let executor = Arc::clone(&self.shared.spec.executor);
        let run = executor.run(self.key.clone(), effect, self.me.clone());
        let outcome = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => Err(EffectError::new(format!("panicked: {}", panic_text(&*panic)))),
        };
        self.report(outcome).await;
    }

    /// Waits by the wall clock, in slices, so that neither a jump of it nor a suspended machine loses
    /// the time.
    async fn wait(self, due: DateTime<Utc>, command: E::Command) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let slice_max = Duration::from_millis(self.shared.spec.cfg.timer_slice_ms_max);
        while let Ok(left) = (due - self.shared.spec.clock.now()).to_std() {
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.clamp(Duration::from_millis(1), slice_max)).await;
        }
        self.report(Ok(vec![command])).await;
    }

    async fn report(self, outcome: Result<Vec<E::Command>, EffectError>) {
        let Self { shared, me, key, run, delay: _ } = self;
        let mut mail = Mail::EffectEnded(Box::new(EffectEnded { key, run, outcome }));
        let mut n_retries = 0;
        // Bounded by the actor's life: this task is dropped with the incarnation.
        while let Err(TellError::Full(back)) = me.mailbox().control(mail) {
            mail = back;
            let spec = &shared.spec;
            tokio::time::sleep(spec.cfg.retry.delay(n_retries, spec.clock.random())).await;
            n_retries += 1;
        }
    }
}
