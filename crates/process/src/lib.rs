//! Owned processes: the guard, its client, and plain commands with a deadline.

mod capture;
pub mod command;
pub mod detached;
mod ending;
pub mod environment;
pub mod guard;
pub mod guarded;
mod marks;
mod proc_table;
mod sweep;

pub use capture::{Captured, Limits};
pub use ending::Ending;
pub use environment::Environment;
pub use guarded::{Guarded, Launcher};
pub use marks::Marks;
pub use sweep::{Sweep, Swept, sweep};
