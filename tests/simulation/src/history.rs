//! What the log says: every stream's commits, opened, decoded and folded.

use std::collections::BTreeMap;

use callboard_domain::agent::{self, Agent};
use callboard_domain::id::ActorId;
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use callboard_domain::{Entity, record};
use callboard_substrate::log::Stored;
use callboard_substrate::seal::{self, Chain};

/// The events of one commit, by the kind of the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Of the orchestrator.
    Orchestrator(Vec<orchestrator::Event>),
    /// Of a project.
    Project(Vec<project::Event>),
    /// Of an agent.
    Agent(Vec<agent::Event>),
}

/// One stored decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Its place in its stream, from 1.
    pub index: u64,
    /// The epoch of the incarnation that decided it.
    pub epoch: u64,
    /// What was decided.
    pub body: Body,
}

/// The log, by stream, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Every stream.
    pub streams: BTreeMap<ActorId, Vec<Decision>>,
}

/// A log that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to follow stream {stream}: {reason}")]
pub struct Unreadable {
    /// The stream.
    pub stream: String,
    /// What is wrong with it.
    pub reason: String,
}

impl History {
    /// Opens a whole log, and verifies the chain of every stream.
    ///
    /// # Errors
    /// The first commit that does not follow the one before it.
    pub fn open(log: &[Stored]) -> Result<Self, Unreadable> {
        let mut chains: BTreeMap<ActorId, Chain> = BTreeMap::new();
        let mut history = Self::default();
        for stored in log {
            let stream = stored.stream.to_string();
            let bad = |reason: String| Unreadable { stream: stream.clone(), reason };
            let actor = ActorId::from_stream(&stream).ok_or_else(|| bad("no actor".to_owned()))?;
            let sealed = seal::open(&stored.bytes).map_err(|error| bad(error.to_string()))?;
            let chain = chains.entry(actor.clone()).or_default();
            chain.check(&sealed, &stored.bytes).map_err(|error| bad(error.to_string()))?;
            let body = decode(&actor, sealed.body).map_err(bad)?;
            let (index, epoch) = (sealed.header.index, sealed.header.epoch);
            history.streams.entry(actor).or_default().push(Decision { index, epoch, body });
        }
        Ok(history)
    }

    /// The decisions of one stream.
    #[must_use]
    pub fn of(&self, actor: &ActorId) -> &[Decision] {
        self.streams.get(actor).map_or(&[], Vec::as_slice)
    }

    /// Every agent's events, in order.
    pub fn agents(&self) -> impl Iterator<Item = (&ActorId, Vec<&agent::Event>)> {
        self.streams.iter().filter_map(|(actor, decisions)| match actor {
            ActorId::Agent(_) => Some((actor, agent_events(decisions))),
            _ => None,
        })
    }

    /// Every project's events, in order.
    pub fn projects(&self) -> impl Iterator<Item = (&ActorId, Vec<&project::Event>)> {
        self.streams.iter().filter_map(|(actor, decisions)| match actor {
            ActorId::Project(_) => Some((actor, project_events(decisions))),
            _ => None,
        })
    }
}

/// Reads the events of a commit.
///
/// # Errors
/// Why they cannot be understood.
pub fn decode(actor: &ActorId, body: &[u8]) -> Result<Body, String> {
    let decoded = match actor {
        ActorId::Orchestrator => record::decode::<Orchestrator>(body).map(Body::Orchestrator),
        ActorId::Project(_) => record::decode::<Project>(body).map(Body::Project),
        ActorId::Agent(_) => record::decode::<Agent>(body).map(Body::Agent),
        ActorId::Placement | ActorId::Node(_) => return Err("it has no events".to_owned()),
    };
    decoded.map_err(|error| error.to_string())
}

fn agent_events(decisions: &[Decision]) -> Vec<&agent::Event> {
    let events = decisions.iter().flat_map(|decision| match &decision.body {
        Body::Agent(events) => events.as_slice(),
        _ => &[],
    });
    events.collect()
}

fn project_events(decisions: &[Decision]) -> Vec<&project::Event> {
    let events = decisions.iter().flat_map(|decision| match &decision.body {
        Body::Project(events) => events.as_slice(),
        _ => &[],
    });
    events.collect()
}

/// What the events fold into.
pub fn fold<'e, E: Entity>(events: impl IntoIterator<Item = &'e E::Event>) -> E::State {
    let mut state = E::State::default();
    for event in events {
        E::apply(&mut state, event);
    }
    state
}
