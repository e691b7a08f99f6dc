//! What the placement actor remembers: pure, rebuilt from the directory at any time.
//!
//! Invariants: the queue holds exactly the entries that are queued; every entry that is reserved or
//! active on a node that has reported has its claim in the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::{Cluster as Picture, Config, Decision, NodeReport, Priority, Request};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::directory::{Record, State};

/// Where an actor stands, as far as placement cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Queued { since: DateTime<Utc> },
    Reserved { node: NodeName, epoch: u64 },
    Active { node: NodeName, incarnation: Uuid, epoch: u64 },
}

#[derive(Debug)]
struct Entry {
    request: Request,
    phase: Phase,
    /// Why nothing fits, once that was tried.
    why: Option<Arc<str>>,
}

/// An actor that runs on a boot of a node that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) actor: ActorId,
    pub(super) incarnation: Uuid,
}

/// What the placement actor remembers.
#[derive(Debug)]
pub(super) struct Book {
    cfg: Config,
    picture: Picture,
    entries: BTreeMap<ActorId, Entry>,
    queue: BTreeSet<(Priority, DateTime<Utc>, ActorId)>,
}

impl Book {
    pub(super) fn new(cfg: Config) -> Self {
        let (picture, entries, queue) = (Picture::default(), BTreeMap::new(), BTreeSet::new());
        Self { cfg, picture, entries, queue }
    }

    /// Remembers what the directory says of an actor.
    pub(super) fn put(&mut self, record: &Record) {
        self.remove(&record.actor);
        let phase = match &record.state {
            State::Queued => Phase::Queued { since: record.since },
            State::Reserved { node, .. } => {
                Phase::Reserved { node: node.clone(), epoch: record.epoch }
            }
            State::Active { node, incarnation } => {
                Phase::Active { node: node.clone(), incarnation: *incarnation, epoch: record.epoch }
            }
            State::Quarantined { .. } | State::Released => return,
        };
        match &phase {
            Phase::Queued { since } => {
                self.queue.insert((record.request.priority, *since, record.actor.clone()));
            }
            Phase::Reserved { node, .. } | Phase::Active { node, .. } => {
                // A node that has not reported yet: its first report makes up for it.
                drop(self.picture.adopt(&record.actor, node, &record.request));
            }
        }
        let entry = Entry { request: record.request.clone(), phase, why: None };
        self.entries.insert(record.actor.clone(), entry);
    }

    /// Forgets an actor and its claim.
    pub(super) fn remove(&mut self, actor: &ActorId) {
        self.picture.release(actor);
        let Some(entry) = self.entries.remove(actor) else { return };
        if let Phase::Queued { since } = entry.phase {
            self.queue.remove(&(entry.request.priority, since, actor.clone()));
        }
    }

    /// Forgets every actor that is not in `records`, and remembers those that are.
    pub(super) fn load(&mut self, records: &[Record]) {
        let known: Vec<_> = self.entries.keys().cloned().collect();
        known.iter().for_each(|actor| self.remove(actor));
        records.iter().for_each(|record| self.put(record));
    }

    /// Takes a report. What is active on an older boot of that node is lost.
    pub(super) fn report(&mut self, report: NodeReport) -> Vec<Lost> {
        let (name, boot) = (report.name.clone(), report.incarnation);
        let first = self.picture.node(&name).is_none();
        let newer = self.picture.node(&name).is_some_and(|before| before.incarnation != boot);
        self.picture.report(report);
        if !first && !newer {
            return self.lost_on(&name, boot);
        }
        let picture = &mut self.picture;
        for (actor, entry) in &self.entries {
            match &entry.phase {
                Phase::Reserved { node, .. } | Phase::Active { node, .. } if *node == name => {
                    drop(picture.adopt(actor, node, &entry.request));
                }
                _ => {}
            }
        }
        self.lost_on(&name, boot)
    }

    fn lost_on(&self, name: &NodeName, boot: Uuid) -> Vec<Lost> {
        let lost = self.entries.iter().filter_map(|(actor, entry)| match &entry.phase {
            Phase::Active { node, incarnation, .. } if node == name && *incarnation != boot => {
                Some(Lost { actor: actor.clone(), incarnation: *incarnation })
            }
            _ => None,
        });
        lost.collect()
    }

    /// The first of the queue, by priority and then age, that fits somewhere. Those that do not are
    /// given their explanation; a smaller one behind them may go first. `failed` remembers, for one
    /// round of placements in which room only shrinks, which requests fit nowhere.
    pub(super) fn next(
        &mut self,
        seed: u64,
        failed: &mut Vec<(Request, Arc<str>)>,
    ) -> Option<(ActorId, Decision)> {
        for (_, _, actor) in &self.queue {
            let entry = self.entries.get_mut(actor).expect("the queue holds known actors");
            let known = failed.iter().find(|(request, _)| *request == entry.request);
            if let Some((_, why)) = known {
                entry.why = Some(Arc::clone(why));
                continue;
            }
            match self.picture.decide(&entry.request, &self.cfg, seed) {
                Ok(decision) => return Some((actor.clone(), decision)),
                Err(nothing) => {
                    let why: Arc<str> = nothing.to_string().into();
                    entry.why = Some(Arc::clone(&why));
                    failed.push((entry.request.clone(), why));
                }
            }
        }
        None
    }

    /// Where an actor stands.
    pub(super) fn phase(&self, actor: &ActorId) -> Option<&Phase> {
        self.entries.get(actor).map(|entry| &entry.phase)
    }

    /// Why a queued actor fits nowhere, once that was tried.
    pub(super) fn why(&self, actor: &ActorId) -> Option<&str> {
        self.entries.get(actor)?.why.as_deref()
    }

    /// How many wait.
    pub(super) fn n_queued(&self) -> usize {
        self.queue.len()
    }

    /// How many are reserved or active.
    pub(super) fn n_placed(&self) -> usize {
        self.entries.len() - self.queue.len()
    }

    /// Every reservation.
    pub(super) fn reserved(&self) -> Vec<(ActorId, u64)> {
        let reserved = self.entries.iter().filter_map(|(actor, entry)| match entry.phase {
            Phase::Reserved { epoch, .. } => Some((actor.clone(), epoch)),
            _ => None,
        });
        reserved.collect()
    }
}
