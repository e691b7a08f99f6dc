//! Folds events into the project. Nothing here decides.

use chrono::{DateTime, Duration, Utc};

use crate::entity::EffectKey;
use crate::id::{AgentId, TaskId};
use crate::project::command::Command;
use crate::project::event::{Event, EventKind};
use crate::project::state::{
    Effect, Evidence, Review, Seat, SeatState, Stage, State, Status, Task, TaskState,
};
use crate::task::{Attempt, Brief, Published};

/// How many requests are remembered, so that a repeat is recognised.
const SUBMISSIONS_MAX: usize = 1_000;

pub(super) fn apply(state: &mut State, event: &Event) {
    match &event.kind {
        EventKind::Activated { epoch, node } => {
            state.epoch = *epoch;
            state.node.clone_from(node);
        }
        EventKind::Created { .. }
        | EventKind::Stopped { .. }
        | EventKind::Started
        | EventKind::Archived
        | EventKind::FleetSwitched { .. }
        | EventKind::QuotaSet { .. }
        | EventKind::CleanedUp
        | EventKind::Released => apply_life(state, event.at, &event.kind),
        EventKind::SeatOpened { .. }
        | EventKind::SeatPlaced { .. }
        | EventKind::SeatIdle { .. }
        | EventKind::SeatClosed { .. }
        | EventKind::DismissConfirmed { .. }
        | EventKind::SwitchConfirmed { .. } => apply_seat(state, event.at, &event.kind),
        EventKind::ReviewRequested { .. } | EventKind::Reviewed { .. } => {
            apply_review(state, &event.kind);
        }
        EventKind::Inbox { event } => state.inbox.apply(event),
        EventKind::Submitted { id, tasks, agents_max } => {
            let ids = tasks.iter().map(|task| task.id.clone()).collect();
            state.submissions.insert(*id, ids);
            if state.submissions.len() > SUBMISSIONS_MAX {
                forget_oldest(state);
            }
            state.n_tasks += tasks.len() as u64;
            state.tasks.extend(tasks.iter().map(|task| (task.id.clone(), task.clone())));
            if let (Some(agents_max), Some(spec)) = (agents_max, &mut state.spec) {
                spec.agents_max = *agents_max;
            }
        }
        _ => apply_task(state, event.at, &event.kind),
    }
}

/// Ids say nothing about age; the numbers of the tasks do.
fn forget_oldest(state: &mut State) {
    let made = |ids: &[TaskId]| {
        ids.first()
            .and_then(|id| state.tasks.get(id))
            .map(|task| (task.created_at, task.id.as_str().len()))
    };
    let oldest = state.submissions.iter().min_by_key(|(_, ids)| made(ids)).map(|(id, _)| *id);
    if let Some(id) = oldest {
        state.submissions.remove(&id);
    }
}

fn key(kind: &str, id: impl std::fmt::Display) -> EffectKey {
    EffectKey(format!("{kind}/{id}"))
}

fn apply_life(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::Created { spec } => {
            state.spec = Some((**spec).clone());
            state.status = Status::Open;
            state.created_at = Some(at);
        }
        EventKind::Stopped { .. } => {
            state.status = Status::Stopped;
            switch_agents(state, at);
        }
        EventKind::Started => {
            state.status = Status::Open;
            switch_agents(state, at);
        }
        EventKind::FleetSwitched { stopped } => {
            state.fleet_stopped = *stopped;
            switch_agents(state, at);
        }
        EventKind::Archived => {
            state.status = Status::Archived;
            state
                .outbox
                .retain(|key, _| key.0.starts_with("dismiss/") || key.0.starts_with("cancel/"));
            clean_up_when_alone(state);
        }
        EventKind::CleanedUp => {
            state.outbox.remove(&"cleanup".into());
            state.outbox.insert("release".into(), Effect::Release);
        }
        EventKind::Released => {
            state.outbox.remove(&"release".into());
        }
        EventKind::QuotaSet { agents_max } => state.quota = Some(*agents_max),
        _ => {}
    }
}

/// Workspaces are removed when no agent is left, and the place is given back after that: with it the
/// project is gone.
fn clean_up_when_alone(state: &mut State) {
    if state.status == Status::Archived && state.outbox.is_empty() {
        state.outbox.insert("cleanup".into(), Effect::Cleanup);
    }
}

/// Tells every agent whether it shall run; tries that go on get their time anew.
fn switch_agents(state: &mut State, at: DateTime<Utc>) {
    let on = state.is_active();
    let agents: Vec<_> = state.seats.keys().cloned().collect();
    for agent in agents {
        // One after the other, so that the agent hears them in this order: the next one is sent when
        // the last one is confirmed.
        let under_way =
            [true, false].iter().any(|on| state.owes("switch", format!("{agent}/{on}")));
        if !under_way {
            switch_agent(state, agent, on);
        }
    }
    if !on {
        // The time of a try stands still.
        state.outbox.retain(|key, _| !key.0.starts_with("overdue/"));
        return;
    }
    let attempt_s_max = state.limits().attempt_s_max;
    let working: Vec<_> = state
        .tasks
        .values()
        .filter(|task| task.stage == Some(Stage::Working))
        .map(|task| (task.attempt(), task.deadline_s.unwrap_or(attempt_s_max)))
        .collect();
    for (attempt, seconds) in working {
        set_overdue(state, attempt, at + Duration::seconds(i64::from(seconds)));
    }
}

fn switch_agent(state: &mut State, agent: AgentId, on: bool) {
    let id = key("switch", format!("{agent}/{on}"));
    state.outbox.insert(id, Effect::Switch { agent, on });
}

fn drop_switch(state: &mut State, agent: &AgentId) {
    for on in [true, false] {
        state.outbox.remove(&key("switch", format!("{agent}/{on}")));
    }
}

fn set_overdue(state: &mut State, attempt: Attempt, due: DateTime<Utc>) {
    clear_overdue(state, &attempt.task);
    let id = format!("{attempt}/{}", due.timestamp_millis());
    let command = Box::new(Command::AttemptOverdue { attempt });
    state.outbox.insert(key("overdue", id), Effect::Timer { due, command });
}

fn clear_overdue(state: &mut State, task: &TaskId) {
    let prefix = format!("overdue/{task}/");
    state.outbox.retain(|key, _| !key.0.starts_with(&prefix));
}

fn apply_seat(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::SeatOpened { agent, priority } => {
            state.n_agents += 1;
            let seat = Seat {
                agent: agent.id.clone(),
                role: agent.role.clone(),
                runtime: agent.runtime.clone(),
                state: SeatState::Placing,
            };
            state.seats.insert(seat.agent.clone(), seat);
            let effect = Effect::Place { agent: agent.clone(), priority: *priority };
            state.outbox.insert(key("place", &agent.id), effect);
        }
        EventKind::SeatPlaced { agent } => {
            state.outbox.remove(&key("place", agent));
        }
        EventKind::SeatIdle { agent, due } => {
            if let Some(seat) = state.seats.get_mut(agent) {
                seat.state = SeatState::Idle { since: at };
                let command = Box::new(Command::IdleDue { agent: agent.clone() });
                let timer = Effect::Timer { due: *due, command };
                drop_idle_timer(state, agent);
                let id = format!("{agent}/{}", due.timestamp_millis());
                state.outbox.insert(key("idle", id), timer);
            }
        }
        EventKind::SeatClosed { agent, .. } => {
            state.seats.remove(agent);
            state.outbox.remove(&key("place", agent));
            drop_idle_timer(state, agent);
            drop_switch(state, agent);
            let effect = Effect::Dismiss { agent: agent.clone() };
            state.outbox.insert(key("dismiss", agent), effect);
            // One that comes late is waited for too.
            state.outbox.remove(&"cleanup".into());
            state.outbox.remove(&"release".into());
        }
        EventKind::DismissConfirmed { agent } => {
            state.outbox.remove(&key("dismiss", agent));
            clean_up_when_alone(state);
        }
        EventKind::SwitchConfirmed { agent, on } => {
            state.outbox.remove(&key("switch", format!("{agent}/{on}")));
            let wanted = state.is_active();
            if wanted != *on && state.seats.contains_key(agent) {
                switch_agent(state, agent.clone(), wanted);
            }
        }
        _ => {}
    }
}

fn drop_idle_timer(state: &mut State, agent: &AgentId) {
    let prefix = format!("idle/{agent}/");
    state.outbox.retain(|key, _| !key.0.starts_with(&prefix));
}

fn apply_review(state: &mut State, kind: &EventKind) {
    match kind {
        EventKind::ReviewRequested { id, accept, into } => {
            let action = if *accept { "accept" } else { "discard" };
            state.review = Some(Review { id: *id, action: action.to_owned(), outcome: None });
            let effect = Effect::Review { id: *id, accept: *accept, into: into.clone() };
            state.outbox.insert(key("review", id), effect);
        }
        EventKind::Reviewed { id, outcome } => {
            state.outbox.remove(&key("review", id));
            if let Some(review) = state.review.as_mut().filter(|review| review.id == *id) {
                review.outcome = Some(outcome.clone());
            }
        }
        _ => {}
    }
}

fn apply_task(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::TaskReady { task } => with_task(state, task, |task| {
            task.state = TaskState::Ready;
        }),
        EventKind::TaskAssigned { agent, brief, due } => assigned(state, at, agent, brief, *due),
        EventKind::AssignConfirmed { attempt } => {
            state.outbox.remove(&key("assign", attempt));
        }
        EventKind::TaskPublished { published } => task_published(state, published),
        EventKind::IntegrationStarted { published, check } => {
            integration_started(state, published, check.as_ref());
        }
        EventKind::TaskDone { task, evidence } => task_done(state, at, task, evidence),
        EventKind::ConflictFound { task, by } => {
            if let Some(found) = state.tasks.get(task) {
                state.outbox.remove(&key("integrate", found.attempt()));
            }
            let resolver = by.id.clone();
            with_task(state, task, |task| task.stage = Some(Stage::Conflict { by: resolver }));
            state.n_tasks += 1;
            state.tasks.insert(by.id.clone(), (**by).clone());
        }
        EventKind::AttemptFailed { attempt, reason, feedback, counts, retry_at } => {
            let from = integrated_commits(state, &attempt.task).filter(|_| feedback.is_some());
            end_attempt(state, &attempt.task);
            let command = Box::new(Command::RetryDue { task: attempt.task.clone() });
            let timer = Effect::Timer { due: *retry_at, command };
            let id = format!("{}/{}", attempt.task, retry_at.timestamp_millis());
            state.outbox.insert(key("retry", id), timer);
            with_task(state, &attempt.task, |task| {
                task.state = TaskState::Pending;
                task.failures += u32::from(*counts);
                task.reason = Some(reason.clone());
                // What was found before still holds where this try found nothing.
                task.feedback = feedback.clone().or_else(|| task.feedback.take());
                task.from = from.or_else(|| task.from.take());
                task.not_before = Some(*retry_at);
            });
        }
        EventKind::RetryReached { task } => {
            drop_retry(state, task);
            with_task(state, task, |task| task.not_before = None);
        }
        EventKind::TaskFailed { task, reason } => {
            end_task(state, at, task, TaskState::Failed, reason);
            let because = first_dead_dependency(state, task);
            with_task(state, task, |task| task.because = because);
        }
        EventKind::TaskCancelled { task, reason } => {
            end_task(state, at, task, TaskState::Cancelled, reason);
        }
        EventKind::TaskRetried { task } => task_retried(state, task),
        EventKind::CancelConfirmed { attempt } => {
            state.outbox.remove(&key("cancel", attempt));
            clean_up_when_alone(state);
        }
        _ => {}
    }
}

/// The commits that were just checked.
fn integrated_commits(state: &State, id: &TaskId) -> Option<Published> {
    match &state.tasks.get(id)?.stage {
        Some(Stage::Integrating { published }) => Some(published.clone()),
        _ => None,
    }
}

fn with_task(state: &mut State, id: &TaskId, change: impl FnOnce(&mut Task)) {
    if let Some(task) = state.tasks.get_mut(id) {
        change(task);
    }
}

fn assigned(
    state: &mut State,
    at: DateTime<Utc>,
    agent: &AgentId,
    brief: &Brief,
    due: DateTime<Utc>,
) {
    with_task(state, &brief.attempt.task, |task| {
        task.state = TaskState::Running;
        task.stage = Some(Stage::Working);
        task.agent = Some(agent.clone());
        task.attempts = brief.attempt.n;
        task.started_at.get_or_insert(at);
        task.reason = None;
    });
    if let Some(seat) = state.seats.get_mut(agent) {
        seat.state = SeatState::Busy { task: brief.attempt.task.clone() };
    }
    drop_idle_timer(state, agent);
    let effect = Effect::Assign { agent: agent.clone(), brief: Box::new(brief.clone()) };
    state.outbox.insert(key("assign", &brief.attempt), effect);
    set_overdue(state, brief.attempt.clone(), due);
}

fn task_published(state: &mut State, published: &Published) {
    let id = &published.attempt.task;
    state.outbox.remove(&key("assign", &published.attempt));
    clear_overdue(state, id);
    with_task(state, id, |task| {
        task.stage = Some(Stage::Queued { published: published.clone() });
        task.commits = vec![published.head.clone()];
    });
}

fn integration_started(state: &mut State, published: &Published, check: Option<&String>) {
    let id = &published.attempt.task;
    let check_s_max = state.limits().check_s_max;
    let title = state.tasks.get(id).map(|task| task.title.clone()).unwrap_or_default();
    with_task(state, id, |task| {
        task.stage = Some(Stage::Integrating { published: published.clone() });
    });
    let effect = Effect::Integrate {
        published: Box::new(published.clone()),
        title,
        check: check.cloned(),
        check_s_max,
    };
    state.outbox.insert(key("integrate", &published.attempt), effect);
}

fn task_done(state: &mut State, at: DateTime<Utc>, id: &TaskId, evidence: &Evidence) {
    end_task(state, at, id, TaskState::Done, "");
    state.head = Some(evidence.commit.clone());
    with_task(state, id, |task| {
        task.reason = None;
        task.feedback = None;
        task.evidence = Some(evidence.clone());
        task.commits.push(evidence.commit.clone());
    });
}

/// Nothing more is owed for the task's newest try; where an agent has it, it is taken away.
fn end_attempt(state: &mut State, id: &TaskId) {
    let Some(task) = state.tasks.get(id) else {
        return;
    };
    let (attempt, working) = (task.attempt(), task.stage == Some(Stage::Working));
    let agent = task.agent.clone();
    state.outbox.remove(&key("assign", &attempt));
    state.outbox.remove(&key("integrate", &attempt));
    clear_overdue(state, id);
    drop_retry(state, id);
    with_task(state, id, |task| task.stage = None);
    if let Some(agent) = agent.filter(|_| working) {
        if let Some(seat) = state.seats.get_mut(&agent) {
            seat.state = SeatState::Freeing;
        }
        let effect = Effect::CancelTask { agent, attempt: attempt.clone() };
        state.outbox.insert(key("cancel", attempt), effect);
    }
}

fn drop_retry(state: &mut State, id: &TaskId) {
    let prefix = format!("retry/{id}/");
    state.outbox.retain(|key, _| !key.0.starts_with(&prefix));
}

fn end_task(state: &mut State, at: DateTime<Utc>, id: &TaskId, end: TaskState, reason: &str) {
    end_attempt(state, id);
    with_task(state, id, |task| {
        task.state = end;
        task.not_before = None;
        task.reason = Some(reason.to_owned());
        task.ended_at = Some(at);
    });
}

fn first_dead_dependency(state: &State, id: &TaskId) -> Option<TaskId> {
    let task = state.tasks.get(id)?;
    let is_dead = |id: &&TaskId| {
        state
            .tasks
            .get(*id)
            .is_some_and(|task| matches!(task.state, TaskState::Failed | TaskState::Cancelled))
    };
    task.depends_on.iter().find(is_dead).cloned()
}

/// The task, and every task that failed only because of it, begin anew.
fn task_retried(state: &mut State, id: &TaskId) {
    let mut again = vec![id.clone()];
    while let Some(id) = again.pop() {
        with_task(state, &id, |task| {
            task.state = TaskState::Pending;
            task.failures = 0;
            task.not_before = None;
            task.ended_at = None;
            task.because = None;
            task.reason = None;
        });
        let with_it = state
            .tasks
            .values()
            .filter(|task| task.because.as_ref() == Some(&id) && task.state == TaskState::Failed);
        again.extend(with_it.map(|task| task.id.clone()));
    }
}
