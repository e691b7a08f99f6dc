//! The entity that the benches run: it counts, and may owe one far-off timer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use callboard_actors::sourced::{EffectError, Executor, SourcedHandle};
use callboard_domain::{Ctx, EffectKey, Entity};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub(crate) struct Counter;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) n_added: u32,
    last: String,
    outbox: BTreeMap<EffectKey, DateTime<Utc>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    Add { id: u32, text: String },
    Remind,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Event {
    Activated { epoch: u64 },
    Added { id: u32, text: String, at: DateTime<Utc> },
    Reminded { due: DateTime<Utc> },
}

#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
#[error("failed to count")]
pub(crate) struct Refused;

impl Entity for Counter {
    const KIND: &'static str = "agent";
    const VERSION: u32 = 1;
    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = DateTime<Utc>;
    type Rejection = Refused;

    fn decide(_: &State, command: Command, ctx: &mut Ctx) -> Result<Vec<Event>, Refused> {
        Ok(vec![match command {
            Command::Add { id, text } => Event::Added { id, text, at: ctx.now },
            Command::Remind => Event::Reminded { due: ctx.now + TimeDelta::days(1) },
        }])
    }

    fn apply(state: &mut State, event: &Event) {
        match event {
            Event::Activated { .. } => {}
            Event::Added { text, .. } => {
                state.n_added += 1;
                state.last.clone_from(text);
            }
            Event::Reminded { due } => {
                state.outbox.insert("reminder".into(), *due);
            }
        }
    }

    fn outbox(state: &State) -> &BTreeMap<EffectKey, DateTime<Utc>> {
        &state.outbox
    }

    fn activated(_: &State, ctx: &mut Ctx) -> Event {
        Event::Activated { epoch: ctx.epoch }
    }

    fn timer(_: &EffectKey, due: &DateTime<Utc>) -> Option<(DateTime<Utc>, Command)> {
        Some((*due, Command::Remind))
    }
}

/// Owes nothing but timers.
pub(crate) struct Nothing;

#[async_trait(?Send)]
impl Executor<Counter> for Nothing {
    async fn run(
        &self,
        _: EffectKey,
        _: DateTime<Utc>,
        _: SourcedHandle<Counter>,
    ) -> Result<Vec<Command>, EffectError> {
        Err(EffectError::new("there are only timers"))
    }
}
