//! The HTTP interface: commands in, views out, events as a stream.
//!
//! It decides nothing: commands go to actors through `cluster`, answers come from `views`.

pub mod config;
pub mod parts;

pub use config::Config;
pub use parts::{Control, Defaults, Parts};
