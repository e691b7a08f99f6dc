//! Leases of singletons (`orchestrator`, `placement`): who may act, in which epoch.
//!
//! The decision is pure ([`Observed`]) and knows only monotonic time: a holder trusts itself until
//! 6 s after it *sent* its last successful write; a contender takes over after 10 s in which
//! successful reads saw no change, at once on release or when the holder is declared dead. Both
//! write by compare-and-set, so that at most one of two contenders wins, and every change of holder
//! is a new epoch. The 4 s between are what clocks may differ in rate.
//!
//! On a single node (the embedded folder lock excludes every other holder) the mode is
//! [`Mode::Exclusive`]: the lease is taken at once, and does not run out.

mod config;
mod keeper;
mod observed;
mod record;

pub use config::{Config, Mode};
pub use keeper::{Keeper, View};
pub use observed::{Act, Observed, Read, Wrote};
pub use record::Record;
