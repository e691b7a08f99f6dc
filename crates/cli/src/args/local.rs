//! Arguments of the commands that need no node, and of `up`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

use crate::help;

/// `init`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::INIT)]
pub struct Init {
    /// Ask nothing: take what is detected
    #[arg(long, short)]
    pub yes: bool,
    /// Replace a callboard.toml that is there; the old one is kept as callboard.toml.old
    #[arg(long)]
    pub force: bool,
    /// The agent program of this repository, in place of the first that is found
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// The check command, in place of the detected one
    #[arg(long, value_name = "CMD")]
    pub check: Option<String>,
    /// How many agents may work at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_agents: Option<u32>,
}

/// `demo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::DEMO)]
pub struct Demo {
    /// Drive the agents by this program, such as claude, in place of scripts
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// How many nodes; this version runs one
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1))]
    pub nodes: u32,
    /// Keep the builds in the agents' workspaces too, which are large
    #[arg(long)]
    pub keep: bool,
    /// Work in this folder, which must be empty or new, in place of a temporary one
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `doctor`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::DOCTOR)]
pub struct Doctor {
    /// Read the whole log of the running node and check every commit
    #[arg(long)]
    pub verify_log: bool,
}

/// `config`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Print what is in force: defaults, files, environment and flags
    #[command(after_help = help::CONFIG_SHOW)]
    Show {
        /// One more configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// `completions`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::COMPLETIONS)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// `up`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::UP)]
pub struct Up {
    /// Start in the background and return when the node answers
    #[arg(long, short)]
    pub detach: bool,
    /// The node's name [default: the host's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The address of the HTTP interface [default: 127.0.0.1:7117]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// A label that placement can ask for; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// One more configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set by the command line where it starts a node in the background.
    #[arg(long, hide = true)]
    pub own_session: bool,
}

/// Reads `key=value`.
///
/// # Errors
/// What is wrong, for a person.
pub fn label(text: &str) -> Result<(String, String), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && key.chars().all(legal) => {
            Ok((key.to_owned(), value.to_owned()))
        }
        Some((key, _)) => Err(format!("{key:?} is no key: use letters, digits, -, _ and /")),
        None => Err("write KEY=VALUE, such as zone=west".to_owned()),
    }
}
