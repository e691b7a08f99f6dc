//! What happened so far, as far as the demo tells it: tasks, agents, recoveries.
//!
//! Pure: folded from the events of the log alone, by [`super::fold`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Working,
    Merging,
    Done,
    Failed,
}

/// A task, in the order of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) stage: Stage,
    /// Who has it.
    pub(super) agent: Option<String>,
    /// What happens to it at present.
    pub(super) now: String,
}

/// An agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Agent {
    /// 1 for the first one.
    pub(super) n: usize,
    /// The process id of its program's guard, while it runs.
    pub(super) pid: Option<u32>,
    /// Its present task.
    pub(super) task: Option<String>,
    /// Whether its program works on it.
    pub(super) is_working: bool,
    /// What it does at present.
    pub(super) now: String,
    pub(super) steps: Steps,
}

/// The steps of one try, in relation to the checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Steps {
    /// The step that was begun and not ended.
    pub(super) in_flight: Option<String>,
    /// Completed ones, in order.
    pub(super) completed: Vec<String>,
    /// How many were completed when the pending checkpoint was asked for.
    pub(super) n_asked: usize,
    /// How many are in the newest checkpoint; none without a checkpoint.
    pub(super) n_covered: Option<usize>,
    /// Steps of the checkpoint that a program came back from: none may be begun again.
    pub(super) never_again: Vec<String>,
}

impl Steps {
    /// Whether a checkpoint holds everything that was completed, a commit among it.
    fn are_covered(&self) -> bool {
        self.n_covered == Some(self.completed.len())
            && self.completed.iter().any(|step| step.contains("git commit"))
    }
}

/// A program that was lost and came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recovery {
    pub(super) agent: String,
    /// When it was killed, where the demo did that.
    pub(super) killed_at: Option<DateTime<Utc>>,
    pub(super) lost_at: DateTime<Utc>,
    pub(super) ready_at: Option<DateTime<Utc>>,
    pub(super) reason: String,
    /// How its workspace came to be in the next run: `restored` from the checkpoint, or `kept`.
    pub(super) workspace: Option<String>,
}

impl Recovery {
    /// What it is counted from.
    fn begun_at(&self) -> DateTime<Utc> {
        self.killed_at.unwrap_or(self.lost_at)
    }

    /// Milliseconds until the loss was in the log.
    pub(super) fn detected_ms(&self) -> i64 {
        (self.lost_at - self.begun_at()).num_milliseconds()
    }

    /// Milliseconds until the next run was ready.
    pub(super) fn running_again_ms(&self) -> Option<i64> {
        self.ready_at.map(|at| (at - self.begun_at()).num_milliseconds())
    }
}

/// An agent that may be killed now: what is lost is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Victim {
    pub(super) agent: String,
    pub(super) pid: u32,
}

/// What happened so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) tasks: Vec<Task>,
    pub(super) agents: BTreeMap<String, Agent>,
    pub(super) recoveries: Vec<Recovery>,
    /// Completed steps that were begun again after a checkpoint with them was restored.
    pub(super) n_repeated: usize,
    /// When the demo killed whom, until the loss is in the log.
    pub(super) killed: Option<(String, DateTime<Utc>)>,
}

impl Story {
    /// How many tasks are in this stage.
    pub(super) fn n_in(&self, stage: Stage) -> usize {
        self.tasks.iter().filter(|task| task.stage == stage).count()
    }

    /// Whether every task is done.
    pub(super) fn is_done(&self) -> bool {
        !self.tasks.is_empty() && self.n_in(Stage::Done) == self.tasks.len()
    }

    /// An agent in the middle of its task whose newest checkpoint holds all that it completed.
    pub(super) fn victim(&self) -> Option<Victim> {
        self.agents.iter().find_map(|(id, agent)| {
            let pid = agent.pid.filter(|_| agent.is_working && agent.steps.are_covered())?;
            Some(Victim { agent: id.clone(), pid })
        })
    }

    /// The demo killed somebody.
    pub(super) fn note_kill(&mut self, agent: &str, at: DateTime<Utc>) {
        self.killed = Some((agent.to_owned(), at));
    }

    /// How an agent is called on the screen.
    pub(super) fn name(&self, agent: &str) -> String {
        match self.agents.get(agent) {
            Some(known) => format!("agent {}", known.n),
            None => agent.to_owned(),
        }
    }

    pub(super) fn task_mut(&mut self, id: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.id == id)
    }
}
