//! How the actor shell sees the orchestrator: the functions beside, under one name.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::model::{Command, Effect, Event, EventKind, Rejection, State};
use super::{apply, decide};
use crate::entity::{Ctx, EffectKey, Entity};

/// The orchestrator entity.
#[derive(Debug, Clone, Copy)]
pub struct Orchestrator;

impl Entity for Orchestrator {
    const KIND: &'static str = "orchestrator";
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

    fn timer(_key: &EffectKey, _effect: &Effect) -> Option<(DateTime<Utc>, Command)> {
        None
    }
}
