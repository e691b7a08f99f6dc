//! The deadline that a guard keeps by itself. Pure: time comes in.
//!
//! ```text
//!            no confirmation in time           frozen for kill_after
//! running ───────────────────────────► frozen ──────────────────────► killed
//!    ▲        same epoch confirmed       │                              ▲
//!    └───────────────────────────────────┘      newer epoch confirmed ──┘ (from both)
//! ```
//!
//! Invariant: an older epoch's confirmation, late on the way, changes nothing.

use std::time::Duration;

use callboard_wire::v1::guard;
use tokio::time::Instant;

/// What the tree must now suffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Freeze,
    Thaw,
    Kill,
}

/// The fence of one tree.
#[derive(Debug)]
pub(super) struct Fence {
    epoch: u64,
    /// `None` is no fencing.
    deadline: Option<Duration>,
    kill_after: Duration,
    confirmed_at: Instant,
    frozen_at: Option<Instant>,
}

impl Fence {
    pub(super) fn new(terms: guard::Fence, now: Instant) -> Self {
        let guard::Fence { epoch, deadline_ms, kill_after_ms } = terms;
        Self {
            epoch,
            deadline: deadline(deadline_ms),
            kill_after: Duration::from_millis(kill_after_ms),
            confirmed_at: now,
            frozen_at: None,
        }
    }

    /// The node says that it holds `epoch`.
    pub(super) fn confirm(
        &mut self,
        epoch: u64,
        deadline_ms: u64,
        now: Instant,
    ) -> Option<Verdict> {
        match epoch.cmp(&self.epoch) {
            std::cmp::Ordering::Greater => Some(Verdict::Kill),
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => {
                self.deadline = deadline(deadline_ms);
                self.confirmed_at = now;
                self.frozen_at.take().map(|_| Verdict::Thaw)
            }
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Verdict> {
        let due = self.due().filter(|&due| due <= now)?;
        match self.frozen_at {
            Some(_) => Some(Verdict::Kill),
            None => {
                self.frozen_at = Some(due);
                Some(Verdict::Freeze)
            }
        }
    }

    /// Whether the deadline has passed and no confirmation came since.
    pub(super) fn is_closed(&self) -> bool {
        self.frozen_at.is_some()
    }

    /// When the next tick will have a verdict.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.frozen_at {
            Some(frozen_at) => Some(frozen_at + self.kill_after),
            None => self.deadline.map(|deadline| self.confirmed_at + deadline),
        }
    }
}

fn deadline(deadline_ms: u64) -> Option<Duration> {
    (deadline_ms > 0).then(|| Duration::from_millis(deadline_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn fence(deadline_ms: u64) -> (Fence, Instant) {
        let now = Instant::now();
        (Fence::new(guard::Fence { epoch: 5, deadline_ms, kill_after_ms: 30_000 }, now), now)
    }

    #[test]
    fn without_a_deadline_nothing_is_ever_due() {
        let (mut fence, now) = fence(0);
        assert_eq!(fence.due(), None);
        assert_eq!(fence.tick(now + ms(1_000_000)), None);
    }

    #[test]
    fn missed_deadline_freezes_once_and_kills_later() {
        let (mut fence, now) = fence(2_000);
        assert_eq!(fence.tick(now + ms(1_999)), None);
        assert_eq!(fence.tick(now + ms(2_000)), Some(Verdict::Freeze));
        assert_eq!(fence.tick(now + ms(31_999)), None);
        assert_eq!(fence.tick(now + ms(32_000)), Some(Verdict::Kill));
    }

    #[test]
    fn same_epoch_thaws_and_counts_anew() {
        let (mut fence, now) = fence(2_000);
        assert_eq!(fence.confirm(5, 2_000, now + ms(1_500)), None);
        assert_eq!(fence.tick(now + ms(3_499)), None);
        assert_eq!(fence.tick(now + ms(3_500)), Some(Verdict::Freeze));
        assert_eq!(fence.confirm(5, 0, now + ms(4_000)), Some(Verdict::Thaw));
        assert_eq!(fence.due(), None);
    }

    #[test]
    fn newer_epoch_kills_and_older_is_ignored() {
        let (mut fence, now) = fence(2_000);
        assert_eq!(fence.confirm(4, 0, now), None);
        assert_eq!(fence.due(), Some(now + ms(2_000)));
        assert_eq!(fence.confirm(6, 2_000, now), Some(Verdict::Kill));
    }
}
