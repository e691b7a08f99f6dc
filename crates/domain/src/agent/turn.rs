//! Texts that a program is given.

use crate::agent::state::{State, Work};
use crate::message::Message;

/// The prompt of the agent's task: the brief, or "go on" for a conversation that knows it already. The
/// conversation itself is no proof: a new one has its name before its first prompt.
pub(super) fn task_text(state: &State, work: &Work) -> String {
    if !work.told {
        return work.brief.text.clone();
    }
    let interrupted = interruption(state);
    if work.forgotten {
        let text = &work.brief.text;
        return format!("{interrupted} Look at what is already there, then go on.\n\n{text}");
    }
    format!("{interrupted} Go on with your task: {}", work.brief.title)
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
