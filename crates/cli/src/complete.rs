//! Completion scripts.

use clap_complete::Shell;

use crate::args::Cli;

/// The completion script of a shell.
#[must_use]
pub fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::whole(), "callboard", &mut script);
    script
}
