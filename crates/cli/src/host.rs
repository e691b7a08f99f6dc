//! What the command line needs of this machine; the binary fills it.

use std::path::PathBuf;
use std::time::Duration;

use callboard_api::error::Code;
use callboard_client::Client;

use crate::Error;
use crate::args::Global;

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address of its HTTP interface.
    pub url: String,
    /// The token of its HTTP interface.
    pub token: String,
}

/// What the command line needs of this machine.
pub trait Host {
    /// The node of this machine's data folder, if one runs.
    ///
    /// # Errors
    /// The data folder or its runtime file cannot be read.
    fn running(&self) -> Result<Option<Endpoint>, Error>;

    /// Starts a node in the background and waits until it answers.
    ///
    /// # Errors
    /// It did not start; the text has the end of its log.
    fn start(&self) -> Result<Endpoint, Error>;

    /// The present folder.
    ///
    /// # Errors
    /// It is gone.
    fn folder(&self) -> Result<PathBuf, Error>;
}

/// The way to the node that a command is for.
pub(crate) struct Session<'a> {
    global: &'a Global,
    host: &'a dyn Host,
    pub(crate) client: Client,
}

impl<'a> Session<'a> {
    /// To a node that must run already.
    pub(crate) fn open(global: &'a Global, host: &'a dyn Host) -> Result<Self, Error> {
        match find(global, host)? {
            Some(endpoint) => Ok(Self { global, host, client: client(&endpoint) }),
            None => Err(none_runs()),
        }
    }

    /// To a node, which is started where none runs; `say` is told so.
    pub(crate) fn open_or_start(
        global: &'a Global,
        host: &'a dyn Host,
        say: impl FnOnce(&str),
    ) -> Result<Self, Error> {
        if let Some(endpoint) = find(global, host)? {
            return Ok(Self { global, host, client: client(&endpoint) });
        }
        say(
            "no node runs on this machine: starting one in the background (callboard down ends it)",
        );
        let endpoint = host.start()?;
        Ok(Self { global, host, client: client(&endpoint) })
    }

    /// Looks for the node again: it may have been started anew, on another port.
    pub(crate) fn reopen(&mut self) -> Result<(), Error> {
        let Some(endpoint) = find(self.global, self.host)? else { return Err(none_runs()) };
        self.client = client(&endpoint);
        Ok(())
    }

    /// Whether the node of this machine still runs.
    pub(crate) fn still_runs(&self) -> Result<bool, Error> {
        match &self.global.server {
            Some(_) => Ok(self.client.healthz().is_ok()),
            None => Ok(self.host.running()?.is_some()),
        }
    }
}

fn find(global: &Global, host: &dyn Host) -> Result<Option<Endpoint>, Error> {
    let (Some(url), Some(file)) = (&global.server, &global.token_file) else {
        return host.running();
    };
    let token = std::fs::read_to_string(file).map_err(|error| {
        Error::new(
            Code::Usage,
            format!("failed to read the token file {}: {error}", file.display()),
        )
    })?;
    Ok(Some(Endpoint { url: url.clone(), token: token.trim().to_owned() }))
}

fn none_runs() -> Error {
    let text = "no node runs on this machine; start one by: callboard up -d";
    Error::new(Code::Unreachable, text)
}

fn client(endpoint: &Endpoint) -> Client {
    Client::new(&endpoint.url, &endpoint.token)
}

/// Waits a moment between two looks at a state.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line has one thread and nothing else to do"
)]
pub(crate) fn pause(moment: Duration) {
    std::thread::sleep(moment);
}
