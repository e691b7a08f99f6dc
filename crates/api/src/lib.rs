//! Shapes of the HTTP interface and of every `--json` output, with error and exit codes.
//!
//! Plain data, no behaviour: a field that is here is promised. Times are RFC 3339 in UTC, sizes are
//! bytes, durations carry their unit in the name.

pub mod agent;
pub mod error;
pub mod message;
mod path;
pub mod project;
pub mod request;
pub mod status;
pub mod task;

pub use path::PREFIX;
