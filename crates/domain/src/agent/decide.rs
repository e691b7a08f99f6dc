//! The agent's decisions. What its program says is in `session`.

use chrono::Duration;

use crate::agent::command::{Command, Rejection};
use crate::agent::event::{Event, EventKind};
use crate::agent::state::{Checkpoint, Phase, SeatStatus, State, TurnOf, WorkStage};
use crate::agent::{apply, session, turn};
use crate::entity::Ctx;
use crate::id::{ApprovalId, MessageId};
use crate::message::{self, Message, ReceiptState};
use crate::task::{Attempt, Brief, Outcome};

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

    /// Moves a receipt on; where it is further already, nothing happens.
    pub(super) fn step(&mut self, id: MessageId, state: ReceiptState, answer: Option<String>) {
        let receipt = self.state.inbox.receipt(id);
        if receipt.is_none_or(|receipt| !receipt.state.may_become(state)) {
            return;
        }
        let (at, node) = (self.ctx.now, self.ctx.node.clone());
        let event = message::Event::Stepped { id, state, answer, at, node };
        self.push(EventKind::Inbox { event });
    }

    /// Ends the task that the agent has.
    pub(super) fn end_task(&mut self, outcome: Outcome) {
        if let Some(work) = &self.state.work {
            let attempt = work.brief.attempt.clone();
            self.push(EventKind::TaskEnded { attempt, outcome });
        }
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
    let mut batch = Batch { state: state.clone(), events: Vec::new(), ctx };
    handle(&mut batch, command)?;
    if !batch.events.is_empty() {
        ensure_program(&mut batch);
        next_prompt(&mut batch);
        tell_seat(&mut batch);
    }
    Ok(batch.events)
}

fn handle(batch: &mut Batch<'_>, command: Command) -> Result<(), Rejection> {
    if batch.state.phase == Phase::Archived {
        return archived(batch, &command);
    }
    match command {
        Command::Create { spec } if batch.state.spec.is_none() => {
            batch.push(EventKind::Created { spec });
        }
        Command::Create { .. } => {}
        Command::Assign { brief } => assign(batch, brief)?,
        Command::CancelTask { attempt } => cancel_task(batch, attempt),
        Command::Deliver { message } => deliver(batch, message)?,
        Command::AnswerApproval { id, allow, reason, by } => {
            answer_approval(batch, id, allow, reason, by)?;
        }
        Command::Stop { reason, fleet } => stop(batch, reason, fleet),
        Command::Start { fleet } => start(batch, fleet),
        Command::Archive => archive(batch),
        Command::Session { run, fact } => session::fact(batch, run, fact),
        Command::AnswerGiven { id } if batch.state.owes("answer", id) => {
            batch.push(EventKind::ApprovalAnswered { id });
        }
        // One of a workspace that is left, or a repeat, must not replace the present one.
        Command::CheckpointTaken { seq, checkpoint } if batch.state.owes("checkpoint", seq) => {
            let at = batch.ctx.now;
            let checkpoint = checkpoint.map(|checkpoint| Checkpoint { at, ..*checkpoint });
            batch.push(EventKind::CheckpointTaken { seq, checkpoint });
            schedule_checkpoint(batch);
        }
        Command::CheckpointFailed { seq, reason } if batch.state.owes("checkpoint", seq) => {
            batch.push(EventKind::CheckpointFailed { seq, reason });
            schedule_checkpoint(batch);
        }
        Command::Published { attempt, published } => {
            let published = published.map(Outcome::Published);
            publish_done(batch, &attempt, published);
        }
        Command::PublishFailed { attempt, reason } => {
            let reason = format!("its commits could not be stored: {reason}");
            publish_done(batch, &attempt, Some(Outcome::Failed { reason }));
        }
        Command::Reported { attempt } if batch.state.owes("report", &attempt) => {
            batch.push(EventKind::Reported { attempt });
        }
        Command::SeatTold if owes_seat(&batch.state) => batch.push(EventKind::SeatTold),
        Command::RestartDue { run } if batch.state.owes("restart", run) => {
            batch.push(EventKind::RunRequested { run: batch.state.run + 1 });
        }
        Command::CheckpointDue { seq } if seq > batch.state.checkpoint_seq => {
            batch.push(EventKind::CheckpointRequested { seq });
        }
        Command::TurnOverdue { prompt } => session::overdue(batch, prompt),
        Command::StartOverdue { run } if batch.state.owes("start", run) => {
            session::lost(batch, "it was not ready in time".to_owned(), true, false);
        }
        Command::MessageExpired { id } => expire(batch, id),
        // Repeats and late words.
        Command::AnswerGiven { .. }
        | Command::CheckpointTaken { .. }
        | Command::CheckpointFailed { .. }
        | Command::Reported { .. }
        | Command::SeatTold
        | Command::Released
        | Command::RestartDue { .. }
        | Command::StartOverdue { .. }
        | Command::CheckpointDue { .. } => {}
    }
    Ok(())
}

fn owes_seat(state: &State) -> bool {
    state.outbox.keys().any(|key| key.0.starts_with("seat/"))
}

/// An archived agent only finishes what it owes.
fn archived(batch: &mut Batch<'_>, command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Reported { attempt } if batch.state.owes("report", attempt) => {
            batch.push(EventKind::Reported { attempt: attempt.clone() });
        }
        Command::SeatTold if owes_seat(&batch.state) => batch.push(EventKind::SeatTold),
        Command::Released if batch.state.outbox.contains_key(&"release".into()) => {
            batch.push(EventKind::Released);
        }
        Command::Assign { .. }
        | Command::Deliver { .. }
        | Command::AnswerApproval { .. }
        | Command::Start { fleet: false } => return Err(Rejection::Archived),
        _ => {}
    }
    Ok(())
}

fn assign(batch: &mut Batch<'_>, brief: Box<Brief>) -> Result<(), Rejection> {
    if let Some(work) = &batch.state.work {
        if work.brief.attempt == brief.attempt {
            return Ok(());
        }
        return Err(Rejection::Busy(work.brief.attempt.clone()));
    }
    if batch.state.owes("report", &brief.attempt) {
        return Ok(());
    }
    if batch.state.is_over(&brief.attempt) {
        return Err(Rejection::Over(brief.attempt.clone()));
    }
    // What the fleet switch stopped keeps its order until it goes on.
    let paused = batch.state.phase == Phase::Stopped && batch.state.stopped_by_fleet;
    if !batch.state.is_able() && !paused {
        return Err(Rejection::NotWorking {
            phase: batch.state.phase.as_str().to_owned(),
            reason: batch.state.reason.clone().unwrap_or_default(),
        });
    }
    batch.push(EventKind::Assigned { brief });
    Ok(())
}

fn cancel_task(batch: &mut Batch<'_>, attempt: Attempt) {
    let is_mine = batch.state.work.as_ref().is_some_and(|work| work.brief.attempt == attempt);
    // Also where the order itself is still under way: then it comes too late.
    if is_mine || !batch.state.is_over(&attempt) {
        batch.push(EventKind::TaskDropped { attempt });
    }
}

fn deliver(batch: &mut Batch<'_>, message: Message) -> Result<(), Rejection> {
    let waiting_max = batch.state.limits().inbox_max;
    let accepted =
        batch.state.inbox.accept(message, waiting_max, batch.ctx.now, &batch.ctx.node)?;
    if let Some(event) = accepted {
        batch.push(EventKind::Inbox { event });
    }
    Ok(())
}

fn expire(batch: &mut Batch<'_>, id: MessageId) {
    let in_turn = batch.state.turn.as_ref().is_some_and(|turn| turn.of == TurnOf::Message(id));
    // What a program had, or may have had, has not expired.
    let waits = |state| state < ReceiptState::Unconfirmed;
    if in_turn || !batch.state.inbox.receipt(id).is_some_and(|receipt| waits(receipt.state)) {
        return;
    }
    let reason = "it expired before the agent was free".to_owned();
    batch.step(id, ReceiptState::Expired, Some(reason));
}

fn answer_approval(
    batch: &mut Batch<'_>,
    id: ApprovalId,
    allow: bool,
    reason: String,
    by: String,
) -> Result<(), Rejection> {
    let Some(approval) = batch.state.approvals.get(&id) else {
        return Err(Rejection::NoApproval(id));
    };
    let request = approval.request.clone();
    batch.push(EventKind::ApprovalDecided { id, request, allow, reason, by });
    Ok(())
}

fn stop(batch: &mut Batch<'_>, reason: String, fleet: bool) {
    // The fleet switch stops what works: what failed must not be started again by it.
    let wanted = match batch.state.phase {
        Phase::Stopped => !fleet && batch.state.stopped_by_fleet,
        _ => !fleet || batch.state.is_able(),
    };
    if !wanted {
        return;
    }
    batch.push(EventKind::Stopped { reason: reason.clone(), fleet });
    if !fleet {
        batch.end_task(Outcome::Failed { reason: format!("the agent was stopped: {reason}") });
    }
}

fn start(batch: &mut Batch<'_>, fleet: bool) {
    let wanted = match batch.state.phase {
        Phase::Stopped => !fleet || batch.state.stopped_by_fleet,
        Phase::Failed | Phase::Quarantined => !fleet,
        _ => false,
    };
    if wanted {
        batch.push(EventKind::Started);
    }
}

fn archive(batch: &mut Batch<'_>) {
    batch.end_task(Outcome::Failed { reason: "the agent was archived".to_owned() });
    let waiting: Vec<_> = batch.state.inbox.waiting().map(|message| message.id).collect();
    for id in waiting {
        batch.step(id, ReceiptState::Dead, Some("the agent was archived".to_owned()));
    }
    if batch.state.spec.as_ref().is_some_and(|spec| spec.project.is_some()) {
        batch.push(EventKind::SeatChanged { status: SeatStatus::Archived });
    }
    batch.push(EventKind::Archived);
}

fn publish_done(batch: &mut Batch<'_>, attempt: &Attempt, outcome: Option<Outcome>) {
    let Some(work) = &batch.state.work else {
        return;
    };
    if work.brief.attempt != *attempt || work.stage != WorkStage::Publishing {
        return;
    }
    let summary = work.summary.clone();
    batch.end_task(outcome.unwrap_or(Outcome::NoCommit { summary }));
}

/// While a turn runs, a checkpoint follows the last one after the configured time.
pub(super) fn schedule_checkpoint(batch: &mut Batch<'_>) {
    let busy = batch.state.turn.as_ref().is_some_and(|turn| turn.started);
    if busy {
        let every_s = i64::from(batch.state.limits().checkpoint_every_s.max(1));
        let due = batch.ctx.now + Duration::seconds(every_s);
        let seq = batch.state.checkpoint_seq + 1;
        batch.push(EventKind::CheckpointScheduled { seq, due });
    }
}

/// Starts the program when there is something to do and none runs.
fn ensure_program(batch: &mut Batch<'_>) {
    let state = &batch.state;
    let waits = state.inbox.next().is_some()
        // Its commits are read from the workspace of a run.
        || state.work.as_ref().is_some_and(|work| {
            matches!(work.stage, WorkStage::Waiting | WorkStage::Publishing)
        });
    if state.phase == Phase::Idle && waits && !state.has_program() {
        let run = state.run + 1;
        batch.push(EventKind::RunRequested { run });
    }
}

/// Gives an idle program its next prompt: urgent messages, then the task, then other messages.
fn next_prompt(batch: &mut Batch<'_>) {
    let state = &batch.state;
    if state.phase != Phase::Idle || !state.ready || state.turn.is_some() {
        return;
    }
    let work = state.work.as_ref().filter(|work| work.stage == WorkStage::Waiting);
    let message = state.inbox.next();
    let urgent = message.is_some_and(|m| m.priority == crate::fleet::Priority::High);
    let (of, text) = match (work, message) {
        (Some(work), _) if !urgent => {
            (TurnOf::Task(work.brief.attempt.clone()), turn::task_text(state, work))
        }
        (_, Some(message)) => {
            let started = state
                .inbox
                .receipt(message.id)
                .is_some_and(|receipt| receipt.state >= ReceiptState::Unconfirmed);
            (TurnOf::Message(message.id), turn::message_text(state, message, started))
        }
        _ => return,
    };
    let prompt = batch.ctx.new_id();
    if let TurnOf::Message(id) = of {
        batch.step(id, ReceiptState::Routed, None);
    }
    batch.push(EventKind::Prompted { prompt, of, text });
}

/// Tells the project when the agent became free, or cannot work any more.
fn tell_seat(batch: &mut Batch<'_>) {
    let state = &batch.state;
    if state.spec.as_ref().is_none_or(|spec| spec.project.is_none()) {
        return;
    }
    let reason = || state.reason.clone().unwrap_or_default();
    let status = match state.phase {
        Phase::Idle if state.work.is_none() => SeatStatus::Idle,
        Phase::Failed | Phase::Quarantined => SeatStatus::Lost { reason: reason() },
        Phase::Stopped if !state.stopped_by_fleet => SeatStatus::Lost { reason: reason() },
        _ => return,
    };
    if state.seat.as_ref() != Some(&status) {
        batch.push(EventKind::SeatChanged { status });
    }
}
