//! The variables that the command line reads.

use std::ffi::OsString;

/// The value of a variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place where the command line reads it")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether colour is wanted at all: <https://no-color.org>.
pub(crate) fn may_colour() -> bool {
    variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb")
}
