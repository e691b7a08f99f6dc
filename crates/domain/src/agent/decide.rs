//! The agent's decisions. What its program says is in `session`.

use chrono::Duration;

use crate::agent::command::{Command, Rejection};
use crate::agent::event::{Event, EventKind};
use crate::agent::state::{Checkpoint, Phase, SeatStatus, State, TurnOf, WorkStage};
use crate::agent::{apply, session, turn};
use crate::entity::Ctx;
use crate::id::{ApprovalId, MessageId};
use crate::message::{self, Message, ReceiptState};
use crate::task::{Attempt, Brief, Outcome, Published};

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

    pub(super) fn step(&mut self, id: MessageId, state: ReceiptState, answer: Option<String>) {
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
        Command::AnswerGiven { id } => batch.push(EventKind::ApprovalAnswered { id }),
        Command::CheckpointTaken { seq, checkpoint } => {
            let at = batch.ctx.now;
            let checkpoint = checkpoint.map(|checkpoint| Checkpoint { at, ..*checkpoint });
            batch.push(EventKind::CheckpointTaken { seq, checkpoint });
            schedule_checkpoint(batch);
        }
        Command::CheckpointFailed { seq, reason } => {
            batch.push(EventKind::CheckpointFailed { seq, reason });
            schedule_checkpoint(batch);
        }
        Command::Published { attempt, published } => publish_done(batch, &attempt, published),
        Command::Reported { attempt } => batch.push(EventKind::Reported { attempt }),
        Command::SeatTold => batch.push(EventKind::SeatTold),
        Command::Released => batch.push(EventKind::Released),
        Command::RestartDue { run } if run == batch.state.run => {
            batch.push(EventKind::RunRequested { run: run + 1 });
        }
        Command::RestartDue { .. } => {}
        Command::CheckpointDue { seq } if seq > batch.state.checkpoint_seq => {
            batch.push(EventKind::CheckpointRequested { seq });
        }
        Command::CheckpointDue { .. } => {}
        Command::TurnOverdue { prompt } => session::overdue(batch, prompt),
        Command::MessageExpired { id } => expire(batch, id),
    }
    Ok(())
}

/// An archived agent only finishes what it owes.
fn archived(batch: &mut Batch<'_>, command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Reported { attempt } => {
            batch.push(EventKind::Reported { attempt: attempt.clone() });
        }
        Command::Released => batch.push(EventKind::Released),
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
    let reported = format!("report/{}", brief.attempt);
    if batch.state.outbox.contains_key(&reported.into()) {
        return Ok(());
    }
    if !batch.state.is_able() {
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
    if is_mine {
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
    if in_turn || batch.state.inbox.get(id).is_none() {
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
    if batch.state.phase == Phase::Stopped {
        if !fleet && batch.state.stopped_by_fleet {
            batch.push(EventKind::Stopped { reason, fleet });
        }
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
    batch.push(EventKind::Archived);
}

fn publish_done(batch: &mut Batch<'_>, attempt: &Attempt, published: Option<Published>) {
    let Some(work) = &batch.state.work else {
        return;
    };
    if work.brief.attempt != *attempt || work.stage != WorkStage::Publishing {
        return;
    }
    let summary = work.summary.clone();
    let outcome = match published {
        Some(published) => Outcome::Published(published),
        None => Outcome::NoCommit { summary },
    };
    batch.end_task(outcome);
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
        || state.work.as_ref().is_some_and(|work| work.stage == WorkStage::Waiting);
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
                .is_some_and(|receipt| receipt.state >= ReceiptState::Delivered);
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
