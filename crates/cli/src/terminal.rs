//! Where data and talk go: standard output is data, standard error is talk.

use std::io::{self, Write};

use callboard_api::error::Code;
use serde::Serialize;

use crate::Error;
use crate::show::Look;

/// The two streams, and how each may look.
pub struct Terminal<'a> {
    /// Data.
    pub out: &'a mut dyn Write,
    /// How data looks.
    pub out_look: Look,
    /// Talk.
    pub err: &'a mut dyn Write,
    /// How talk looks.
    pub err_look: Look,
    /// Whether data is printed as JSON.
    pub json: bool,
}

impl Terminal<'_> {
    /// Prints data: as JSON where that is asked for, else as `human` shows it.
    ///
    /// # Errors
    /// See [`write_error`].
    pub fn data<T: Serialize>(
        &mut self,
        data: &T,
        human: impl FnOnce(&T, Look) -> String,
    ) -> Result<(), Error> {
        if !self.json {
            let shown = human(data, self.out_look);
            return self.text(&shown);
        }
        let json = serde_json::to_string_pretty(data).expect("shapes are plain data");
        self.text(&format!("{json}\n"))
    }

    /// Prints data as one line of JSON where that is asked for, else as `human` shows it.
    ///
    /// # Errors
    /// See [`write_error`].
    pub fn row<T: Serialize>(
        &mut self,
        data: &T,
        human: impl FnOnce(&T, Look) -> String,
    ) -> Result<(), Error> {
        if !self.json {
            let shown = human(data, self.out_look);
            return self.text(&shown);
        }
        let json = serde_json::to_string(data).expect("shapes are plain data");
        self.text(&format!("{json}\n"))
    }

    /// Prints text as data.
    ///
    /// # Errors
    /// See [`write_error`].
    pub fn text(&mut self, text: &str) -> Result<(), Error> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| write_error(&error))
    }

    /// Says something to the person.
    pub fn say(&mut self, text: &str) {
        // Nobody listens: the data and the exit code still tell.
        let _ = writeln!(self.err, "{text}");
    }
}

/// The error of a standard output that takes nothing more. A reader that went away is no mistake
/// of anybody: [`is_closed`] tells it.
fn write_error(error: &io::Error) -> Error {
    let text = match error.kind() {
        io::ErrorKind::BrokenPipe => CLOSED.to_owned(),
        _ => format!("failed to write to standard output: {error}"),
    };
    Error::new(Code::Failed, text)
}

const CLOSED: &str = "standard output was closed";

/// Whether an error only says that nobody reads standard output any more.
#[must_use]
pub fn is_closed(error: &Error) -> bool {
    error.code == Code::Failed && error.message == CLOSED
}
