//! The pure model: ids, events, and the decisions of orchestrator, project, agent and messages.
//!
//! Invariants: no I/O, no clock, no randomness, no task here; the same events always rebuild the
//! same state.

pub mod agent;
pub mod entity;
pub mod fleet;
pub mod id;
pub mod message;
pub mod orchestrator;
pub mod project;
pub mod record;
pub mod task;

pub use entity::{Ctx, EffectKey, Entity};
