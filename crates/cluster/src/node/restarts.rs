//! Whether and when an actor that failed is started again: pure.

use std::collections::VecDeque;
use std::time::Duration;

use callboard_stdx::backoff;
use tokio::time::Instant;

use crate::config;

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A new incarnation after this time.
    After(Duration),
    /// None: it failed too often.
    Quarantine,
}

/// The failures of one actor. Bounded by the intensity.
#[derive(Debug)]
pub(super) struct Restarts {
    n_max: usize,
    period: Duration,
    forgiven_after: Duration,
    delays: backoff::Config,
    failures: VecDeque<Instant>,
    n_in_a_row: u32,
}

impl Restarts {
    pub(super) fn new(cfg: &config::Node) -> Self {
        Self {
            n_max: cfg.n_restarts_max,
            period: Duration::from_millis(cfg.restart_period_ms),
            forgiven_after: Duration::from_millis(cfg.forgiven_after_ms),
            delays: cfg.restart,
            failures: VecDeque::new(),
            n_in_a_row: 0,
        }
    }

    /// An incarnation that began at `began` failed at `now`.
    pub(super) fn failed(&mut self, began: Instant, now: Instant, random: f64) -> Verdict {
        self.failures.retain(|failure| now.duration_since(*failure) < self.period);
        if self.failures.len() >= self.n_max {
            return Verdict::Quarantine;
        }
        self.failures.push_back(now);
        if now.duration_since(began) >= self.forgiven_after {
            self.n_in_a_row = 0;
        }
        let delay = self.delays.delay(self.n_in_a_row, random);
        self.n_in_a_row += 1;
        Verdict::After(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cfg() -> config::Node {
        let restart = backoff::Config { jitter: 0.0, ..backoff::Config::default() };
        config::Node { n_restarts_max: 3, restart, ..config::Node::default() }
    }

    #[test]
    fn too_many_failures_quarantine() {
        let mut restarts = Restarts::new(&cfg());
        let now = Instant::now();
        for ms in [50, 100, 200] {
            let verdict = restarts.failed(now, now, 0.5);
            assert_eq!(verdict, Verdict::After(Duration::from_millis(ms)));
        }
        assert_eq!(restarts.failed(now, now, 0.5), Verdict::Quarantine);
    }

    #[test]
    fn health_is_forgiving() {
        let mut restarts = Restarts::new(&cfg());
        let mut now = Instant::now();
        for _ in 0..20 {
            let began = now;
            now += Duration::from_secs(30);
            let verdict = restarts.failed(began, now, 0.5);
            assert_eq!(verdict, Verdict::After(Duration::from_millis(50)));
        }
    }
}
