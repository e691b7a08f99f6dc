//! An agent: one program with its workspace, its task, its messages and its permission requests.
//!
//! ```text
//! (placing: in the directory, before the first event)
//! idle → starting → idle ⇄ working ⇄ awaiting_approval
//!           ↑ ↓back-off      │ program lost → starting (resume)
//!           └────────────────┘ too often → quarantined
//! any → stopped → idle (start);  any → archived (final)
//! ```

mod apply;
mod command;
mod decide;
mod event;
mod session;
mod state;
mod turn;

pub use command::{Command, Rejection, SessionFact, Verdict};
pub use event::{Event, EventKind};
pub use state::{
    Approval, Checkpoint, Effect, Limits, Phase, SeatStatus, Spec, State, Turn, TurnOf, Usage,
    Work, WorkStage,
};

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::entity::{Ctx, EffectKey, Entity};

/// The agent entity.
#[derive(Debug, Clone, Copy)]
pub struct Agent;

impl Entity for Agent {
    const KIND: &'static str = "agent";
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
