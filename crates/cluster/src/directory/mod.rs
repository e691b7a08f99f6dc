//! The directory: which actor is where, in which epoch. Every change is a compare-and-set.
//!
//! ```text
//!            reserve (epoch+1)        activate (by the node)
//!  queued ───────────────▶ reserved ───────────────▶ active ──▶ bump (epoch+1, same node)
//!    ▲  ▲                     │                        │ │
//!    │  └────── requeue ──────┴──── requeue ───────────┘ └──▶ quarantined ──▶ queued (ensure)
//!    └───────────────────────── ensure ──── released ◀── release (from any state)
//! ```
//!
//! Invariants: an actor's epoch never shrinks, not even across a release (the record stays as a
//! tombstone); only the node that a reservation names, in the reserved epoch, makes it active.

mod record;
mod store;
mod transition;

pub use record::{Record, State};
pub use store::{Directory, Error};
pub use transition::Refusal;
