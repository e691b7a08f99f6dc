//! Logs, set up once per process by [`init`]: as text or JSON, to standard error or a bounded file.

mod config;
mod file;
mod setup;

pub use config::{Config, Format};
pub use setup::{Error, init};
