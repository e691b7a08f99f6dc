//! Where a guard's process begins: which of the two it is.

use std::ffi::OsString;
use std::process::ExitCode;

use super::{inner, outer};

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
