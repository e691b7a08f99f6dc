//! Programs that are driven over their standard input and output.
//!
//! What to run comes from a [`callboard_agent::Description`]; the protocol from a codec without
//! I/O; the process from `callboard-process`, which owns its whole tree.

mod prepare;
mod runtime;
pub mod stream_json;

pub use runtime::{Config, StdioRuntime};
