//! What an agent owes: its program in its workspace, prompts and answers to it, checkpoints, reports.

pub(crate) mod executor;
mod facts;
mod run;
pub(crate) mod slot;

pub(crate) use executor::AgentExecutor;
