//! The scripted program: a real child process that does what the script in its prompt says, with
//! real commands, files, commits and permission requests. For demos and tests.
//!
//! [`ScriptedRuntime`] drives it; [`main`] is the program itself, which a binary runs for
//! [`SUBCOMMAND`].

mod codec;
mod journal;
mod program;
mod protocol;
mod runtime;
pub mod script;

pub use codec::Config as CodecConfig;
pub use program::{SUBCOMMAND, main};
pub use runtime::{Config, ScriptedRuntime};
