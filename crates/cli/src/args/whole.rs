//! The command line as a whole: what every command takes, and which commands there are.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use super::fleet::{
    AgentCommand, Agents, ApprovalsCommand, Events, Message, PlacementCommand, ReceiptId, Stop,
};
use super::local::{Completions, ConfigCommand, Demo, Doctor, Init, Up};
use super::work::{ProjectCommand, Run, Submit, TaskCommand, Tasks};
use crate::help;

/// The command line.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "callboard",
    version,
    about = "Runs fleets of AI coding agents: from a goal to accepted work, with nothing lost",
    override_help = help::TOP,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    infer_long_args = false,
    max_term_width = 100
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The whole command, for completions and tests.
    #[must_use]
    pub fn whole() -> clap::Command {
        Self::command()
    }
}

/// What every command takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Global {
    /// Print data as JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// The address of a node, such as http://127.0.0.1:7117, in place of this machine's
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    #[arg(requires = "token_file")]
    pub server: Option<String>,
    /// The file with the token of that node
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    #[arg(requires = "server")]
    pub token_file: Option<PathBuf>,
    /// The data folder of this machine's node [default: $XDG_DATA_HOME/callboard]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub data_dir: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// On this machine.
    #[command(flatten)]
    Local(Local),
    /// By a node.
    #[command(flatten)]
    Remote(Remote),
}

/// Commands that need no running node.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Local {
    /// Set this repository up: agent programs, keys and the check command
    Init(Init),
    /// Watch a team of scripted agents build a small application, one of them killed on the way
    Demo(Demo),
    /// Check this machine and say what to do
    Doctor(Doctor),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script of a shell
    Completions(Completions),
    /// Start the node of this machine
    Up(Up),
}

/// Commands that a node carries out.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Remote {
    /// Stop the node of this machine; what is under way goes on at the next start
    #[command(after_help = help::DOWN)]
    Down,
    /// Show nodes, tasks and agents at a glance
    #[command(after_help = help::STATUS)]
    Status,
    /// List the nodes with their load
    #[command(after_help = help::NODES)]
    Nodes,
    /// Say why an agent is where it is
    #[command(subcommand)]
    Placement(PlacementCommand),
    /// Hand in a task, or a goal to be split into tasks
    Submit(Submit),
    /// Work off a plan file, or the queue of this repository
    Run(Run),
    /// List the projects
    #[command(after_help = help::PROJECTS)]
    Projects,
    /// Show a project, review its result, stop or archive it
    #[command(subcommand)]
    Project(ProjectCommand),
    /// List the tasks
    Tasks(Tasks),
    /// Show, cancel or retry a task
    #[command(subcommand)]
    Task(TaskCommand),
    /// List the agents
    Agents(Agents),
    /// Show, make or stop an agent, or read what it printed
    #[command(subcommand)]
    Agent(AgentCommand),
    /// List and answer the permission requests that wait for you
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// Send a message to an agent, a project or the orchestrator
    Message(Message),
    /// Show what became of a message
    Receipt(ReceiptId),
    /// Show the events of the log
    Events(Events),
    /// Stop the whole fleet: no agent works until `callboard resume`
    Stop(Stop),
    /// Let the fleet work again after `callboard stop --all`
    #[command(after_help = help::RESUME)]
    Resume,
    /// Remove workspaces and processes that are no longer needed
    #[command(after_help = help::CLEANUP)]
    Cleanup,
}
