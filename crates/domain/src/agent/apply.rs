//! Folds events into the agent. Nothing here decides.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::agent::command::Command;
use crate::agent::event::{Event, EventKind};
use crate::agent::state::{Effect, Phase, SeatStatus, State, Turn, TurnOf, Usage, Work, WorkStage};
use crate::entity::EffectKey;
use crate::id::{ApprovalId, MessageId};
use crate::message::{self, ReceiptState};
use crate::task::{Attempt, Brief, Outcome};

pub(super) fn apply(state: &mut State, event: &Event) {
    state.active_at = Some(event.at);
    match &event.kind {
        EventKind::Activated { .. }
        | EventKind::Created { .. }
        | EventKind::Stopped { .. }
        | EventKind::Started
        | EventKind::Archived
        | EventKind::Released => apply_life(state, event.at, &event.kind),
        EventKind::Launched { .. }
        | EventKind::Ready { .. }
        | EventKind::ProgramLost { .. }
        | EventKind::RunRequested { .. }
        | EventKind::Failed { .. }
        | EventKind::Quarantined { .. } => apply_program(state, event.at, &event.kind),
        EventKind::Prompted { .. }
        | EventKind::TurnStarted { .. }
        | EventKind::TurnEnded { .. }
        | EventKind::ToolStarted { .. }
        | EventKind::ToolEnded { .. }
        | EventKind::Progressed { .. }
        | EventKind::Used { .. } => apply_turn(state, event.at, &event.kind),
        EventKind::Assigned { .. }
        | EventKind::TaskDropped { .. }
        | EventKind::PublishRequested { .. }
        | EventKind::TaskEnded { .. }
        | EventKind::Reported { .. }
        | EventKind::SeatChanged { .. }
        | EventKind::SeatTold => apply_work(state, event.at, &event.kind),
        EventKind::ApprovalRequested { .. }
        | EventKind::ApprovalDecided { .. }
        | EventKind::ApprovalAnswered { .. }
        | EventKind::ApprovalCancelled { .. } => apply_approval(state, event.at, &event.kind),
        EventKind::CheckpointRequested { .. }
        | EventKind::CheckpointTaken { .. }
        | EventKind::CheckpointFailed { .. }
        | EventKind::CheckpointScheduled { .. } => apply_checkpoint(state, &event.kind),
        EventKind::Inbox { event } => apply_inbox(state, event),
    }
}

fn key(kind: &str, id: impl std::fmt::Display) -> EffectKey {
    EffectKey(format!("{kind}/{id}"))
}

/// The effects that need a program.
const OF_PROGRAM: [&str; 8] =
    ["run", "start", "prompt", "interrupt", "answer", "overdue", "restart", "due"];

/// Forgets every effect that needs the program that is gone.
fn drop_program(state: &mut State) {
    state.outbox.retain(|key, _| {
        let (kind, _) = key.0.split_once('/').unwrap_or((&key.0, ""));
        !OF_PROGRAM.contains(&kind)
    });
    state.pid = None;
    state.ready = false;
    // A call that was begun and whose end was not told: nobody knows whether it took effect.
    if let Some(tool) = state.tool.take() {
        state.in_flight = Some(tool);
    }
    if let Some(Turn { of: TurnOf::Message(id), .. }) = state.turn.take() {
        set_expiry(state, id);
    }
    state.approvals.clear();
    if let Some(work) = &mut state.work
        && work.stage == WorkStage::Prompted
    {
        work.stage = WorkStage::Waiting;
    }
}

fn run_program(state: &mut State, at: DateTime<Utc>, run: u64) {
    drop_program(state);
    state.run = run;
    state.phase = Phase::Starting;
    state.reason = None;
    let effect = Effect::Run {
        run,
        brief: state.brief.clone().map(Box::new),
        resume: state.session.clone(),
        checkpoint: state.checkpoint.clone(),
    };
    state.outbox.insert(key("run", run), effect);
    let due = at + Duration::seconds(i64::from(state.limits().start_s_max));
    let command = Box::new(Command::StartOverdue { run });
    state.outbox.insert(key("start", run), Effect::Timer { due, command });
}

/// A message that no program has yet may expire.
fn set_expiry(state: &mut State, id: MessageId) {
    let is_routed = state.inbox.receipt(id).is_some_and(|r| r.state < ReceiptState::Unconfirmed);
    let due = state.inbox.get(id).and_then(|message| message.expires_at);
    if let Some(due) = due.filter(|_| is_routed) {
        let command = Box::new(Command::MessageExpired { id });
        state.outbox.insert(key("expiry", id), Effect::Timer { due, command });
    }
}

fn apply_life(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::Activated { epoch, node } => {
            state.epoch = *epoch;
            state.node.clone_from(node);
            if state.is_able() && state.has_program() {
                state.restarts += u32::from(state.pid.is_some());
                run_program(state, at, state.run + 1);
            }
        }
        EventKind::Created { spec } => {
            state.spec = Some((**spec).clone());
            state.phase = Phase::Idle;
        }
        EventKind::Stopped { reason, fleet } => {
            drop_program(state);
            state.phase = Phase::Stopped;
            state.reason = Some(reason.clone());
            state.stopped_by_fleet = *fleet;
        }
        EventKind::Started => {
            state.losses.clear();
            state.stopped_by_fleet = false;
            state.phase = Phase::Idle;
            state.reason = None;
            state.seat = None;
        }
        EventKind::Archived => {
            drop_program(state);
            state.phase = Phase::Archived;
            let told = |key: &EffectKey| key.0.starts_with("report/") || key.0.starts_with("seat/");
            state.outbox.retain(|key, _| told(key));
            release_when_told(state);
        }
        EventKind::Released => {
            state.outbox.remove(&"release".into());
        }
        _ => {}
    }
}

/// The place is given back only when nothing more must be reported: with it the agent is gone.
fn release_when_told(state: &mut State) {
    if state.outbox.is_empty() {
        state.outbox.insert("release".into(), Effect::Release);
    }
}

fn apply_program(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::Launched { pid, .. } => state.pid = Some(*pid),
        EventKind::Ready { session, in_flight } => {
            state.ready = true;
            state.outbox.remove(&key("start", state.run));
            state.phase = Phase::Idle;
            state.session = Some(session.clone());
            // The program's own record says more than ours, where it has one.
            if in_flight.is_some() {
                state.in_flight.clone_from(in_flight);
            }
        }
        EventKind::ProgramLost { run, reason, session_gone, restart_at } => {
            drop_program(state);
            state.phase = Phase::Starting;
            state.reason = Some(reason.clone());
            remember_loss(state, at);
            if *session_gone {
                state.session = None;
                if let Some(work) = &mut state.work {
                    work.forgotten = work.told;
                }
            }
            if let Some(due) = restart_at {
                state.restarts += 1;
                let command = Box::new(Command::RestartDue { run: *run });
                state.outbox.insert(key("restart", run), Effect::Timer { due: *due, command });
            }
        }
        EventKind::RunRequested { run } => run_program(state, at, *run),
        EventKind::Failed { reason } => {
            state.phase = Phase::Failed;
            state.reason = Some(reason.clone());
        }
        EventKind::Quarantined { reason } => {
            state.phase = Phase::Quarantined;
            state.reason = Some(reason.clone());
        }
        _ => {}
    }
}

fn remember_loss(state: &mut State, at: DateTime<Utc>) {
    let limits = state.limits();
    state.losses.push_back(at);
    while state.losses.len() > limits.restarts_max as usize + 1 {
        state.losses.pop_front();
    }
}

fn apply_turn(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::Prompted { prompt, of, text } => prompted(state, at, *prompt, of, text),
        EventKind::TurnStarted { prompt } => {
            state.outbox.remove(&key("prompt", prompt));
            turn_started(state);
            let turn_s_max = state.limits().turn_s_max;
            set_overdue(state, *prompt, at, turn_s_max);
        }
        EventKind::TurnEnded { prompt, .. } => {
            state.outbox.remove(&key("prompt", prompt));
            state.outbox.remove(&key("interrupt", prompt));
            state.outbox.retain(|key, _| {
                let (kind, _) = key.0.split_once('/').unwrap_or((&key.0, ""));
                !matches!(kind, "due" | "overdue" | "answer")
            });
            state.turn = None;
            state.tool = None;
            state.approvals.clear();
            state.in_flight = None;
            state.phase = Phase::Idle;
        }
        EventKind::ToolStarted { detail } => state.tool = Some(detail.clone()),
        EventKind::ToolEnded { .. } => state.tool = None,
        EventKind::Progressed { text } => state.progress = Some(text.clone()),
        EventKind::Used { usage } => {
            let Usage { input_tokens, output_tokens, cached_tokens, cost_micro_usd } = *usage;
            state.usage.input_tokens += input_tokens;
            state.usage.output_tokens += output_tokens;
            state.usage.cached_tokens += cached_tokens;
            state.usage.cost_micro_usd += cost_micro_usd;
        }
        _ => {}
    }
}

/// Only now is it proven that the program has the text.
fn turn_started(state: &mut State) {
    let Some(turn) = &mut state.turn else {
        return;
    };
    turn.started = true;
    if let (TurnOf::Task(_), Some(work)) = (&turn.of, &mut state.work) {
        work.told = true;
        work.forgotten = false;
    }
}

fn prompted(state: &mut State, at: DateTime<Utc>, prompt: Uuid, of: &TurnOf, text: &str) {
    state.phase = Phase::Working;
    state.turn = Some(Turn { prompt, of: of.clone(), started: false });
    if let (TurnOf::Task(_), Some(work)) = (of, &mut state.work) {
        work.stage = WorkStage::Prompted;
    }
    if let TurnOf::Message(id) = of {
        state.outbox.remove(&key("expiry", id));
    }
    let effect = Effect::Prompt { run: state.run, prompt, text: text.to_owned() };
    state.outbox.insert(key("prompt", prompt), effect);
    let prompt_s_max = state.limits().prompt_s_max;
    set_overdue(state, prompt, at, prompt_s_max);
}

fn set_overdue(state: &mut State, prompt: Uuid, at: DateTime<Utc>, seconds: u32) {
    // The key carries the time, so that a changed time is a new timer.
    state.outbox.retain(|key, _| !key.0.starts_with("overdue/"));
    let due = at + Duration::seconds(i64::from(seconds));
    let command = Box::new(Command::TurnOverdue { prompt });
    state.outbox.insert(
        key("overdue", format!("{prompt}/{seconds}/{}", at.timestamp_millis())),
        Effect::Timer { due, command },
    );
}

fn apply_work(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::Assigned { brief } => {
            state.seat = None;
            state.outbox.retain(|key, _| !key.0.starts_with("seat/"));
            state.progress = None;
            state.tries.insert(brief.attempt.task.clone(), brief.attempt.n);
            new_brief(state, brief);
            state.work = Some(Work {
                brief: (**brief).clone(),
                stage: WorkStage::Waiting,
                told: false,
                forgotten: false,
                summary: String::new(),
            });
        }
        EventKind::TaskDropped { attempt } => task_dropped(state, at, attempt),
        EventKind::PublishRequested { attempt, summary } => {
            if let Some(work) = &mut state.work {
                work.stage = WorkStage::Publishing;
                work.summary.clone_from(summary);
                let brief = Box::new(work.brief.clone());
                state.outbox.insert(key("publish", attempt), Effect::Publish { brief });
            }
        }
        EventKind::TaskEnded { attempt, outcome } => task_ended(state, attempt, outcome),
        EventKind::Reported { attempt } => {
            state.outbox.remove(&key("report", attempt));
            if state.phase == Phase::Archived {
                release_when_told(state);
            }
        }
        EventKind::SeatChanged { status } => seat_changed(state, at, status),
        EventKind::SeatTold => {
            state.outbox.retain(|key, _| !key.0.starts_with("seat/"));
            if state.phase == Phase::Archived {
                release_when_told(state);
            }
        }
        _ => {}
    }
}

/// Another try has another workspace: the program of the last one ends, and with another task its
/// conversation too.
fn new_brief(state: &mut State, brief: &Brief) {
    drop_program(state);
    if state.is_able() {
        state.phase = Phase::Idle;
    }
    state.outbox.retain(|key, _| !key.0.starts_with("checkpoint/"));
    state.checkpoint = None;
    state.in_flight = None;
    let same_task = state.brief.as_ref().is_some_and(|b| b.attempt.task == brief.attempt.task);
    if !same_task {
        state.session = None;
    }
    state.brief = Some(brief.clone());
}

fn task_dropped(state: &mut State, at: DateTime<Utc>, attempt: &Attempt) {
    let newest = state.tries.entry(attempt.task.clone()).or_default();
    *newest = attempt.n.max(*newest);
    let Some(work) = state.work.take_if(|work| work.brief.attempt == *attempt) else {
        return;
    };
    state.outbox.remove(&key("publish", &work.brief.attempt));
    let Some(turn) = &state.turn else {
        return;
    };
    if turn.of == TurnOf::Task(work.brief.attempt) {
        let prompt = turn.prompt;
        state.outbox.remove(&key("prompt", prompt));
        // Nobody need decide for a task that is gone.
        state.approvals.clear();
        state.phase = Phase::Working;
        state.outbox.insert(key("interrupt", prompt), Effect::Interrupt { run: state.run });
        // A program that does not heed the interrupt is started again.
        set_overdue(state, prompt, at, 10);
    }
}

fn task_ended(state: &mut State, attempt: &Attempt, outcome: &Outcome) {
    state.work = None;
    state.outbox.remove(&key("publish", attempt));
    let project = state.spec.as_ref().and_then(|spec| spec.project.clone());
    if let Some(project) = project {
        let effect = Effect::Report { project, attempt: attempt.clone(), outcome: outcome.clone() };
        state.outbox.insert(key("report", attempt), effect);
    }
}

fn seat_changed(state: &mut State, at: DateTime<Utc>, status: &SeatStatus) {
    state.seat = Some(status.clone());
    state.outbox.retain(|key, _| !key.0.starts_with("seat/"));
    let project = state.spec.as_ref().and_then(|spec| spec.project.clone());
    if let Some(project) = project {
        let effect = Effect::Seat { project, status: status.clone() };
        state.outbox.insert(key("seat", at.timestamp_micros()), effect);
    }
}

fn apply_approval(state: &mut State, at: DateTime<Utc>, kind: &EventKind) {
    match kind {
        EventKind::ApprovalRequested { approval } => {
            state.approvals.insert(approval.id, (**approval).clone());
            state.phase = Phase::AwaitingApproval;
            // A person may take as long as it takes; the turn's own time begins anew after the answer.
            state.outbox.retain(|key, _| !key.0.starts_with("overdue/"));
        }
        EventKind::ApprovalDecided { id, request, allow, reason, .. } => {
            let effect = Effect::Answer {
                run: state.run,
                approval: *id,
                request: request.clone(),
                allow: *allow,
                reason: reason.clone(),
            };
            state.outbox.insert(key("answer", id), effect);
            close_approval(state, at, *id);
        }
        EventKind::ApprovalAnswered { id } => {
            state.outbox.remove(&key("answer", id));
        }
        EventKind::ApprovalCancelled { id } => close_approval(state, at, *id),
        _ => {}
    }
}

fn close_approval(state: &mut State, at: DateTime<Utc>, id: ApprovalId) {
    state.approvals.remove(&id);
    if state.phase == Phase::AwaitingApproval && state.approvals.is_empty() {
        state.phase = match (&state.turn, state.ready) {
            (Some(_), _) => Phase::Working,
            (None, true) => Phase::Idle,
            (None, false) => Phase::Starting,
        };
        if let Some(prompt) = state.turn.as_ref().map(|turn| turn.prompt) {
            let turn_s_max = state.limits().turn_s_max;
            set_overdue(state, prompt, at, turn_s_max);
        }
    }
}

fn apply_checkpoint(state: &mut State, kind: &EventKind) {
    match kind {
        EventKind::CheckpointRequested { seq } => {
            state.checkpoint_seq = *seq;
            state
                .outbox
                .retain(|key, _| !key.0.starts_with("due/") && !key.0.starts_with("checkpoint/"));
            let effect = Effect::Checkpoint { seq: *seq, session: state.session.clone() };
            state.outbox.insert(key("checkpoint", seq), effect);
        }
        EventKind::CheckpointTaken { seq, checkpoint } => {
            state.outbox.remove(&key("checkpoint", seq));
            if let Some(checkpoint) = checkpoint {
                state.checkpoint = Some(checkpoint.clone());
            }
        }
        EventKind::CheckpointFailed { seq, .. } => {
            state.outbox.remove(&key("checkpoint", seq));
        }
        EventKind::CheckpointScheduled { seq, due } => {
            state.outbox.retain(|key, _| !key.0.starts_with("due/"));
            let command = Box::new(Command::CheckpointDue { seq: *seq });
            let timer = Effect::Timer { due: *due, command };
            state.outbox.insert(key("due", seq), timer);
        }
        _ => {}
    }
}

fn apply_inbox(state: &mut State, event: &message::Event) {
    state.inbox.apply(event);
    match event {
        message::Event::Accepted { message, .. } => {
            if let Some(due) = message.expires_at {
                let command = Box::new(Command::MessageExpired { id: message.id });
                state.outbox.insert(key("expiry", message.id), Effect::Timer { due, command });
            }
        }
        message::Event::Stepped { id, state: step, .. } => {
            if step.is_final() {
                state.outbox.remove(&key("expiry", id));
            }
        }
    }
}
