//! Folds of the log that answer questions: tasks, agents, projects, receipts.
//!
//! A view decides nothing and stores nothing: it can be thrown away and folded again.

mod model;
mod show;

pub use model::{Config, Model, Unreadable};
