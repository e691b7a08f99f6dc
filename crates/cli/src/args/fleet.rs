//! Arguments of the commands about agents, messages and the fleet.

use clap::{Args, Subcommand};

use crate::help;

/// `placement`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum PlacementCommand {
    /// Say why an agent is where it is, or what it waits for
    #[command(after_help = help::PLACEMENT_EXPLAIN)]
    Explain(AgentName),
}

/// `agents`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::AGENTS)]
pub struct Agents {
    /// Only those of this project
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
}

/// An agent by name.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AgentName {
    /// The agent, as `callboard agents` names it
    #[arg(value_name = "AGENT")]
    pub agent: String,
}

/// An agent or project to stop.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StopName {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Why; it is kept in the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `agent create`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::AGENT_CREATE)]
pub struct AgentCreate {
    /// Its name
    #[arg(value_name = "AGENT")]
    pub agent: String,
    /// Its role
    #[arg(long, value_name = "ROLE", default_value = "engineer")]
    pub role: String,
    /// Its program [default: the configured one, else the first that is found]
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// The model [default: the program's]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
}

/// `agent logs`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::AGENT_LOGS)]
pub struct AgentLogs {
    /// The agent
    #[arg(value_name = "AGENT")]
    pub agent: String,
    /// Go on as it prints more
    #[arg(long, short)]
    pub follow: bool,
}

/// `agent`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AgentCommand {
    /// Show an agent
    #[command(after_help = help::AGENT_SHOW)]
    Show(AgentName),
    /// Make an agent that waits for your messages
    Create(AgentCreate),
    /// Stop an agent and its whole process tree
    #[command(after_help = help::AGENT_STOP)]
    Stop(StopName),
    /// Start a stopped, failed or quarantined agent
    #[command(after_help = help::AGENT_START)]
    Start(AgentName),
    /// End an agent and remove its workspace
    #[command(after_help = help::AGENT_ARCHIVE)]
    Archive(AgentName),
    /// Print what its program printed
    Logs(AgentLogs),
}

/// A permission request by id.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ApprovalId {
    /// The request, as `callboard approvals list` names it
    #[arg(value_name = "ID")]
    pub id: String,
}

/// `approvals deny`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::APPROVALS_DENY)]
pub struct ApprovalDeny {
    /// The request
    #[arg(value_name = "ID")]
    pub id: String,
    /// Why; the agent is told
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `approvals`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ApprovalsCommand {
    /// List the permission requests that wait for you
    #[command(after_help = help::APPROVALS_LIST)]
    List,
    /// Let the agent do it
    #[command(after_help = help::APPROVALS_APPROVE)]
    Approve(ApprovalId),
    /// Forbid it
    Deny(ApprovalDeny),
}

/// `message`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::MESSAGE)]
pub struct Message {
    /// An agent or project by name, agent/NAME, project/NAME or orchestrator
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// The text
    #[arg(value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub text: String,
    /// How urgent it is
    #[arg(long, value_enum)]
    pub priority: Option<super::Priority>,
    /// Wait for the answer
    #[arg(long)]
    pub wait: bool,
    /// Wait at most this many seconds
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub timeout: Option<u64>,
}

/// `receipt`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::RECEIPT)]
pub struct ReceiptId {
    /// The id that `callboard message` printed
    #[arg(value_name = "ID")]
    pub id: String,
}

/// `events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::EVENTS)]
pub struct Events {
    /// Go on as events come
    #[arg(long, short)]
    pub follow: bool,
    /// Begin with this event
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
}

/// `stop`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::STOP)]
pub struct Stop {
    /// Yes, the whole fleet; a single one: `callboard agent stop`, `callboard project stop`
    #[arg(long, required = true)]
    pub all: bool,
    /// Why; it is kept in the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
