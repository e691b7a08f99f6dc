//! Plans: what a plan is, reading one from a file, checking it, and making one from a goal.
//!
//! Pure: no I/O, no clock. The same goal always gives the same plan.

pub mod check;
pub mod file;
pub mod heuristic;
pub mod plan;
pub mod planner;
pub mod route;
mod words;

pub use heuristic::Heuristic;
pub use plan::{Plan, PlannedTask};
pub use planner::{Context, Planner};
