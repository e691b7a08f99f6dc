//! Of the log alone: owners follow each other, nothing acknowledged is missing, replay is the truth.

use callboard_domain::Entity;
use callboard_domain::agent::{Agent, EventKind as AgentKind};
use callboard_domain::id::ActorId;
use callboard_domain::message;
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};

use crate::history::{Body, Decision, History, fold};
use crate::person::{Ack, Acknowledged};
use crate::predicates::{Violation, broken};
use crate::snapshot::Left;

/// P1: epochs never go back, and every new one begins with its activation.
#[must_use]
pub fn epochs(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (actor, decisions) in &history.streams {
        let mut last = 0;
        for decision in decisions {
            if decision.epoch < last {
                let (index, epoch) = (decision.index, decision.epoch);
                let what = format!("{actor} at {index}: epoch {epoch} acts after {last}");
                violations.push(broken("P1", what));
            }
            if decision.epoch > last && activation(&decision.body) != Some(decision.epoch) {
                let what = format!("{actor}: epoch {} acts unannounced", decision.epoch);
                violations.push(broken("P1", what));
            }
            last = decision.epoch;
        }
    }
    violations
}

/// The epoch that a commit activates.
fn activation(body: &Body) -> Option<u64> {
    match body {
        Body::Orchestrator(events) => match events.first()?.kind {
            orchestrator::EventKind::Activated { epoch, .. } => Some(epoch),
            _ => None,
        },
        Body::Project(events) => match events.first()?.kind {
            project::EventKind::Activated { epoch, .. } => Some(epoch),
            _ => None,
        },
        Body::Agent(events) => match events.first()?.kind {
            AgentKind::Activated { epoch, .. } => Some(epoch),
            _ => None,
        },
    }
}

/// P2: what was acknowledged is in the log.
#[must_use]
pub fn acknowledged(history: &History, acks: &[Ack]) -> Vec<Violation> {
    let lost = acks
        .iter()
        .filter(|ack| !history.of(&ack.actor).iter().any(|decision| holds(decision, &ack.what)));
    lost.map(|ack| broken("P2", format!("{} acknowledged {:?}", ack.actor, ack.what))).collect()
}

fn holds(decision: &Decision, what: &Acknowledged) -> bool {
    match &decision.body {
        Body::Orchestrator(events) => events.iter().any(|event| match (&event.kind, what) {
            (orchestrator::EventKind::ProjectOpened { spec }, Acknowledged::Opened(id)) => {
                spec.id == *id
            }
            (orchestrator::EventKind::Inbox { event }, what) => is_acceptance(event, what),
            _ => false,
        }),
        Body::Project(events) => events.iter().any(|event| match (&event.kind, what) {
            (project::EventKind::Submitted { id, .. }, Acknowledged::Submitted(wanted)) => {
                id == wanted
            }
            (project::EventKind::Inbox { event }, what) => is_acceptance(event, what),
            _ => false,
        }),
        Body::Agent(events) => events.iter().any(|event| match (&event.kind, what) {
            (AgentKind::ApprovalDecided { id, .. }, Acknowledged::Decided(wanted)) => id == wanted,
            (AgentKind::Inbox { event }, what) => is_acceptance(event, what),
            _ => false,
        }),
    }
}

fn is_acceptance(event: &message::Event, what: &Acknowledged) -> bool {
    match (event, what) {
        (message::Event::Accepted { message, .. }, Acknowledged::Message(id)) => message.id == *id,
        _ => false,
    }
}

/// P10: what an incarnation had in memory when it ended is what its log folds into.
#[must_use]
pub fn snapshots(history: &History, left: &[Left]) -> Vec<Violation> {
    let differs = left.iter().filter(|left| replayed(history, left).as_ref() != Some(&left.state));
    let what = |left: &Left| format!("{} at {} is not what its log says", left.actor, left.index);
    differs.map(|left| broken("P10", what(left))).collect()
}

fn replayed(history: &History, left: &Left) -> Option<serde_json::Value> {
    let decisions = history.of(&left.actor);
    let decisions = decisions.get(..usize::try_from(left.index).ok()?)?;
    let json = match left.actor {
        ActorId::Orchestrator => {
            let events = decisions.iter().flat_map(|decision| match &decision.body {
                Body::Orchestrator(events) => events.as_slice(),
                _ => &[],
            });
            state::<Orchestrator>(events)
        }
        ActorId::Project(_) => {
            let events = decisions.iter().flat_map(|decision| match &decision.body {
                Body::Project(events) => events.as_slice(),
                _ => &[],
            });
            state::<Project>(events)
        }
        ActorId::Agent(_) => {
            let events = decisions.iter().flat_map(|decision| match &decision.body {
                Body::Agent(events) => events.as_slice(),
                _ => &[],
            });
            state::<Agent>(events)
        }
        ActorId::Placement | ActorId::Node(_) => return None,
    };
    json.ok()
}

fn state<'e, E: Entity>(
    events: impl IntoIterator<Item = &'e E::Event>,
) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(fold::<E>(events))
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_domain::agent;
    use chrono::DateTime;
    use uuid::Uuid;

    fn decision(index: u64, epoch: u64, kind: AgentKind) -> Decision {
        let event = agent::Event { at: DateTime::UNIX_EPOCH, kind };
        Decision { index, epoch, body: Body::Agent(vec![event]) }
    }

    fn history(decisions: Vec<Decision>) -> (ActorId, History) {
        let actor: ActorId = "agent/a".parse().expect("legal");
        let streams = [(actor.clone(), decisions)].into();
        (actor, History { streams })
    }

    fn activated(epoch: u64) -> AgentKind {
        AgentKind::Activated { epoch, node: "n".to_owned() }
    }

    #[test]
    fn epoch_that_goes_back_is_seen() {
        let (_, good) = history(vec![
            decision(1, 1, activated(1)),
            decision(2, 1, AgentKind::SeatTold),
            decision(3, 2, activated(2)),
        ]);
        assert_eq!(epochs(&good), []);
        let (_, back) =
            history(vec![decision(1, 2, activated(2)), decision(2, 1, AgentKind::SeatTold)]);
        assert_eq!(epochs(&back).len(), 1);
        let (_, unannounced) = history(vec![decision(1, 1, AgentKind::SeatTold)]);
        assert_eq!(epochs(&unannounced).len(), 1);
    }

    #[test]
    fn lost_acknowledgement_is_seen() {
        let (actor, history) = history(vec![decision(1, 1, activated(1))]);
        let what = Acknowledged::Submitted(Uuid::from_u128(1));
        let acks = [Ack { actor, what }];
        assert_eq!(acknowledged(&history, &acks)[0].promise, "P2");
        assert_eq!(acknowledged(&history, &[]), []);
    }

    #[test]
    fn state_that_is_not_the_fold_is_seen() {
        let (actor, history) = history(vec![decision(1, 1, activated(1))]);
        let events = [agent::Event { at: DateTime::UNIX_EPOCH, kind: activated(1) }];
        let state = state::<Agent>(&events).expect("a JSON form");
        let good = Left { actor: actor.clone(), index: 1, state };
        assert_eq!(snapshots(&history, &[good]), []);
        let bad = Left { actor, index: 1, state: serde_json::Value::Null };
        assert_eq!(snapshots(&history, &[bad])[0].promise, "P10");
    }
}
