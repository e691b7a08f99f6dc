//! The event-sourced shell: the one place where decisions become stored facts, and facts effects.
//!
//! ```text
//!  start: snapshot ─▶ replay (chain verified) ─▶ append Activated{epoch} ─▶ run the outbox
//!  command ─▶ decide ─▶ seal, append at the expected version ─▶ apply ─▶ reconcile the outbox ─▶ answer
//! ```

pub mod config;
mod core;
mod effects;
pub mod error;
pub mod executor;
pub mod handle;
mod persist;
mod recover;
mod snapshot;
pub mod spec;

pub use crate::alerts::{Alert, Alerts, LoggedAlerts};
pub use config::Config;
pub use error::{CommandError, Done};
pub use executor::{EffectError, Executor};
pub use handle::SourcedHandle;
pub use spec::{Launcher, Sourced};
