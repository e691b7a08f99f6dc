//! A project: its plan as a DAG of tasks, its agents, and the branch that collects their work.
//!
//! ```text
//! task:  pending → ready → running(assigned → working → integrating [→ conflict]) → done
//!           │        │        ├─ try failed → ready (after a delay), at most `attempts_max` times
//!           └────────┴────────┴→ failed | cancelled      failed → pending | ready (retry)
//! ```
//!
//! Invariants: a task runs in at most one seat; a seat has at most one task; one integration at a
//! time; nothing is done without a merged commit whose check passed; a task whose dependency failed
//! fails with it, so that a project always settles.

mod apply;
mod command;
mod decide;
mod event;
mod plan;
mod report;
mod schedule;
mod state;

pub use command::{Command, Integration, NewTask, Rejection, ReviewOutcome};
pub use event::{Event, EventKind};
pub use state::{
    Effect, Evidence, Limits, Review, Seat, SeatState, Spec, Stage, State, Status, Task, TaskState,
};

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::entity::{Ctx, EffectKey, Entity};

/// The project entity.
#[derive(Debug, Clone, Copy)]
pub struct Project;

impl Entity for Project {
    const KIND: &'static str = "project";
    const VERSION: u32 = 1;
    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command, ctx: &mut Ctx) -> Result<Vec<Event>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, event: &Event) {
        apply::apply(state, event);
    }

    fn outbox(state: &State) -> &BTreeMap<EffectKey, Effect> {
        &state.outbox
    }

    fn activated(_state: &State, ctx: &mut Ctx) -> Event {
        Event {
            at: ctx.now,
            kind: EventKind::Activated { epoch: ctx.epoch, node: ctx.node.clone() },
        }
    }

    fn timer(_key: &EffectKey, effect: &Effect) -> Option<(DateTime<Utc>, Command)> {
        match effect {
            Effect::Timer { due, command } => Some((*due, (**command).clone())),
            _ => None,
        }
    }
}
