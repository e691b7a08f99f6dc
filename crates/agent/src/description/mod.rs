//! Programs described by data: what to run, with what, how to resume, what to keep.
//!
//! A new program that speaks a known protocol needs a file and no Rust. Built-in descriptions are
//! the files of `configs/agents`; the configuration may replace or add some.

mod check;
mod template;
mod types;
mod version;

pub use check::{Error, builtin, parse};
pub use template::Variables;
pub use types::{
    Credentials, Description, LaunchArgs, Preseed, Protocol, Resources, SessionFiles, VersionCheck,
};
pub use version::Verdict;
