//! The HTTP client of the command line and of tests: blocking, typed, with a limit on every wait.
//!
//! It links nothing of the server; the shapes are those of crate `api`.

mod client;
mod config;
mod error;
mod events;
mod http;
mod runtime_file;

pub use client::Client;
pub use config::Config;
pub use error::Error;
pub use events::Events;
pub use runtime_file::RuntimeFile;
