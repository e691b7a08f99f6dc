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
mod outer;
mod signals;
mod tree;

use std::ffi::OsString;
use std::process::ExitCode;

/// The hidden subcommand under which a binary must reach [`main`].
pub const SUBCOMMAND: &str = "guard";

/// Runs a guard: the whole life of its process. `args` are those after [`SUBCOMMAND`]. It must be
/// called before any thread is started, for a PID namespace is only entered by a single thread.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().filter_map(|it| it.into_string().ok()).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["outer", socket] => outer::run(socket),
        ["inner", socket, inner::NAMESPACE] => inner::run(socket, inner::Mode::Namespace),
        ["inner", socket, inner::SUBREAPER] => inner::run(socket, inner::Mode::Subreaper),
        // Nobody but a node starts it, and its standard error is the program's.
        _ => ExitCode::from(2),
    }
}
