//! Supervision with Erlang's semantics: who is restarted with whom, how often, and who is told.
//!
//! The rules are pure (module `tree`); the actor around them only launches, stops, waits and reports.
//! Differences from Erlang, on purpose: restarts wait (back-off); under one_for_one the intensity is
//! counted per child, for one bad agent says nothing about its siblings; a fenced or parked child
//! stays down whatever its restart type.

mod board;
pub mod child;
pub mod config;
mod core;
pub mod handle;
pub(crate) mod tree;

pub use child::{Child, ChildSpec};
pub use config::{Config, OnStorm, Order, Restart, Strategy};
pub use handle::{
    AddError, ChildEvent, ChildStatus, Observer, SupervisorHandle, SupervisorSpec, Tools,
};
