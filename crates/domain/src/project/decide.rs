//! The project's decisions. What agents' seats need is in `seats`, what follows by
//! itself in `schedule`.

use chrono::Duration;

use crate::agent::SeatStatus;
use crate::entity::Ctx;
use crate::fleet::Priority;
use crate::id::TaskId;
use crate::message::{self, Message, ReceiptState};
use crate::project::command::{Command, Integration, Rejection, ReviewOutcome};
use crate::project::event::{Event, EventKind};
use crate::project::state::{SeatState, Stage, State, Status, Task, TaskState};
use crate::project::{apply, plan, report, schedule, seats};
use crate::task::{Attempt, Outcome};

/// The events decided so far, and the state after them.
pub(super) struct Batch<'c> {
    pub(super) state: State,
    pub(super) events: Vec<Event>,
    pub(super) ctx: &'c mut Ctx,
}

impl Batch<'_> {
    pub(super) fn push(&mut self, kind: EventKind) {
        let event = Event { at: self.ctx.now, kind };
        apply::apply(&mut self.state, &event);
        self.events.push(event);
    }

    /// The task whose newest try this is, while an agent has it.
    pub(super) fn working(&self, attempt: &Attempt) -> Option<&Task> {
        self.state
            .tasks
            .get(&attempt.task)
            .filter(|task| task.attempts == attempt.n && task.stage == Some(Stage::Working))
    }
}

pub(super) fn decide(
    state: &State,
    command: Command,
    ctx: &mut Ctx,
) -> Result<Vec<Event>, Rejection> {
    if state.spec.is_none() && !matches!(command, Command::Create { .. }) {
        return Err(Rejection::NotCreated);
    }
    // The answer "there is no such agent" may be under way while a late placement makes it: it must not
    // be forgotten, so it asks again.
    if let Command::Seat { agent, status: SeatStatus::Idle | SeatStatus::Lost { .. } } = &command
        && !state.seats.contains_key(agent)
        && state.owes("dismiss", agent)
    {
        return Err(Rejection::Leaving(agent.clone()));
    }
    let mut batch = Batch { state: state.clone(), events: Vec::new(), ctx };
    if state.status == Status::Archived {
        archived(&mut batch, &command)?;
        return Ok(batch.events);
    }
    handle(&mut batch, command)?;
    if !batch.events.is_empty() {
        schedule::schedule(&mut batch);
    }
    Ok(batch.events)
}

/// An archived project only finishes what it owes.
fn archived(batch: &mut Batch<'_>, command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Dismissed { .. } | Command::TaskCancelled { .. } => {
            confirmed(batch, command.clone());
        }
        Command::CleanedUp if batch.state.outbox.contains_key(&"cleanup".into()) => {
            batch.push(EventKind::CleanedUp);
        }
        Command::Released if batch.state.outbox.contains_key(&"release".into()) => {
            batch.push(EventKind::Released);
        }
        Command::Seat { status: SeatStatus::Archived, .. } => {}
        Command::Seat { agent, .. } => seats::unwanted(batch, agent.clone()),
        Command::Submit { .. }
        | Command::CancelTask { .. }
        | Command::RetryTask { .. }
        | Command::Stop { .. }
        | Command::Start
        | Command::Review { .. }
        | Command::Deliver { .. } => return Err(Rejection::Archived),
        _ => {}
    }
    Ok(())
}

fn handle(batch: &mut Batch<'_>, command: Command) -> Result<(), Rejection> {
    match command {
        Command::Create { spec } if batch.state.spec.is_none() => {
            batch.push(EventKind::Created { spec });
        }
        Command::Create { .. } => {}
        Command::Submit { id, tasks, agents_max } => {
            if !batch.state.submissions.contains_key(&id) {
                let tasks = plan::tasks(&batch.state, tasks, batch.ctx)?;
                batch.push(EventKind::Submitted { id, tasks, agents_max });
            }
        }
        Command::CancelTask { task } => cancel_task(batch, &task)?,
        Command::RetryTask { task } => retry_task(batch, &task)?,
        Command::Stop { reason } if batch.state.status == Status::Open => {
            batch.push(EventKind::Stopped { reason });
        }
        Command::Start if batch.state.status == Status::Stopped => batch.push(EventKind::Started),
        Command::Stop { .. } | Command::Start => {}
        Command::Archive => archive(batch),
        Command::Fleet { stopped } if stopped != batch.state.fleet_stopped => {
            batch.push(EventKind::FleetSwitched { stopped });
        }
        Command::Fleet { .. } => {}
        Command::Quota { agents_max } if batch.state.quota != Some(agents_max) => {
            batch.push(EventKind::QuotaSet { agents_max });
        }
        Command::Quota { .. } => {}
        Command::Review { id, accept, into } => {
            let known = batch.state.review.as_ref().is_some_and(|review| review.id == id);
            if !known {
                check_reviewable(&batch.state)?;
                batch.push(EventKind::ReviewRequested { id, accept, into });
            }
        }
        Command::Reviewed { id, outcome } if batch.state.owes("review", id) => {
            batch.push(EventKind::Reviewed { id, outcome });
        }
        Command::Deliver { message } => deliver(batch, message)?,
        other => handle_answer(batch, other),
    }
    Ok(())
}

/// What agents, effects and timers answer.
fn handle_answer(batch: &mut Batch<'_>, command: Command) {
    match command {
        Command::PlaceFailed { agent, reason } => seats::seat_lost(batch, agent, &reason),
        Command::Seat { agent, status } => match status {
            SeatStatus::Idle => seats::seat_idle(batch, agent),
            SeatStatus::Lost { .. } if !batch.state.seats.contains_key(&agent) => {
                seats::unwanted(batch, agent);
            }
            SeatStatus::Lost { reason } => seats::seat_lost(batch, agent, &reason),
            SeatStatus::Archived => seats::seat_lost(batch, agent, "it was archived"),
        },
        Command::AssignRefused { attempt, reason } => {
            seats::assign_refused(batch, &attempt, &reason)
        }
        Command::TaskEnded { attempt, outcome } => task_ended(batch, &attempt, outcome),
        Command::Integrated { attempt, integration } => integrated(batch, &attempt, integration),
        Command::AttemptOverdue { attempt } => attempt_overdue(batch, &attempt),
        Command::RetryDue { task } if waits(&batch.state, &task) => {
            batch.push(EventKind::RetryReached { task });
        }
        Command::IdleDue { agent } => {
            let seat = batch.state.seats.get(&agent);
            if seat.is_some_and(|seat| matches!(seat.state, SeatState::Idle { .. })) {
                let reason = "it was idle for too long".to_owned();
                batch.push(EventKind::SeatClosed { agent, reason });
            }
        }
        other => confirmed(batch, other),
    }
}

/// An effect was carried out. A repeat, or a word about one that is no longer owed, changes nothing.
fn confirmed(batch: &mut Batch<'_>, command: Command) {
    let state = &batch.state;
    match command {
        Command::Placed { agent } if state.owes("place", &agent) => {
            batch.push(EventKind::SeatPlaced { agent });
        }
        Command::Assigned { attempt } if state.owes("assign", &attempt) => {
            batch.push(EventKind::AssignConfirmed { attempt });
        }
        Command::TaskCancelled { attempt } => seats::freed(batch, attempt),
        Command::Dismissed { agent } if state.owes("dismiss", &agent) => {
            batch.push(EventKind::DismissConfirmed { agent });
        }
        Command::Switched { agent, on } if state.owes("switch", format!("{agent}/{on}")) => {
            batch.push(EventKind::SwitchConfirmed { agent, on });
        }
        _ => {}
    }
}

fn waits(state: &State, task: &TaskId) -> bool {
    state.tasks.get(task).is_some_and(|task| task.not_before.is_some())
}

fn cancel_task(batch: &mut Batch<'_>, id: &TaskId) -> Result<(), Rejection> {
    let Some(task) = batch.state.tasks.get(id) else {
        return Err(Rejection::NoTask(id.clone()));
    };
    if task.state == TaskState::Cancelled {
        return Ok(());
    }
    if task.is_settled() {
        return Err(wrong_state("cancel", task));
    }
    // A conflict and the task that resolves it end together.
    let partner = match &task.stage {
        Some(Stage::Conflict { by }) => Some(by.clone()),
        _ => task.resolves.clone(),
    };
    let reason = "cancelled by a person".to_owned();
    batch.push(EventKind::TaskCancelled { task: id.clone(), reason: reason.clone() });
    let open = |id: &TaskId| batch.state.tasks.get(id).is_some_and(|task| !task.is_settled());
    if let Some(task) = partner.filter(open) {
        batch.push(EventKind::TaskCancelled { task, reason });
    }
    Ok(())
}

fn retry_task(batch: &mut Batch<'_>, id: &TaskId) -> Result<(), Rejection> {
    let Some(task) = batch.state.tasks.get(id) else {
        return Err(Rejection::NoTask(id.clone()));
    };
    if let Some(resolved) = task.resolves.as_ref().filter(|_| task.state != TaskState::Done) {
        if !task.is_settled() {
            return Ok(());
        }
        // The resolved task is done anew; two tries of one work must not meet.
        let state = format!("a conflict that was given up; retry {resolved} instead");
        return Err(Rejection::WrongState { action: "retry".to_owned(), task: id.clone(), state });
    }
    match task.state {
        TaskState::Failed | TaskState::Cancelled => {
            batch.push(EventKind::TaskRetried { task: id.clone() });
            Ok(())
        }
        TaskState::Pending | TaskState::Ready | TaskState::Running => Ok(()),
        TaskState::Done => Err(wrong_state("retry", task)),
    }
}

fn wrong_state(action: &str, task: &Task) -> Rejection {
    let state = report::state_word(task.state).to_owned();
    Rejection::WrongState { action: action.to_owned(), task: task.id.clone(), state }
}

fn archive(batch: &mut Batch<'_>) {
    let open: Vec<_> = batch.state.tasks.values().filter(|task| !task.is_settled()).collect();
    let open: Vec<_> = open.into_iter().map(|task| task.id.clone()).collect();
    for task in open {
        let reason = "the project was archived".to_owned();
        batch.push(EventKind::TaskCancelled { task, reason });
    }
    let agents: Vec<_> = batch.state.seats.keys().cloned().collect();
    for agent in agents {
        let reason = "the project was archived".to_owned();
        batch.push(EventKind::SeatClosed { agent, reason });
    }
    if let Some(review) = batch.state.review.as_ref().filter(|review| review.outcome.is_none()) {
        let reason = "the project was archived meanwhile; look at your branch".to_owned();
        let (id, outcome) = (review.id, ReviewOutcome::Refused { reason });
        batch.push(EventKind::Reviewed { id, outcome });
    }
    batch.push(EventKind::Archived);
}

fn check_reviewable(state: &State) -> Result<(), Rejection> {
    let nothing = |text: String| Err(Rejection::NothingToReview(text));
    if let Some(review) = state.review.as_ref().filter(|review| review.outcome.is_none()) {
        return nothing(format!("{} is under way", review.action));
    }
    let n_open = state.tasks.values().filter(|task| !task.is_settled()).count();
    if n_open > 0 {
        return nothing(format!("{n_open} tasks are not finished; wait for them or cancel them"));
    }
    if state.head.is_none() {
        return nothing("nothing was merged yet".to_owned());
    }
    Ok(())
}

fn deliver(batch: &mut Batch<'_>, message: Message) -> Result<(), Rejection> {
    let id = message.id;
    let inbox_max = batch.state.limits().inbox_max;
    let (at, node) = (batch.ctx.now, batch.ctx.node.clone());
    let Some(event) = batch.state.inbox.accept(message, inbox_max, at, &node)? else {
        return Ok(());
    };
    batch.push(EventKind::Inbox { event });
    let answer = report::text(&batch.state);
    let steps = [
        (ReceiptState::Delivered, None),
        (ReceiptState::Started, None),
        (ReceiptState::Answered, Some(answer)),
    ];
    for (state, answer) in steps {
        let event = message::Event::Stepped { id, state, answer, at, node: node.clone() };
        batch.push(EventKind::Inbox { event });
    }
    Ok(())
}

fn task_ended(batch: &mut Batch<'_>, attempt: &Attempt, outcome: Outcome) {
    let Some(task) = batch.working(attempt) else {
        return;
    };
    let agent = task.agent.clone();
    match outcome {
        Outcome::Published(published) => batch.push(EventKind::TaskPublished { published }),
        Outcome::NoCommit { summary } => {
            let reason = format!("it ended without a commit: {summary}");
            let feedback =
                "You ended without a commit. Commit your work before you end.".to_owned();
            attempt_failed(batch, attempt.clone(), reason, Some(feedback), true);
        }
        Outcome::Failed { reason } => {
            attempt_failed(batch, attempt.clone(), reason, None, true);
        }
    }
    if let Some(agent) = agent.filter(|agent| batch.state.seats.contains_key(agent)) {
        let due = seats::idle_due(batch);
        batch.push(EventKind::SeatIdle { agent, due });
    }
}

fn attempt_overdue(batch: &mut Batch<'_>, attempt: &Attempt) {
    if !batch.state.is_active() {
        return;
    }
    let Some(task) = batch.working(attempt) else {
        return;
    };
    let id = task.id.clone();
    let reason = format!("{id} was not finished within its deadline");
    attempt_failed(batch, attempt.clone(), reason, None, true);
}

fn integrated(batch: &mut Batch<'_>, attempt: &Attempt, integration: Integration) {
    let Some(task) = batch.state.tasks.get(&attempt.task) else {
        return;
    };
    let integrating = matches!(task.stage, Some(Stage::Integrating { .. }));
    if task.attempts != attempt.n || !integrating {
        return;
    }
    let task = task.clone();
    match integration {
        Integration::Merged { evidence } => {
            let resolved = task.resolves.clone();
            batch.push(EventKind::TaskDone { task: task.id, evidence: evidence.clone() });
            let waits = |id: &TaskId| {
                let by = Some(Stage::Conflict { by: attempt.task.clone() });
                batch.state.tasks.get(id).is_some_and(|task| task.stage == by)
            };
            if let Some(task) = resolved.filter(waits) {
                batch.push(EventKind::TaskDone { task, evidence });
            }
        }
        Integration::Conflict { files } if task.resolves.is_none() => {
            let by = Box::new(resolver(batch, &task, &files));
            batch.push(EventKind::ConflictFound { task: task.id, by });
        }
        Integration::Conflict { files } => {
            let reason = format!("it conflicts again in {}", files.join(", "));
            let feedback = Some(reason.clone());
            attempt_failed(batch, attempt.clone(), reason, feedback, true);
        }
        Integration::CheckFailed { output } => {
            let reason = "its check failed".to_owned();
            attempt_failed(batch, attempt.clone(), reason, Some(output), true);
        }
        Integration::Failed { reason } => {
            attempt_failed(batch, attempt.clone(), reason, None, true);
        }
    }
}

/// The task that resolves a conflict: the same work, on top of what was merged meanwhile.
fn resolver(batch: &Batch<'_>, task: &Task, files: &[String]) -> Task {
    let published = match &task.stage {
        Some(Stage::Integrating { published }) => Some(published.clone()),
        _ => None,
    };
    let text = format!(
        "The branch of task {} ({}) conflicts with the project's branch in: {}.\n\
         Your workspace is on the project's newest state. Merge the remote branch \
         results/{}-{} into it or do the work again, resolve the conflicts so that both \
         intentions are kept, run the checks, and commit.\n\nThe task was:\n{}",
        task.id,
        task.title,
        files.join(", "),
        task.id,
        task.attempts,
        task.text,
    );
    Task {
        id: plan::task_id(&batch.state, batch.state.n_tasks + 1),
        title: format!("Resolve the merge conflict of {}", task.id),
        text,
        priority: Priority::High,
        depends_on: Vec::new(),
        state: TaskState::Pending,
        stage: None,
        agent: None,
        attempts: 0,
        failures: 0,
        feedback: None,
        reason: None,
        commits: Vec::new(),
        from: None,
        conflict: published,
        resolves: Some(task.id.clone()),
        created_at: batch.ctx.now,
        started_at: None,
        ..task.clone()
    }
}

/// A try failed: another after a delay, or the task is given up.
pub(super) fn attempt_failed(
    batch: &mut Batch<'_>,
    attempt: Attempt,
    reason: String,
    feedback: Option<String>,
    counts: bool,
) {
    let Some(task) = batch.state.tasks.get(&attempt.task) else {
        return;
    };
    let limits = batch.state.limits();
    let attempts_max = task.attempts_max.unwrap_or(limits.attempts_max).max(1);
    let failures = task.failures + u32::from(counts);
    let id = task.id.clone();
    let resolves = task.resolves.clone();
    let delays = &limits.retry_delays_ms;
    let idx = failures.saturating_sub(1) as usize;
    let delay_ms = delays.get(idx).or_else(|| delays.last()).copied().unwrap_or(1_000);
    let delay = Duration::milliseconds(i64::try_from(delay_ms).unwrap_or(i64::MAX / 2));
    let retry_at = batch.ctx.now + delay;
    let event =
        EventKind::AttemptFailed { attempt, reason: reason.clone(), feedback, counts, retry_at };
    batch.push(event);
    if failures < attempts_max {
        return;
    }
    let reason = format!("given up after {failures} tries: {reason}");
    batch.push(EventKind::TaskFailed { task: id.clone(), reason });
    if let Some(task) = resolves {
        let reason = format!("its merge conflict was not resolved by {id}");
        batch.push(EventKind::TaskFailed { task, reason });
    }
}
