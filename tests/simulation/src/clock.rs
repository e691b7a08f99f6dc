//! Virtual time, ids that count, randomness from the seed.

use std::sync::{Mutex, PoisonError};

use callboard_stdx::clock::Clock;
use chrono::{DateTime, Duration, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::dice::Dice;

/// When every simulation begins, in seconds since 1970.
const BEGINS_S: i64 = 1_750_000_000;

/// The clock of one run. Begins when it is made, on a paused runtime.
#[derive(Debug)]
pub struct SimulatedClock {
    began: Instant,
    state: Mutex<(u128, Dice)>,
}

impl SimulatedClock {
    /// A clock whose ids and jitter come from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { began: Instant::now(), state: Mutex::new((0, Dice::new(seed ^ 0xc10c))) }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        let elapsed = Duration::from_std(self.began.elapsed()).unwrap_or(Duration::MAX);
        DateTime::from_timestamp(BEGINS_S, 0).unwrap_or_default() + elapsed
    }

    fn new_id(&self) -> Uuid {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        Uuid::from_u128(state.0)
    }

    fn random(&self) -> f64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.unit()
    }
}
