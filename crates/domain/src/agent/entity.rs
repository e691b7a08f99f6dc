//! How the actor shell sees an agent: the functions beside, under one name.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::command::{Command, Rejection};
use super::event::{Event, EventKind};
use super::state::{Effect, State};
use super::{apply, decide};
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
