//! Texts that a program is given.

use crate::agent::state::{State, Work};
use crate::message::Message;

/// The prompt of the agent's task: the brief, or "go on" for a program that knows it already.
pub(super) fn task_text(state: &State, work: &Work) -> String {
    if !work.told {
        return work.brief.text.clone();
    }
    let interrupted = interruption(state);
    if state.session.is_some() {
        return format!("{interrupted} Go on with your task: {}", work.brief.title);
    }
    format!("{interrupted} Look at what is already there, then go on.\n\n{}", work.brief.text)
}

/// The prompt of a message.
pub(super) fn message_text(state: &State, message: &Message, started: bool) -> String {
    if !started {
        return message.text.clone();
    }
    format!("{} Answer this message: {}", interruption(state), message.text)
}

fn interruption(state: &State) -> String {
    let unknown = match &state.in_flight {
        Some(step) => {
            format!(" The outcome of this step is unknown, check whether it took effect: {step}.")
        }
        None => String::new(),
    };
    format!("You were interrupted and started again; your files are as you left them.{unknown}")
}
