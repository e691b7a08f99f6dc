//! The orchestrator: the projects of the cluster, the global limits, and the fleet switch.

mod apply;
mod decide;
mod entity;
mod model;

pub use entity::Orchestrator;
pub use model::{Command, Effect, Entry, Event, EventKind, Fleet, Limits, Rejection, State};
