//! `callboard demo`: a goal becomes merged work before one's eyes, one agent is killed on the way.
//!
//! It makes a folder with the repository of a small calendar application, starts a node of its own in
//! it (`callboard up`, a real process), submits the plan and follows the log. When an agent is in the
//! middle of its task and has a checkpoint, its whole process tree gets SIGKILL and its workspace is
//! removed, so that it can only come back from the checkpoint in the cluster's blobs. The result is
//! accepted, the application's own tests run on it, the log is verified, the node is stopped, and what
//! is claimed at the end was counted from the log and from git.
//!
//! Measured on 2 cores: see `crates/ops/demo/README.md`.
//!
//! It deliberately shares nothing with a node of the person: other folder, other port, no
//! configuration but its own.

mod check;
mod count;
mod fault;
mod files;
mod fold;
mod folder;
mod node;
mod options;
mod play;
mod review;
mod run;
mod screen;
mod story;
mod summary;

pub use options::Options;
pub use run::run;
