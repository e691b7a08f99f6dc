//! The binary: parses the command line, starts a node or calls the client.
//!
//! Two hidden subcommands are child processes of a node and are dispatched before anything else:
//! the guard, which must be single-threaded, and the scripted agent.

mod data;
mod environment;
mod failure;
mod host;
mod local;
mod start;
mod streams;
mod up;

use std::process::ExitCode;

use callboard_cli::Cli;
use callboard_cli::args::Command;
use callboard_process::guard;
use callboard_runtimes::scripted;
use clap::Parser;

use crate::failure::Failure;
use crate::streams::Streams;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next().as_deref().and_then(|arg| arg.to_str()) {
        Some(guard::SUBCOMMAND) => return guard::main(args),
        Some(scripted::SUBCOMMAND) => return scripted::main(args),
        _ => {}
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let mut streams = Streams::open(cli.global.json);
    let done = match &cli.command {
        Command::Local(command) => local::run(command, &cli.global, &mut streams),
        Command::Remote(command) => {
            let host = host::Machine::new(&cli.global);
            callboard_cli::run(command, &cli.global, &host, &mut streams.terminal())
                .map(ExitCode::from)
                .map_err(Failure::from)
        }
    };
    done.unwrap_or_else(|failure| streams.fail(&failure))
}

/// Help and versions are data and succeed; the rest is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    // Nobody listens: the exit code still tells.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
