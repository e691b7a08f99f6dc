//! The three standard streams, and how the two for output may look.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use callboard_cli::Terminal;
use callboard_cli::show::Look;
use callboard_cli::show::look::Tone;
use terminal_size::terminal_size_of;

use crate::environment;
use crate::failure::Failure;

/// Standard output and standard error.
pub(crate) struct Streams {
    out: io::Stdout,
    out_look: Look,
    err: io::Stderr,
    err_look: Look,
    json: bool,
}

impl Streams {
    pub(crate) fn open(json: bool) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let may_colour = environment::may_colour();
        let out_width = terminal_size_of(&out).map(|(width, _)| usize::from(width.0));
        let out_look = Look { width: out_width, colour: may_colour && out.is_terminal() };
        let err_width = terminal_size_of(&err).map(|(width, _)| usize::from(width.0));
        let err_look = Look { width: err_width, colour: may_colour && err.is_terminal() };
        Self { out, out_look, err, err_look, json }
    }

    pub(crate) fn terminal(&mut self) -> Terminal<'_> {
        Terminal {
            out: &mut self.out,
            out_look: self.out_look,
            err: &mut self.err,
            err_look: self.err_look,
            json: self.json,
        }
    }

    /// Whether somebody can be asked.
    pub(crate) fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && self.err.is_terminal()
    }

    /// Where questions go.
    pub(crate) fn questions(&mut self) -> &mut dyn Write {
        &mut self.err
    }

    /// Says why a command failed.
    pub(crate) fn fail(&mut self, failure: &Failure) -> ExitCode {
        if !failure.text.is_empty() {
            let word = self.err_look.paint(Tone::Bad, "error");
            // Nobody listens: the exit code still tells.
            let _ = writeln!(self.err, "{word}: {}", failure.text);
        }
        ExitCode::from(failure.code)
    }
}
