//! Many seeds, on every processor: one system per thread, nothing shared between two runs.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::run::{Run, Verdict, run};

/// A run that broke a promise, or panicked.
#[derive(Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What was broken, for a person.
    pub what: Vec<String>,
}

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Runs.
    pub n_runs: u64,
    /// Commits in all logs.
    pub n_commits: usize,
    /// Tasks done.
    pub n_done: usize,
    /// Boots of nodes.
    pub n_boots: u64,
    /// Faults of the stores, all kinds.
    pub n_faults: u64,
    /// Those that failed, by seed.
    pub failures: Vec<Failure>,
}

/// Runs every seed of a range.
#[must_use]
pub fn many(seeds: Range<u64>) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    let n_threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let verdict = catch_unwind(AssertUnwindSafe(|| run(Run::usual(seed))));
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    summary.add(seed, verdict.ok());
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failures.sort_by_key(|failure| failure.seed);
    summary
}

impl Summary {
    fn add(&mut self, seed: u64, verdict: Option<Verdict>) {
        self.n_runs += 1;
        let Some(verdict) = verdict else {
            let what = vec!["the run itself panicked".to_owned()];
            self.failures.push(Failure { seed, what });
            return;
        };
        self.n_commits += verdict.n_commits;
        self.n_done += verdict.n_done;
        self.n_boots += u64::from(verdict.n_boots);
        let faults = verdict.faults;
        self.n_faults += faults.n_not_written
            + faults.n_acks_lost
            + faults.n_crashes
            + faults.n_ghosts_landed
            + faults.n_stale_reads
            + faults.n_appends_timed_out;
        if !verdict.violations.is_empty() {
            let what = verdict.violations.iter().map(ToString::to_string).collect();
            self.failures.push(Failure { seed, what });
        }
    }
}
