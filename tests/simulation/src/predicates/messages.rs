//! Of messages: once each, forward only, delivered after the effect.

use std::collections::{BTreeMap, BTreeSet};

use callboard_domain::agent::{self, TurnOf};
use callboard_domain::id::{ActorId, MessageId};
use callboard_domain::message::{Event, ReceiptState};
use callboard_domain::{orchestrator, project};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::history::{Body, History};
use crate::predicates::{Violation, broken};
use crate::record::{Kind, SideEffect};

/// The inbox events of every stream, in order.
fn inboxes(history: &History) -> impl Iterator<Item = (&ActorId, Vec<&Event>)> {
    history.streams.iter().map(|(actor, decisions)| {
        let events = decisions.iter().flat_map(|decision| inbox_events(&decision.body));
        (actor, events.collect())
    })
}

fn inbox_events(body: &Body) -> Vec<&Event> {
    match body {
        Body::Orchestrator(events) => {
            let inbox = events.iter().filter_map(|event| match &event.kind {
                orchestrator::EventKind::Inbox { event } => Some(event),
                _ => None,
            });
            inbox.collect()
        }
        Body::Project(events) => {
            let inbox = events.iter().filter_map(|event| match &event.kind {
                project::EventKind::Inbox { event } => Some(event),
                _ => None,
            });
            inbox.collect()
        }
        Body::Agent(events) => {
            let inbox = events.iter().filter_map(|event| match &event.kind {
                agent::EventKind::Inbox { event } => Some(event),
                _ => None,
            });
            inbox.collect()
        }
    }
}

/// How far a state is. A message that nothing proves taken is behind one that is proven.
fn rank(state: ReceiptState) -> u32 {
    match state {
        ReceiptState::Accepted => 0,
        ReceiptState::Routed => 1,
        ReceiptState::Unconfirmed => 2,
        ReceiptState::Delivered => 3,
        ReceiptState::Started => 4,
        ReceiptState::Answered
        | ReceiptState::Refused
        | ReceiptState::Expired
        | ReceiptState::Dead => 5,
    }
}

/// P3 and P4: accepted once, answered once, and every step leads forward.
#[must_use]
pub fn messages(history: &History) -> Vec<Violation> {
    inboxes(history).flat_map(|(actor, events)| of_inbox(actor, &events)).collect()
}

fn of_inbox(actor: &ActorId, events: &[&Event]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut states: BTreeMap<MessageId, ReceiptState> = BTreeMap::new();
    for event in events {
        match event {
            Event::Accepted { message, .. } => {
                if states.insert(message.id, ReceiptState::Accepted).is_some() {
                    let what = format!("{actor} accepted {} twice", message.id);
                    violations.push(broken("P3", what));
                }
            }
            Event::Stepped { id, state, .. } => {
                let before = states.insert(*id, *state);
                let forward = before.is_some_and(|before| rank(*state) > rank(before));
                let promise = if before == Some(*state) && state.is_final() { "P3" } else { "P4" };
                if !forward {
                    let what = format!("{actor}: {id} went from {before:?} to {state:?}");
                    violations.push(broken(promise, what));
                }
            }
        }
    }
    violations
}

/// P4: an agent's receipt says `delivered` only after its program took the prompt.
#[must_use]
pub fn receipts(history: &History, record: &[SideEffect]) -> Vec<Violation> {
    let taken: BTreeMap<Uuid, DateTime<Utc>> = record
        .iter()
        .filter_map(|effect| match &effect.kind {
            Kind::PromptTaken { prompt, .. } => Some((*prompt, effect.at)),
            _ => None,
        })
        .collect();
    history.agents().flat_map(|(actor, events)| of_agent(actor, &events, &taken)).collect()
}

fn of_agent(
    actor: &ActorId,
    events: &[&agent::Event],
    taken: &BTreeMap<Uuid, DateTime<Utc>>,
) -> Vec<Violation> {
    let mut prompts: BTreeMap<MessageId, BTreeSet<Uuid>> = BTreeMap::new();
    let mut violations = Vec::new();
    for event in events {
        match &event.kind {
            agent::EventKind::Prompted { prompt, of: TurnOf::Message(id), .. } => {
                prompts.entry(*id).or_default().insert(*prompt);
            }
            agent::EventKind::Inbox {
                event: Event::Stepped { id, state: ReceiptState::Delivered, at, .. },
            } => {
                let of = prompts.get(id).into_iter().flatten();
                if !of.filter_map(|prompt| taken.get(prompt)).any(|taken| taken <= at) {
                    let what = format!("{actor}: {id} was delivered before any program had it");
                    violations.push(broken("P4", what));
                }
            }
            _ => {}
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Decision;
    use crate::scenario;

    fn id() -> MessageId {
        MessageId(Uuid::from_u128(1))
    }

    fn accepted() -> Event {
        let message = scenario::message(&mut crate::dice::Dice::new(1), id().0);
        Event::Accepted { message, at: DateTime::UNIX_EPOCH, node: "n".to_owned() }
    }

    fn stepped(state: ReceiptState) -> Event {
        let (at, node) = (DateTime::UNIX_EPOCH, "n".to_owned());
        Event::Stepped { id: id(), state, answer: None, at, node }
    }

    fn history(kinds: Vec<agent::EventKind>) -> History {
        let at = DateTime::UNIX_EPOCH;
        let events = kinds.into_iter().map(|kind| agent::Event { at, kind }).collect();
        let decision = Decision { index: 1, epoch: 1, body: Body::Agent(events) };
        let actor: ActorId = "agent/a".parse().expect("legal");
        History { streams: [(actor, vec![decision])].into() }
    }

    fn inbox(events: Vec<Event>) -> History {
        history(events.into_iter().map(|event| agent::EventKind::Inbox { event }).collect())
    }

    #[test]
    fn message_that_is_taken_or_answered_twice_is_seen() {
        use ReceiptState::{Answered, Delivered, Routed, Started};
        let steps = [Routed, Delivered, Started, Answered].map(stepped);
        let good: Vec<_> = std::iter::once(accepted()).chain(steps).collect();
        assert_eq!(messages(&inbox(good.clone())), []);
        let twice = [good.clone(), vec![stepped(Answered)]].concat();
        assert_eq!(messages(&inbox(twice))[0].promise, "P3");
        let again = [good, vec![accepted()]].concat();
        assert_eq!(messages(&inbox(again))[0].promise, "P3");
    }

    #[test]
    fn receipt_that_goes_back_is_seen() {
        let back = vec![accepted(), stepped(ReceiptState::Started), stepped(ReceiptState::Routed)];
        assert_eq!(messages(&inbox(back))[0].promise, "P4");
    }

    #[test]
    fn delivery_before_its_effect_is_seen() {
        let prompt = Uuid::from_u128(7);
        let of = TurnOf::Message(id());
        let history = history(vec![
            agent::EventKind::Prompted { prompt, of, text: String::new() },
            agent::EventKind::Inbox { event: stepped(ReceiptState::Delivered) },
        ]);
        assert_eq!(receipts(&history, &[])[0].promise, "P4");
        let kind = Kind::PromptTaken { agent: "a".parse().expect("legal"), epoch: 1, prompt };
        let taken = SideEffect { at: DateTime::UNIX_EPOCH, boot: 1, kind };
        assert_eq!(receipts(&history, &[taken]), []);
    }
}
