//! What people read: pure functions from the interface's shapes to text.
//!
//! Text that came from agents or repositories never reaches a terminal with its control characters.

pub mod agent;
pub mod local;
pub mod look;
pub mod message;
pub mod project;
pub mod status;
mod table;
pub mod task;
pub mod text;

pub use look::Look;
