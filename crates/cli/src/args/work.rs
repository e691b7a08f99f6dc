//! Arguments of the commands about work: tasks, plans and projects.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::help;

/// How urgent a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Priority {
    /// Before all others.
    High,
    /// As they come.
    Normal,
    /// When nothing else waits.
    Low,
}

impl Priority {
    /// Its name in the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// `submit`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::SUBMIT)]
pub struct Submit {
    /// What to do, in your own words
    #[arg(value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub text: String,
    /// The project [default: named after the repository]
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// The repository: a path or a URL [default: the one of this folder]
    #[arg(long, value_name = "PATH|URL")]
    pub repo: Option<String>,
    /// The role of the agent [default: found from the text]
    #[arg(long, visible_alias = "agent", value_name = "ROLE")]
    pub role: Option<String>,
    /// The agent program [default: the configured one, else the first that is found]
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// How urgent it is [default: found from the text]
    #[arg(long, value_enum)]
    pub priority: Option<Priority>,
    /// The command that must pass before the task counts as done
    #[arg(long, value_name = "CMD")]
    pub check: Option<String>,
    /// A task that must be done before; may be given several times
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub depends_on: Vec<String>,
    /// Treat the text as a goal and split it into tasks
    #[arg(long)]
    pub decompose: bool,
    /// Wait for the outcome
    #[arg(long)]
    pub wait: bool,
    /// Wait at most this many seconds
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub timeout: Option<u64>,
    /// Never start a node: exit 5 where none runs
    #[arg(long)]
    pub no_start: bool,
}

/// `run`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::RUN)]
pub struct Run {
    /// The plan [default: work off what was submitted for this repository]
    #[arg(value_name = "PLANFILE")]
    pub plan: Option<PathBuf>,
    /// How many agents may work at once, from now on
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_agents: Option<u32>,
    /// The agent program of tasks that name none; goes with a plan
    #[arg(long, value_name = "NAME", requires = "plan")]
    pub runtime: Option<String>,
    /// The repository, where the plan names none [default: the one of this folder]
    #[arg(long, value_name = "PATH|URL")]
    pub repo: Option<String>,
    /// Wait until nothing more happens by itself
    #[arg(long)]
    pub wait: bool,
    /// Wait at most this many seconds
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub timeout: Option<u64>,
    /// Never start a node: exit 5 where none runs
    #[arg(long)]
    pub no_start: bool,
}

/// A project by name.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ProjectName {
    /// The project, as `callboard projects` names it
    #[arg(value_name = "PROJECT")]
    pub project: String,
}

/// `project accept`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = help::PROJECT_ACCEPT)]
pub struct ProjectAccept {
    /// The project
    #[arg(value_name = "PROJECT")]
    pub project: String,
    /// The branch to merge into [default: the one that is checked out]
    #[arg(long, value_name = "BRANCH")]
    pub into: Option<String>,
}

/// `project`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ProjectCommand {
    /// Show a project with its tasks and agents
    #[command(after_help = help::PROJECT_SHOW)]
    Show(ProjectName),
    /// Stop its agents; its tasks wait
    #[command(after_help = help::PROJECT_STOP)]
    Stop(super::StopName),
    /// Let a stopped project work again
    #[command(after_help = help::PROJECT_START)]
    Start(ProjectName),
    /// End a project and remove its agents; its branch stays
    #[command(after_help = help::PROJECT_ARCHIVE)]
    Archive(ProjectName),
    /// Show what the agents changed
    #[command(after_help = help::PROJECT_DIFF)]
    Diff(ProjectName),
    /// Merge the result into your branch
    Accept(ProjectAccept),
    /// Throw the result away; a hidden ref keeps it for a while
    #[command(after_help = help::PROJECT_DISCARD)]
    Discard(ProjectName),
}

/// `tasks`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = help::TASKS)]
pub struct Tasks {
    /// Only those of this project
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
}

/// A task by id.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct TaskId {
    /// The task, as `callboard tasks` names it
    #[arg(value_name = "ID")]
    pub id: String,
}

/// `task`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TaskCommand {
    /// Show a task with its evidence
    #[command(after_help = help::TASK_SHOW)]
    Show(TaskId),
    /// Give a task up; its agent is stopped
    #[command(after_help = help::TASK_CANCEL)]
    Cancel(TaskId),
    /// Try a failed or cancelled task again
    #[command(after_help = help::TASK_RETRY)]
    Retry(TaskId),
}
