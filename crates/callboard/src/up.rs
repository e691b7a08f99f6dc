//! `up`: a node in this process, or in the background.

use std::ffi::OsString;
use std::process::ExitCode;

use callboard_api::error::Code;
use callboard_cli::args::{Global, Up};
use callboard_node::{Config, DataFolder, Origin, RuntimeFile, config};
use callboard_process::detached;

use crate::failure::{Failure, chain};
use crate::streams::Streams;
use crate::{data, start};

pub(crate) fn up(args: &Up, global: &Global, streams: &mut Streams) -> Result<ExitCode, Failure> {
    let cfg = load(args)?;
    let data = data::folder(global.data_dir.as_deref(), &cfg)?;
    if let Some(file) = data::running(&data)? {
        return Err(runs_already(&file));
    }
    if args.detach {
        let folder = std::env::current_dir().map_err(|error| anyhow::anyhow!(error))?;
        let started = start::in_background(&data, &folder, &again(args)?)?;
        if started.ran {
            return Err(runs_already(&started.file));
        }
        return told(&started.file, &data, streams);
    }
    serve(args, cfg, data, global.json)
}

fn runs_already(file: &RuntimeFile) -> Failure {
    let RuntimeFile { pid, url, .. } = file;
    let text = format!("a node runs already: process {pid} at {url}; stop it by: callboard down");
    Failure::new(Code::Refused, text)
}

fn load(args: &Up) -> Result<Config, Failure> {
    let Up { detach: _, name, listen, labels, config: file, own_session: _ } = args;
    let mut overrides = Vec::new();
    overrides.extend(name.iter().map(|it| ("node.name".to_owned(), it.clone())));
    overrides.extend(listen.iter().map(|it| ("gateway.listen".to_owned(), it.clone())));
    // A person who names an address means this one.
    overrides.extend(listen.iter().map(|_| ("gateway.any_port".to_owned(), "false".to_owned())));
    let mut cfg = config::load(&Origin { file: file.clone(), overrides })?;
    cfg.node.labels.extend(labels.iter().cloned());
    Ok(cfg)
}

/// The arguments for the process in the background.
fn again(args: &Up) -> Result<Vec<OsString>, Failure> {
    let Up { detach: _, name, listen, labels, config, own_session: _ } = args;
    let mut all = Vec::new();
    let mut add = |flag: &str, value: OsString| all.extend([OsString::from(flag), value]);
    name.iter().for_each(|it| add("--name", it.into()));
    listen.iter().for_each(|it| add("--listen", it.into()));
    labels.iter().for_each(|(key, value)| add("--label", format!("{key}={value}").into()));
    config.iter().for_each(|it| add("--config", it.into()));
    Ok(all)
}

fn told(file: &RuntimeFile, data: &DataFolder, streams: &mut Streams) -> Result<ExitCode, Failure> {
    let (url, pid) = (&file.url, file.pid);
    let log = data.log_file();
    let mut terminal = streams.terminal();
    if terminal.json {
        terminal.data(file, |_, _| String::new())?;
    }
    terminal.say(&format!("the node runs at {url} (process {pid}, log {})", log.display()));
    Ok(ExitCode::SUCCESS)
}

fn serve(args: &Up, mut cfg: Config, data: DataFolder, json: bool) -> Result<ExitCode, Failure> {
    if args.own_session {
        let left = detached::own_session();
        left.map_err(|error| Failure::new(Code::Failed, format!("no own session: {error}")))?;
        cfg.log.file.get_or_insert_with(|| data.log_file());
    }
    data.create()?;
    let logging = callboard_telemetry::init(&cfg.log);
    logging.map_err(|error| Failure::new(Code::Failed, chain(&error)))?;
    let path = data.runtime_file();
    let ready = move |url: &str| {
        let mut streams = Streams::open(json);
        let mut terminal = streams.terminal();
        terminal.say(&format!("the node runs at {url}; Ctrl-C stops it"));
        if let (true, Ok(Some(file))) = (terminal.json, RuntimeFile::read(&path)) {
            // Nobody reads it: the node runs all the same.
            let _ = terminal.data(&file, |_, _| String::new());
        }
    };
    let code = callboard_node::serve(cfg, data, ready)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
