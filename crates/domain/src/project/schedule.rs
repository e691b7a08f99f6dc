//! What a project does by itself after every change: which tasks are ready, who gets them, what is
//! merged next, which agents are asked for or dismissed.

use chrono::Duration;

use crate::agent;
use crate::fleet::Priority;
use crate::id::{AgentId, ProgramName, Role, TaskId};
use crate::project::decide::Batch;
use crate::project::event::EventKind;
use crate::project::state::{Seat, SeatState, Stage, State, Task, TaskState};
use crate::task::{Attempt, Brief};

/// Decides until nothing more follows.
pub(super) fn schedule(batch: &mut Batch<'_>) {
    settle_dependencies(batch);
    if !batch.state.is_active() {
        return;
    }
    start_integration(batch);
    shrink(batch);
    // An urgent task gets a seat of another role before a less urgent one of that role takes it.
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        let mut ready = ready_tasks(&batch.state);
        ready.retain(|task| task.priority == priority && !assign(batch, task));
        for task in ready {
            make_room(batch, &task);
        }
    }
}

/// Where the limit of agents was lowered, idle ones go first, then those that have no place yet; busy
/// ones end their task before.
fn shrink(batch: &mut Batch<'_>) {
    while batch.state.seats.len() > batch.state.agents_max() as usize {
        let Some(agent) = idle_seat(&batch.state).or_else(|| placing_seat(&batch.state)) else {
            return;
        };
        let reason = "fewer agents are allowed".to_owned();
        batch.push(EventKind::SeatClosed { agent, reason });
    }
}

fn idle_seat(state: &State) -> Option<AgentId> {
    let idle = state.seats.values().find(|seat| matches!(seat.state, SeatState::Idle { .. }));
    idle.map(|seat| seat.agent.clone())
}

/// An agent that has no place yet.
fn placing_seat(state: &State) -> Option<AgentId> {
    let placing =
        |seat: &&Seat| seat.state == SeatState::Placing && state.owes("place", &seat.agent);
    state.seats.values().find(placing).map(|seat| seat.agent.clone())
}

/// An agent that has no place yet, and for which no task waits any more.
fn needless_seat(state: &State) -> Option<AgentId> {
    let needless = |seat: &&Seat| {
        seat.state == SeatState::Placing
            && state.owes("place", &seat.agent)
            && n_coming(state, &seat.role, &seat.runtime)
                > n_waiting(state, &seat.role, &seat.runtime)
    };
    state.seats.values().find(needless).map(|seat| seat.agent.clone())
}

/// Pending tasks become ready when everything before them is done, and fail with what failed.
fn settle_dependencies(batch: &mut Batch<'_>) {
    loop {
        let found = batch.state.tasks.values().find_map(|task| next_state(&batch.state, task));
        match found {
            Some(event) => batch.push(event),
            None => return,
        }
    }
}

fn next_state(state: &State, task: &Task) -> Option<EventKind> {
    if !matches!(task.state, TaskState::Pending | TaskState::Ready) {
        return None;
    }
    let dependencies = || task.depends_on.iter().filter_map(|id| state.tasks.get(id));
    let dead =
        dependencies().find(|task| matches!(task.state, TaskState::Failed | TaskState::Cancelled));
    if let Some(dead) = dead {
        let word = super::report::state_word(dead.state);
        let reason = format!("it depends on {}, which is {word}", dead.id);
        return Some(EventKind::TaskFailed { task: task.id.clone(), reason });
    }
    let done = dependencies().all(|task| task.state == TaskState::Done);
    let waits = task.not_before.is_some();
    (task.state == TaskState::Pending && done && !waits)
        .then(|| EventKind::TaskReady { task: task.id.clone() })
}

/// One integration at a time: the most urgent, then the oldest.
fn start_integration(batch: &mut Batch<'_>) {
    let tasks = || batch.state.tasks.values();
    let busy = tasks().any(|task| matches!(task.stage, Some(Stage::Integrating { .. })));
    if busy {
        return;
    }
    let next = tasks()
        .filter_map(|task| match &task.stage {
            Some(Stage::Queued { published }) => Some((order(task), task, published.clone())),
            _ => None,
        })
        .min_by_key(|(order, _, _)| *order);
    let Some((_, task, published)) = next else {
        return;
    };
    let check =
        task.check.clone().or_else(|| batch.state.spec.as_ref().and_then(|s| s.check.clone()));
    batch.push(EventKind::IntegrationStarted { published, check });
}

/// High before normal before low, then the older, then the lower number.
fn order(task: &Task) -> (Priority, chrono::DateTime<chrono::Utc>, u64) {
    (task.priority, task.created_at, number(&task.id))
}

fn number(id: &TaskId) -> u64 {
    id.as_str().rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX)
}

pub(super) fn ready_tasks(state: &State) -> Vec<Task> {
    let mut ready: Vec<_> =
        state.tasks.values().filter(|task| task.state == TaskState::Ready).cloned().collect();
    ready.sort_by_key(order);
    ready
}

fn assign(batch: &mut Batch<'_>, task: &Task) -> bool {
    let state = &batch.state;
    let Some(runtime) = state.runtime_of(task) else {
        return false;
    };
    let fits = |seat: &&Seat| {
        matches!(seat.state, SeatState::Idle { .. })
            && seat.role == task.role
            && seat.runtime == runtime
    };
    // The agent that tried before knows most about it.
    let seat = state.seats.values().filter(fits).max_by_key(|seat| {
        (task.agent.as_ref() == Some(&seat.agent), std::cmp::Reverse(&seat.agent))
    });
    let (Some(seat), Some(spec)) = (seat, &state.spec) else {
        return false;
    };
    let attempt = Attempt { task: task.id.clone(), n: task.attempts + 1 };
    let brief = Box::new(Brief {
        attempt,
        title: task.title.clone(),
        text: brief_text(task),
        source: spec.source.clone(),
        start: spec.start.clone(),
        from: task.from.clone(),
        conflict: task.conflict.clone(),
    });
    let seconds = task.deadline_s.unwrap_or(spec.limits.attempt_s_max);
    let due = batch.ctx.now + Duration::seconds(i64::from(seconds));
    let agent = seat.agent.clone();
    batch.push(EventKind::TaskAssigned { agent, brief, due });
    true
}

fn brief_text(task: &Task) -> String {
    match &task.feedback {
        None => task.text.clone(),
        Some(feedback) => format!(
            "{}\n\nThe last try failed. Mend it; this is what was found:\n{feedback}",
            task.text
        ),
    }
}

/// Asks for an agent that fits, if one more is allowed; else dismisses one that is idle or not needed.
fn make_room(batch: &mut Batch<'_>, task: &Task) {
    let Some(runtime) = batch.state.runtime_of(task) else {
        return;
    };
    // As many agents of this kind as tasks of this kind wait are enough.
    let n_coming = n_coming(&batch.state, &task.role, &runtime);
    if n_coming >= n_waiting(&batch.state, &task.role, &runtime) {
        return;
    }
    let n_seats = batch.state.seats.len();
    if n_seats >= batch.state.agents_max() as usize {
        let Some(agent) = idle_seat(&batch.state).or_else(|| needless_seat(&batch.state)) else {
            return;
        };
        let reason = format!("another role is needed: {}", task.role);
        batch.push(EventKind::SeatClosed { agent, reason });
    }
    open_seat(batch, task, runtime);
}

/// How many agents of this kind will be idle soon.
fn n_coming(state: &State, role: &Role, runtime: &ProgramName) -> usize {
    let comes = |seat: &&Seat| {
        matches!(seat.state, SeatState::Placing | SeatState::Freeing)
            && seat.role == *role
            && seat.runtime == *runtime
    };
    state.seats.values().filter(comes).count()
}

/// How many tasks wait for an agent of this kind.
fn n_waiting(state: &State, role: &Role, runtime: &ProgramName) -> usize {
    let waits = |task: &&Task| {
        task.state == TaskState::Ready
            && task.role == *role
            && state.runtime_of(task).as_ref() == Some(runtime)
    };
    state.tasks.values().filter(waits).count()
}

fn open_seat(batch: &mut Batch<'_>, task: &Task, runtime: ProgramName) {
    let Some(spec) = &batch.state.spec else {
        return;
    };
    let agent = agent::Spec {
        id: agent_id(spec.id.as_str(), &task.role, batch.state.n_agents + 1),
        role: task.role.clone(),
        project: Some(spec.id.clone()),
        runtime,
        model: spec.model.clone(),
        limits: spec.agent_limits.clone(),
    };
    let priority = task.priority;
    batch.push(EventKind::SeatOpened { agent: Box::new(agent), priority });
}

fn agent_id(project: &str, role: &Role, n: u64) -> AgentId {
    let project: String = project.chars().take(28).collect();
    let role: String = role.as_str().chars().take(26).collect();
    AgentId::new(format!("{project}-{role}-{n}")).expect("cut names and a number are legal")
}
