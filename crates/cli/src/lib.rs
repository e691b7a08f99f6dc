//! The command line over the HTTP interface: arguments, output, exit codes.

pub mod args;
mod call;
mod complete;
mod error;
mod help;
mod host;
mod repository;
pub mod show;
mod terminal;

pub use args::Cli;
pub use call::run;
pub use complete::script;
pub use error::Error;
pub use host::{Endpoint, Host};
pub use terminal::{Terminal, is_closed};
