//! The composition root: configuration, start and staged stop of one node.
//!
//! Nothing is decided here: every component is made from its own part of the configuration, in order,
//! and stopped in the opposite order under one deadline.

mod alerts;
mod boot;
pub mod config;
mod control;
mod data;
mod output;
mod programs;
mod runtime_file;
mod secrets;
mod serve;

pub use boot::{BootError, Node};
pub use config::{Config, ConfigError, Origin};
pub use data::{DataError, DataFolder};
pub use programs::{Found, ProgramsError, descriptions, find};
pub use runtime_file::{RuntimeFile, RuntimeFileError};
pub use serve::{ServeError, serve};
