//! What the interfaces show of the fold.

use std::collections::BTreeMap;

use callboard_api as api;
use callboard_domain::agent::{self, Phase};
use callboard_domain::id::{AgentId, MessageId, ProjectId, TaskId};
use callboard_domain::message::ReceiptState;
use callboard_domain::orchestrator::Fleet;
use callboard_domain::project::{self, ReviewOutcome, SeatState, Stage, Status, Task, TaskState};

use crate::model::Model;

impl Model {
    /// How many tasks are in each state, in all projects.
    #[must_use]
    pub fn task_counts(&self) -> api::status::TaskCounts {
        count_tasks(self.projects.values().flat_map(|state| state.tasks.values()))
    }

    /// How many agents are in each state. Archived ones do not count.
    #[must_use]
    pub fn agent_counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for agent in self.agents(None).iter().filter(|agent| agent.state != "archived") {
            *counts.entry(agent.state.clone()).or_insert(0) += 1;
        }
        counts
    }

    /// Why the fleet stands still, if it does.
    #[must_use]
    pub fn fleet_stopped(&self) -> Option<String> {
        match &self.orchestrator.fleet {
            Fleet::Running => None,
            Fleet::Stopped { by, reason, .. } => Some(format!("by {by}: {reason}")),
        }
    }

    /// All projects.
    #[must_use]
    pub fn projects(&self) -> Vec<api::project::Project> {
        self.projects.values().filter_map(show_project).collect()
    }

    /// Everything about a project.
    #[must_use]
    pub fn project_detail(&self, id: &ProjectId) -> Option<api::project::ProjectDetail> {
        let state = self.projects.get(id)?;
        Some(api::project::ProjectDetail {
            project: show_project(state)?,
            check: state.spec.as_ref().and_then(|spec| spec.check.clone()),
            task_list: self.tasks(Some(id)),
            agent_list: self.agents(Some(id)),
            review: state.review.as_ref().map(show_review),
        })
    }

    /// The tasks of one project or of all, in the order in which they were made.
    #[must_use]
    pub fn tasks(&self, project: Option<&ProjectId>) -> Vec<api::task::Task> {
        let of = |id: &ProjectId| project.is_none_or(|wanted| wanted == id);
        let mut tasks = Vec::new();
        for (id, state) in self.projects.iter().filter(|(id, _)| of(id)) {
            let mut own: Vec<_> = state.tasks.values().collect();
            own.sort_by_key(|task| (task.created_at, task.id.as_str().len(), task.id.clone()));
            tasks.extend(own.into_iter().map(|task| show_task(id, task)));
        }
        tasks
    }

    /// Everything about a task.
    #[must_use]
    pub fn task_detail(&self, id: &TaskId) -> Option<api::task::TaskDetail> {
        let project = self.project_of_task(id)?;
        let task = self.projects.get(project)?.tasks.get(id)?;
        Some(api::task::TaskDetail {
            task: show_task(project, task),
            text: task.text.clone(),
            check: task.check.clone(),
            resolves: task.resolves.as_ref().map(ToString::to_string),
            feedback: task.feedback.clone(),
        })
    }

    /// The agents of one project or of all, those without a node too.
    #[must_use]
    pub fn agents(&self, project: Option<&ProjectId>) -> Vec<api::agent::Agent> {
        let mut agents: BTreeMap<AgentId, api::agent::Agent> = BTreeMap::new();
        for (id, state) in &self.projects {
            if project.is_some_and(|wanted| wanted != id) {
                continue;
            }
            for seat in state.seats.values() {
                agents.insert(seat.agent.clone(), show_seat(id, seat));
            }
        }
        for (id, state) in &self.agents {
            let own = state.spec.as_ref().and_then(|spec| spec.project.as_ref());
            if project.is_none() || own == project {
                agents.extend(show_agent(state).map(|agent| (id.clone(), agent)));
            }
        }
        agents.into_values().collect()
    }

    /// Everything about an agent.
    #[must_use]
    pub fn agent_detail(&self, id: &AgentId) -> Option<api::agent::AgentDetail> {
        let Some(state) = self.agents.get(id) else {
            let agent = self.agents(None).into_iter().find(|agent| agent.id == id.as_str())?;
            return Some(api::agent::AgentDetail::without_events(agent));
        };
        let usage = state.usage;
        Some(api::agent::AgentDetail {
            agent: show_agent(state)?,
            model: state.spec.as_ref().and_then(|spec| spec.model.clone()),
            session: state.session.clone(),
            checkpoint: state.checkpoint.as_ref().map(|checkpoint| api::agent::Checkpoint {
                seq: checkpoint.seq,
                commit: checkpoint.commit.clone(),
                bytes: checkpoint.bytes,
                at: checkpoint.at,
            }),
            progress: state.progress.clone(),
            usage: api::agent::Usage {
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cached_tokens: usage.cached_tokens,
                cost_micro_usd: usage.cost_micro_usd,
            },
            messages_waiting: state.inbox.n_waiting() as u64,
            approvals: show_approvals(state),
            active_at: state.active_at,
        })
    }

    /// The permission requests that wait for a person, the oldest first.
    #[must_use]
    pub fn approvals(&self) -> Vec<api::agent::Approval> {
        let mut all: Vec<_> = self.agents.values().flat_map(show_approvals).collect();
        all.sort_by_key(|approval| approval.at);
        all
    }

    /// What became of a message.
    #[must_use]
    pub fn show_receipt(&self, id: MessageId) -> Option<api::message::Receipt> {
        let (target, receipt) = self.receipt(id)?;
        let steps = receipt.history.iter().map(|step| api::message::Step {
            state: receipt_word(step.state).to_owned(),
            at: step.at,
            node: step.node.clone(),
        });
        Some(api::message::Receipt {
            id: id.to_string(),
            target: target.to_string(),
            state: receipt_word(receipt.state).to_owned(),
            history: steps.collect(),
            answer: receipt.answer.clone(),
        })
    }
}

fn count_tasks<'a>(tasks: impl Iterator<Item = &'a Task>) -> api::status::TaskCounts {
    let mut counts = api::status::TaskCounts::default();
    for task in tasks {
        match task.state {
            TaskState::Pending => counts.pending += 1,
            TaskState::Ready => counts.ready += 1,
            TaskState::Running => counts.running += 1,
            TaskState::Done => counts.done += 1,
            TaskState::Failed => counts.failed += 1,
            TaskState::Cancelled => counts.cancelled += 1,
        }
    }
    counts
}

fn show_project(state: &project::State) -> Option<api::project::Project> {
    let spec = state.spec.as_ref()?;
    let word = match state.status {
        Status::New | Status::Open => "open",
        Status::Stopped => "stopped",
        Status::Archived => "archived",
    };
    Some(api::project::Project {
        id: spec.id.to_string(),
        goal: spec.goal.clone(),
        state: word.to_owned(),
        source: spec.source.to_string(),
        branch: format!("callboard/{}", spec.id),
        head: state.head.clone(),
        tasks: count_tasks(state.tasks.values()),
        agents: state.seats.len() as u64,
        agents_max: state.agents_max(),
        settled: state.is_settled(),
        created_at: state.created_at,
    })
}

fn show_review(review: &project::Review) -> api::project::Review {
    let (state, text) = match &review.outcome {
        None => ("running", None),
        Some(ReviewOutcome::Accepted { branch, commit }) => {
            ("accepted", Some(format!("{branch} is at {commit}")))
        }
        Some(ReviewOutcome::Discarded { kept_as }) => {
            ("discarded", Some(format!("kept as {kept_as}")))
        }
        Some(ReviewOutcome::Refused { reason }) => ("refused", Some(reason.clone())),
    };
    api::project::Review {
        id: review.id.to_string(),
        action: review.action.clone(),
        state: state.to_owned(),
        text,
    }
}

fn task_word(state: TaskState) -> &'static str {
    match state {
        TaskState::Pending => "pending",
        TaskState::Ready => "ready",
        TaskState::Running => "running",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Cancelled => "cancelled",
    }
}

fn stage_word(stage: &Stage) -> &'static str {
    match stage {
        Stage::Working => "working",
        Stage::Queued { .. } => "queued",
        Stage::Integrating { .. } => "integrating",
        Stage::Conflict { .. } => "conflict",
    }
}

fn show_task(project: &ProjectId, task: &Task) -> api::task::Task {
    let evidence = task.evidence.as_ref().map(|evidence| api::task::Evidence {
        commit: evidence.commit.clone(),
        check: evidence.check.clone(),
        output: evidence.output.clone(),
        check_ms: evidence.check_ms,
    });
    api::task::Task {
        id: task.id.to_string(),
        title: task.title.clone(),
        state: task_word(task.state).to_owned(),
        stage: task.stage.as_ref().map(|stage| stage_word(stage).to_owned()),
        project: project.to_string(),
        role: task.role.to_string(),
        priority: task.priority.to_string(),
        depends_on: task.depends_on.iter().map(ToString::to_string).collect(),
        agent: task.agent.as_ref().map(ToString::to_string),
        attempts: task.attempts,
        branch: format!("callboard/{project}/{}", task.id),
        commits: task.commits.clone(),
        evidence,
        reason: task.reason.clone(),
        started_at: task.started_at,
        ended_at: task.ended_at,
    }
}

/// An agent of which only its project knows yet.
fn show_seat(project: &ProjectId, seat: &project::Seat) -> api::agent::Agent {
    let task = match &seat.state {
        SeatState::Busy { task } => Some(task.to_string()),
        SeatState::Placing | SeatState::Freeing | SeatState::Idle { .. } => None,
    };
    api::agent::Agent {
        id: seat.agent.to_string(),
        role: seat.role.to_string(),
        project: Some(project.to_string()),
        state: Phase::Requested.as_str().to_owned(),
        node: None,
        epoch: 0,
        runtime: seat.runtime.to_string(),
        task,
        pid: None,
        restarts: 0,
        reason: Some("it waits for a node with room; see `placement explain`".to_owned()),
    }
}

fn show_agent(state: &agent::State) -> Option<api::agent::Agent> {
    let spec = state.spec.as_ref()?;
    Some(api::agent::Agent {
        id: spec.id.to_string(),
        role: spec.role.to_string(),
        project: spec.project.as_ref().map(ToString::to_string),
        state: state.phase.as_str().to_owned(),
        node: Some(state.node.clone()),
        epoch: state.epoch,
        runtime: spec.runtime.to_string(),
        task: state.work.as_ref().map(|work| work.brief.attempt.task.to_string()),
        pid: state.pid,
        restarts: state.restarts,
        reason: state.reason.clone().or_else(|| state.progress.clone()),
    })
}

fn show_approvals(state: &agent::State) -> Vec<api::agent::Approval> {
    let Some(spec) = &state.spec else {
        return Vec::new();
    };
    let show = |approval: &agent::Approval| api::agent::Approval {
        id: approval.id.to_string(),
        agent: spec.id.to_string(),
        project: spec.project.as_ref().map(ToString::to_string),
        tool: approval.tool.clone(),
        command: approval.command.clone(),
        files: approval.files.clone(),
        folder: approval.folder.clone(),
        description: approval.description.clone(),
        at: approval.at,
    };
    state.approvals.values().map(show).collect()
}

fn receipt_word(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::Accepted => "accepted",
        ReceiptState::Routed => "routed",
        ReceiptState::Delivered => "delivered",
        ReceiptState::Started => "started",
        ReceiptState::Unconfirmed => "unconfirmed",
        ReceiptState::Answered => "answered",
        ReceiptState::Refused => "refused",
        ReceiptState::Expired => "expired",
        ReceiptState::Dead => "dead",
    }
}
