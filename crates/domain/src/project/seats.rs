//! What a project decides when an agent says that it is free, lost or unwilling.

use chrono::Duration;

use crate::entity::EffectKey;
use crate::id::AgentId;
use crate::project::decide::{Batch, attempt_failed};
use crate::project::event::EventKind;
use crate::project::schedule;
use crate::project::state::{Effect, Seat, SeatState, Stage};
use crate::task::Attempt;

/// The agent let go of a task: its seat is free, also where the task never came to the agent.
pub(super) fn freed(batch: &mut Batch<'_>, attempt: Attempt) {
    let key = EffectKey(format!("cancel/{attempt}"));
    let Some(Effect::CancelTask { agent, .. }) = batch.state.outbox.get(&key) else {
        return;
    };
    let agent = agent.clone();
    batch.push(EventKind::CancelConfirmed { attempt });
    if batch.state.seats.get(&agent).is_some_and(|seat| seat.state == SeatState::Freeing) {
        let due = idle_due(batch);
        batch.push(EventKind::SeatIdle { agent, due });
    }
}

pub(super) fn seat_idle(batch: &mut Batch<'_>, agent: AgentId) {
    let Some(seat) = batch.state.seats.get(&agent) else {
        return unwanted(batch, agent);
    };
    // A late or repeated word of an agent that has a task meanwhile.
    if let SeatState::Busy { task } = &seat.state
        && batch.state.tasks.get(task).is_some_and(|task| task.stage == Some(Stage::Working))
    {
        return;
    }
    if !matches!(seat.state, SeatState::Idle { .. }) {
        let due = idle_due(batch);
        batch.push(EventKind::SeatIdle { agent, due });
    }
}

/// An agent without a seat: it was placed although its seat was closed meanwhile.
pub(super) fn unwanted(batch: &mut Batch<'_>, agent: AgentId) {
    let reason = "it has no seat".to_owned();
    batch.push(EventKind::SeatClosed { agent, reason });
}

pub(super) fn idle_due(batch: &Batch<'_>) -> chrono::DateTime<chrono::Utc> {
    batch.ctx.now + Duration::seconds(i64::from(batch.state.limits().idle_s_max))
}

pub(super) fn seat_lost(batch: &mut Batch<'_>, agent: AgentId, reason: &str) {
    let Some(seat) = batch.state.seats.get(&agent) else {
        return;
    };
    let never_worked = (seat.state == SeatState::Placing).then(|| seat.clone());
    if let SeatState::Busy { task } = &seat.state
        && let Some(task) = batch.state.tasks.get(task)
        && task.stage == Some(Stage::Working)
    {
        let attempt = task.attempt();
        let reason = format!("agent {agent} cannot go on: {reason}");
        attempt_failed(batch, attempt, reason, None, true);
    }
    batch.push(EventKind::SeatClosed { agent, reason: reason.to_owned() });
    // An agent that cannot even start would be asked for again at once, for ever: a task that waits
    // is charged with a try.
    if let Some(seat) = never_worked {
        charge_waiting(batch, &seat, reason);
    }
}

/// Charges the task for which an agent of this kind was asked for.
fn charge_waiting(batch: &mut Batch<'_>, seat: &Seat, reason: &str) {
    let next = schedule::ready_tasks(&batch.state)
        .into_iter()
        .find(|task| {
            task.role == seat.role && batch.state.runtime_of(task).as_ref() == Some(&seat.runtime)
        })
        .map(|task| task.attempt());
    if let Some(attempt) = next {
        attempt_failed(batch, attempt, format!("no agent can take it: {reason}"), None, true);
    }
}

pub(super) fn assign_refused(batch: &mut Batch<'_>, attempt: &Attempt, reason: &str) {
    let Some(task) = batch.working(attempt) else {
        return;
    };
    let agent = task.agent.clone();
    // A project that is being stopped is no fault of the task; an agent that always refuses would be
    // asked for ever.
    let counts = batch.state.is_active();
    attempt_failed(batch, attempt.clone(), reason.to_owned(), None, counts);
    if let Some(agent) = agent {
        let reason = format!("it refused a task: {reason}");
        batch.push(EventKind::SeatClosed { agent, reason });
    }
}
