//! `callboard guard`: the owner of one process tree, which never outlives its node.
//!
//! Two small processes stand between the node and the program; neither knows what the program is.
//!
//! ```text
//! node ──control socket──► outer guard ──channel──► inner guard ──► program ──► anything it starts
//!   └──────────────────── stdin, stdout, stderr ───────────────────────┘
//! ```
//!
//! The *inner* guard is init of a PID namespace where that is allowed: when it dies the kernel kills
//! the tree. Elsewhere it is a subreaper, so that whatever leaves its process group or session is
//! still its descendant, and sweeps until none is left. The *outer* guard is a subreaper above it,
//! talks to the node, and keeps the fence.
//!
//! Invariants: the end of the control socket kills the tree at once. The outer guard killed: the
//! inner one sees its channel end (and gets SIGKILL, as init) and takes the tree along. The inner
//! guard killed: the outer one inherits the tree and sweeps it. Only both killed in one moment,
//! without a namespace, leave processes behind; [`crate::sweep`] finds those at the next start.
//! `Gone` is reported when no descendant is left, never before.

pub(crate) mod channel;
mod fence;
mod inner;
mod launch;
mod main;
mod outer;
mod signals;
mod tree;

pub use main::{SUBCOMMAND, main};
