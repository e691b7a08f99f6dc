//! Clones, checkpoints, published results and integration, by the git program.
//!
//! Implements the port `agent::Workspaces`. It decides nothing about tasks; it never writes to a
//! person's work tree except in `accept`, and there only by fast-forward.
//!
//! Under the data folder:
//!
//! ```text
//! gitconfig                      the only configuration our own git commands see
//! mirrors/<key>.git              one per source, bare; objects are never pruned, clones borrow them
//! workspaces/<agent>/tree        the agent's clone
//! workspaces/<agent>/home        its program's home: session files
//! workspaces/<agent>/workspace.json, checkpoint.json
//! integration/<project>/repo.git  where results are merged; tree: where they are checked
//! ```

mod accept;
mod archive;
mod check;
mod checkpoint;
mod cleanup;
mod config;
mod files;
mod git;
mod inspect;
mod integrate;
mod keep;
mod locks;
mod marker;
mod merge;
mod mirror;
mod names;
mod prepare;
mod publish;
mod push;
mod restore;
mod review;
mod service;
mod session;
mod snapshot;
mod tree;

pub use check::{CheckEnded, CheckRun, Checks, PlainChecks};
pub use config::Config;
pub use service::GitWorkspaces;
