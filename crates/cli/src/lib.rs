//! The command line over the HTTP interface: arguments, output, exit codes.

pub mod args;
mod help;
pub mod show;

pub use args::Cli;
