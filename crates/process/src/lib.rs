//! Owned processes: the guard, its client, and plain commands with a deadline.

mod capture;
pub mod command;
mod ending;
pub mod environment;

pub use capture::{Captured, Limits};
pub use ending::Ending;
pub use environment::Environment;
