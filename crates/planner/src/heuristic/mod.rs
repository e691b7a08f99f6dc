//! The first planner: no model, only words.
//!
//! A goal of a known kind becomes the phases of that kind; any other text is split at sentences,
//! list items, "and" and "then".

mod kinds;
mod plan_goal;
mod split;

pub use plan_goal::Heuristic;
