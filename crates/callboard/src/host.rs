//! This machine, for the command line.

use std::path::PathBuf;

use callboard_api::error::Code;
use callboard_cli::args::Global;
use callboard_cli::{Endpoint, Error, Host};
use callboard_node::RuntimeFile;

use crate::failure::Failure;
use crate::{data, start};

/// This machine and its data folder.
pub(crate) struct Machine {
    data_dir: Option<PathBuf>,
}

impl Machine {
    pub(crate) fn new(global: &Global) -> Self {
        Self { data_dir: global.data_dir.clone() }
    }
}

impl Host for Machine {
    fn running(&self) -> Result<Option<Endpoint>, Error> {
        let data = data::folder_of_client(self.data_dir.as_deref()).map_err(error)?;
        let found = data::running(&data).map_err(error)?;
        found.map(|file| endpoint(&file)).transpose()
    }

    fn start(&self) -> Result<Endpoint, Error> {
        let data = data::folder_of_client(self.data_dir.as_deref()).map_err(error)?;
        // Not in the present folder: its callboard.toml, and with it its policy, would rule every other
        // repository of this node.
        let started = start::in_background(&data, data.path(), &[]).map_err(error)?;
        endpoint(&started.file)
    }

    fn folder(&self) -> Result<PathBuf, Error> {
        let folder = std::env::current_dir();
        folder.map_err(|it| Error::new(Code::Failed, format!("the present folder is gone: {it}")))
    }
}

pub(crate) fn endpoint(file: &RuntimeFile) -> Result<Endpoint, Error> {
    let token = std::fs::read_to_string(&file.token_file).map_err(|error| {
        let path = file.token_file.display();
        Error::new(Code::Refused, format!("failed to read the token {path}: {error}"))
    })?;
    Ok(Endpoint { url: file.url.clone(), token: token.trim().to_owned() })
}

fn error(failure: Failure) -> Error {
    let all = [
        Code::Failed,
        Code::Usage,
        Code::NotFound,
        Code::Refused,
        Code::Unreachable,
        Code::TimedOut,
    ];
    let code = all.into_iter().find(|code| code.exit_code() == failure.code);
    Error::new(code.unwrap_or(Code::Failed), failure.text)
}
