//! Where time and ids come from: the only place that reads the wall clock.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A source of wall-clock time and of ids. Simulation gives its own.
pub trait Clock: Send + Sync {
    /// The present time. May jump; never used to decide who owns what.
    fn now(&self) -> DateTime<Utc>;

    /// A new id, ordered by time where the source can.
    fn new_id(&self) -> Uuid;

    /// A uniform number in 0..1, for jitter.
    fn random(&self) -> f64;
}

/// The shared form in which components hold a clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn random(&self) -> f64 {
        let mut bytes = [0_u8; 4];
        // Without randomness the jitter is merely absent.
        let _ = getrandom::fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
    }
}
