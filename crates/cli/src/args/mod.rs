//! The arguments: what can be typed, with the help of every command.

mod fleet;
mod local;
mod whole;
mod work;

pub use fleet::{
    AgentCommand, AgentCreate, AgentLogs, AgentName, Agents, ApprovalDeny, ApprovalId,
    ApprovalsCommand, Events, Message, PlacementCommand, ReceiptId, Stop, StopName,
};
pub use local::{Completions, ConfigCommand, Demo, Doctor, Init, Up, label};
pub use whole::{Cli, Command, Global, Local, Remote};
pub use work::{
    Priority, ProjectAccept, ProjectCommand, ProjectName, Run, Submit, TaskCommand, TaskId, Tasks,
};
