//! What the agent decides when its program says or does something.

use chrono::Duration;
use uuid::Uuid;

use crate::agent::command::{SessionFact, Verdict};
use crate::agent::decide::{Batch, schedule_checkpoint};
use crate::agent::event::EventKind;
use crate::agent::state::{Approval, TurnOf, WorkStage};
use crate::id::ApprovalId;
use crate::message::ReceiptState;
use crate::task::Outcome;

/// Facts of an older run come from a program that is gone: they are ignored.
pub(super) fn fact(batch: &mut Batch<'_>, run: u64, fact: SessionFact) {
    if run != batch.state.run || !batch.state.is_running() {
        return;
    }
    match fact {
        SessionFact::Launched { pid, workspace } => {
            batch.push(EventKind::Launched { run, pid, workspace });
        }
        SessionFact::Ready { session, in_flight } => {
            if !batch.state.ready {
                batch.push(EventKind::Ready { session, in_flight });
            }
        }
        SessionFact::TurnStarted { prompt } => turn_started(batch, prompt),
        SessionFact::PromptFailed { prompt, reason } => prompt_failed(batch, prompt, &reason),
        SessionFact::TurnEnded { prompt, failure, summary } => {
            turn_ended(batch, prompt, failure, summary);
        }
        SessionFact::ToolStarted { detail } => batch.push(EventKind::ToolStarted { detail }),
        SessionFact::ToolEnded { detail, failed } => {
            batch.push(EventKind::ToolEnded { detail, failed });
        }
        SessionFact::PermissionRequested { .. } => permission(batch, fact),
        SessionFact::PermissionCancelled { request } => permission_cancelled(batch, &request),
        SessionFact::Progress { text } => batch.push(EventKind::Progressed { text }),
        SessionFact::Used(usage) => batch.push(EventKind::Used { usage }),
        SessionFact::Lost { reason, retryable, session_gone } => {
            lost(batch, reason, retryable, session_gone);
        }
    }
}

fn turn_started(batch: &mut Batch<'_>, prompt: Uuid) {
    let Some(turn) = batch.state.turn.clone() else {
        return;
    };
    if turn.prompt != prompt || turn.started {
        return;
    }
    if let TurnOf::Message(id) = turn.of {
        batch.step(id, ReceiptState::Delivered, None);
        batch.step(id, ReceiptState::Started, None);
    }
    batch.push(EventKind::TurnStarted { prompt });
    schedule_checkpoint(batch);
}

fn prompt_failed(batch: &mut Batch<'_>, prompt: Uuid, reason: &str) {
    let is_current = batch.state.turn.as_ref().is_some_and(|turn| turn.prompt == prompt);
    if is_current {
        lost(batch, format!("the prompt could not be given: {reason}"), true, false);
    }
}

fn turn_ended(batch: &mut Batch<'_>, prompt: Uuid, failure: Option<String>, summary: String) {
    let Some(turn) = batch.state.turn.clone().filter(|turn| turn.prompt == prompt) else {
        return;
    };
    if !turn.started {
        turn_started(batch, prompt);
    }
    batch.push(EventKind::TurnEnded { prompt, failure: failure.clone(), summary: summary.clone() });
    match turn.of {
        TurnOf::Message(id) => {
            let answer = match failure {
                Some(reason) => (ReceiptState::Dead, format!("the turn failed: {reason}")),
                None => (ReceiptState::Answered, summary),
            };
            batch.step(id, answer.0, Some(answer.1));
        }
        TurnOf::Task(attempt) => {
            let is_mine = batch.state.work.as_ref().is_some_and(|w| w.brief.attempt == attempt);
            match failure {
                _ if !is_mine => {}
                Some(reason) => batch.end_task(Outcome::Failed { reason }),
                None => batch.push(EventKind::PublishRequested { attempt, summary }),
            }
        }
    }
    let seq = batch.state.checkpoint_seq + 1;
    batch.push(EventKind::CheckpointRequested { seq });
}

fn permission(batch: &mut Batch<'_>, fact: SessionFact) {
    let SessionFact::PermissionRequested {
        request,
        tool,
        command,
        files,
        folder,
        description,
        verdict,
    } = fact
    else {
        return;
    };
    if batch.state.approvals.values().any(|approval| approval.request == request) {
        return;
    }
    let id = ApprovalId(batch.ctx.new_id());
    let at = batch.ctx.now;
    let approval =
        Approval { id, request: request.clone(), tool, command, files, folder, description, at };
    let full = batch.state.approvals.len() >= batch.state.limits().approvals_max;
    batch.push(EventKind::ApprovalRequested { approval: Box::new(approval) });
    let (allow, reason, by) = match verdict {
        Verdict::Allow { rule } => (true, String::new(), format!("policy: {rule}")),
        Verdict::Deny { rule } => {
            (false, format!("the policy forbids it: {rule}"), format!("policy: {rule}"))
        }
        Verdict::Ask if full => {
            (false, "too many permission requests are open".to_owned(), "limit".to_owned())
        }
        Verdict::Ask if batch.state.turn.is_none() => {
            (false, "no turn runs that could need it".to_owned(), "limit".to_owned())
        }
        Verdict::Ask => return,
    };
    batch.push(EventKind::ApprovalDecided { id, request, allow, reason, by });
}

fn permission_cancelled(batch: &mut Batch<'_>, request: &str) {
    let found = batch.state.approvals.values().find(|approval| approval.request == request);
    if let Some(id) = found.map(|approval| approval.id) {
        batch.push(EventKind::ApprovalCancelled { id });
    }
}

/// The program is gone: start it again after a growing delay, or give up.
pub(super) fn lost(batch: &mut Batch<'_>, reason: String, retryable: bool, session_gone: bool) {
    let limits = batch.state.limits();
    let window = Duration::seconds(i64::from(limits.restart_window_s));
    let since = batch.ctx.now - window;
    let n_recent = batch.state.losses.iter().filter(|at| **at > since).count();
    let gives_up = n_recent >= limits.restarts_max as usize;
    let restart_at = (retryable && !gives_up).then(|| {
        let delays = &limits.restart_delays_ms;
        let delay_ms = delays.get(n_recent).or_else(|| delays.last()).copied().unwrap_or_default();
        batch.ctx.now + Duration::milliseconds(i64::try_from(delay_ms).unwrap_or(i64::MAX / 2))
    });
    let run = batch.state.run;
    batch.push(EventKind::ProgramLost { run, reason: reason.clone(), session_gone, restart_at });
    if !retryable {
        batch.push(EventKind::Failed { reason: reason.clone() });
    } else if gives_up {
        let reason = format!("its program was lost {} times, last: {reason}", n_recent + 1);
        batch.push(EventKind::Quarantined { reason });
    }
    if restart_at.is_none() {
        batch.end_task(Outcome::Failed { reason });
    }
}

/// A prompt was not proven started in time, or a turn takes too long.
pub(super) fn overdue(batch: &mut Batch<'_>, prompt: Uuid) {
    let Some(turn) = batch.state.turn.clone().filter(|turn| turn.prompt == prompt) else {
        return;
    };
    if !turn.started {
        if let TurnOf::Message(id) = turn.of {
            batch.step(id, ReceiptState::Unconfirmed, None);
        }
        lost(batch, "the program did not begin the prompt in time".to_owned(), true, false);
        return;
    }
    let reason = format!("the turn took longer than {} s", batch.state.limits().turn_s_max);
    let is_work = batch.state.work.as_ref().is_some_and(|work| work.stage == WorkStage::Prompted);
    match turn.of {
        TurnOf::Message(id) => batch.step(id, ReceiptState::Dead, Some(reason.clone())),
        TurnOf::Task(_) if is_work => {
            batch.end_task(Outcome::Failed { reason: reason.clone() });
        }
        TurnOf::Task(_) => {}
    }
    lost(batch, reason, true, false);
}
