//! Commands that need no running node.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use callboard_api::error::Code;
use callboard_cli::args::{ConfigCommand, Demo, Doctor, Global, Init, Local};
use callboard_cli::show;
use callboard_client::Client;
use callboard_node::{Config, DataFolder, Origin, config};
use callboard_ops::doctor::NodeFound;
use callboard_ops::init::Key;
use callboard_ops::program::{self, Program};
use callboard_ops::{config_show, demo, doctor, init};

use crate::failure::{Failure, chain};
use crate::streams::Streams;
use crate::{data, environment, host, up};

pub(crate) fn run(
    command: &Local,
    global: &Global,
    streams: &mut Streams,
) -> Result<ExitCode, Failure> {
    match command {
        Local::Up(args) => up::up(args, global, streams),
        Local::Init(args) => set_up(args, global, streams),
        Local::Doctor(args) => look(args, global, streams),
        Local::Demo(args) => Ok(demo::run(demo_options(args, global.json))?),
        Local::Config(ConfigCommand::Show { config: file }) => {
            let cfg = config::load(&Origin { file: file.clone(), overrides: Vec::new() })?;
            let shown =
                if global.json { config_show::as_json(&cfg) } else { config_show::as_toml(&cfg) };
            streams.terminal().text(&shown?)?;
            Ok(ExitCode::SUCCESS)
        }
        Local::Completions(args) => {
            let script = callboard_cli::script(args.shell);
            streams.terminal().text(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn demo_options(args: &Demo, json: bool) -> demo::Options {
    let Demo { runtime, nodes, keep, dir } = args;
    demo::Options { runtime: runtime.clone(), json, nodes: *nodes, keep: *keep, dir: dir.clone() }
}

/// Runs what asks programs and kernels.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    Ok(runtime.block_on(work))
}

fn programs(cfg: &Config) -> Result<Result<Vec<Program>, String>, Failure> {
    block_on(async { program::look(&cfg.programs).await.map_err(|error| chain(&error)) })
}

fn set_up(args: &Init, global: &Global, streams: &mut Streams) -> Result<ExitCode, Failure> {
    // The file that is to be replaced may be wrong: it is only asked where it stays.
    let cfg = match config::load(&Origin::default()) {
        Err(_) if args.force => Config::default(),
        cfg => cfg?,
    };
    let data = data::folder(global.data_dir.as_deref(), &cfg)?;
    let programs = programs(&cfg)?.map_err(|text| Failure::new(Code::Failed, text))?;
    let keys = keys_of(&programs);
    let folder = std::env::current_dir().map_err(|error| anyhow::anyhow!(error))?;
    data.create()?;
    let options = init::Options {
        folder,
        secrets: cfg.programs.secrets.unwrap_or_else(|| data.secrets()),
        programs,
        keys,
        force: args.force,
        runtime: args.runtime.clone(),
        check: args.check.clone(),
        agents_max: args.max_agents,
    };
    let done = if args.yes {
        init::run(&options, None)
    } else if streams.is_interactive() {
        let mut answers = io::stdin().lock();
        let person: (&mut dyn BufRead, &mut dyn Write) = (&mut answers, streams.questions());
        init::run(&options, Some(person))
    } else {
        let text = "nobody can be asked here; take what is detected by: callboard init --yes";
        return Err(Failure::new(Code::Usage, text));
    };
    let done = done.map_err(|error| Failure::new(init_code(&error), chain(&error)))?;
    tell(&done, &options, streams)?;
    Ok(ExitCode::SUCCESS)
}

fn init_code(error: &init::Error) -> Code {
    match error {
        init::Error::Exists { .. } | init::Error::Secrets { .. } => Code::Refused,
        init::Error::UnknownProgram { .. } | init::Error::Ask(_) => Code::Usage,
        init::Error::Io { .. } => Code::Failed,
    }
}

/// The credentials in the environment that programs take.
fn keys_of(programs: &[Program]) -> Vec<Key> {
    let names = programs.iter().flat_map(|it| &it.keys);
    let key = |name: &String| {
        let value = environment::variable(name)?.into_string().ok()?;
        Some(Key { name: name.clone(), value })
    };
    names.filter_map(key).collect()
}

fn tell(done: &init::Done, options: &init::Options, streams: &mut Streams) -> Result<(), Failure> {
    let init::Done { answers, config, old } = done;
    let mut terminal = streams.terminal();
    terminal.say(&format!("wrote {}", config.display()));
    if let Some(old) = old {
        terminal.say(&format!("the one before is {}", old.display()));
    }
    match (&answers.runtime, &answers.key) {
        (Some(name), Some(key)) => terminal.say(&format!(
            "agents are driven by {name}, with {} kept in {}",
            key.name,
            options.secrets.display()
        )),
        (Some(name), None) => terminal.say(&format!("agents are driven by {name}")),
        (None, _) => terminal.say("no agent program was found; see: callboard doctor"),
    }
    match &answers.check {
        Some(check) => terminal.say(&format!("a task is done when this passes: {check}")),
        None => terminal.say("no check command: a task is done when its work is merged"),
    }
    terminal.say("next: callboard submit \"TEXT\"");
    Ok(())
}

fn look(args: &Doctor, global: &Global, streams: &mut Streams) -> Result<ExitCode, Failure> {
    let (cfg, config) = match config::load(&Origin::default()) {
        Ok(cfg) => (cfg, Ok(())),
        Err(error) => (Config::default(), Err(chain(&error))),
    };
    let data = data::folder(global.data_dir.as_deref(), &cfg)?;
    let (node, client) = node_of(&data);
    let log = args.verify_log.then(|| match &client {
        Some(client) => client.verify_log().map_err(|error| error.to_string()),
        None => Err("no node runs; start one by: callboard up -d".to_owned()),
    });
    let options = doctor::Options {
        data: data.path().to_owned(),
        store: data.store(),
        secrets: cfg.programs.secrets.clone().unwrap_or_else(|| data.secrets()),
        config,
        programs: programs(&cfg)?,
        node,
        log,
    };
    let findings = block_on(doctor::run(&options))?;
    streams.terminal().data(&findings, |it, look| show::local::findings(it, look))?;
    Ok(ExitCode::from(u8::from(doctor::has_problem(&findings))))
}

fn node_of(data: &DataFolder) -> (NodeFound, Option<Client>) {
    let file = match data::running(data) {
        Ok(Some(file)) => file,
        Ok(None) => return (NodeFound::None, None),
        Err(failure) => return (NodeFound::Silent { reason: failure.text }, None),
    };
    let asked = host::endpoint(&file).and_then(|endpoint| {
        let client = Client::new(&endpoint.url, &endpoint.token);
        let version = client.status()?.version;
        Ok((NodeFound::Answers { url: endpoint.url, version }, Some(client)))
    });
    asked.unwrap_or_else(|error| (NodeFound::Silent { reason: error.message }, None))
}
