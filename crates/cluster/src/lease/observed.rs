//! The observed lease, pure: what to do next, and whether this node may act now.
//!
//! Time is this node's own monotonic time since its start; it is never compared with another's.
//!
//! Properties (held by the tests below under delays, losses, ghost writes and clock rates ±20 %):
//! * at no moment two nodes believe that they may act;
//! * each change of holder has a new, larger epoch;
//! * without faults, a lease whose holder is gone is taken over.

use std::time::Duration;

use callboard_domain::id::NodeName;
use callboard_substrate::kv::Revision;
use uuid::Uuid;

use super::config::{Config, Mode};
use super::record::Record;

/// What the shell does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nothing: the lease is held, and does not run out.
    Rest,
    /// Read the record, and hand the answer to [`Observed::read`].
    Read,
    /// Write the record (`at` `None` creates it), and hand the outcome to [`Observed::wrote`].
    Write {
        /// The revision that it must be at.
        at: Option<Revision>,
        /// What to write.
        record: Record,
    },
}

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// The record at its revision; `None` where there is none.
    Found(Option<(Revision, Record)>),
    /// The read failed, or was not answered in time.
    Failed,
}

/// What a write came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// It is written.
    At(Revision),
    /// It is not, or nobody knows: read before anything else.
    NotKnown,
}

#[derive(Debug, Clone)]
struct Seen {
    revision: Revision,
    record: Record,
    /// When an answer first showed this revision.
    first_seen: Duration,
}

#[derive(Debug, Clone)]
struct Held {
    revision: Revision,
    record: Record,
    /// When the last successful write was sent.
    sent: Duration,
}

/// One node's view of one lease.
#[derive(Debug, Clone)]
pub struct Observed {
    cfg: Config,
    me: NodeName,
    incarnation: Uuid,
    seen: Option<Seen>,
    held: Option<Held>,
    /// A read has told what there is since the last uncertain moment.
    certain: bool,
    /// What the last read found, when it is to be acted on: no record at all.
    vacant: bool,
    /// The last successful read was sent then.
    read_sent: Option<Duration>,
    /// The detector declared this boot dead.
    dead: Option<Uuid>,
}

impl Observed {
    /// A node that has seen nothing yet.
    #[must_use]
    pub fn new(cfg: Config, me: NodeName, incarnation: Uuid) -> Self {
        Self {
            cfg,
            me,
            incarnation,
            seen: None,
            held: None,
            certain: false,
            vacant: false,
            read_sent: None,
            dead: None,
        }
    }

    /// The epoch in which this node may act at `now`, if it may.
    #[must_use]
    pub fn valid(&self, now: Duration) -> Option<u64> {
        let held = self.held.as_ref()?;
        self.deadline().is_none_or(|deadline| now < deadline).then_some(held.record.epoch)
    }

    /// Until when this node may act without another success; `None` where it does not hold the
    /// lease, or holds it without an end.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match (self.cfg.mode, &self.held) {
            (Mode::Observed, Some(held)) => Some(held.sent + self.cfg.deadline()),
            _ => None,
        }
    }

    /// The holder and epoch as last seen, whoever it is.
    #[must_use]
    pub fn holder(&self) -> Option<(&NodeName, u64)> {
        let record = match (&self.held, &self.seen) {
            (Some(held), _) => &held.record,
            (None, Some(seen)) => &seen.record,
            (None, None) => return None,
        };
        (!record.released).then_some((&record.holder, record.epoch))
    }

    /// The detector says that this boot of a node is dead.
    pub fn declared_dead(&mut self, incarnation: Uuid) {
        self.dead = Some(incarnation);
    }

    /// What to do now; the shell calls it every renewal interval, and again after each answer that
    /// makes another act possible.
    #[must_use]
    pub fn next(&self) -> Act {
        if let Some(held) = &self.held
            && self.certain
        {
            if self.cfg.mode == Mode::Exclusive {
                return Act::Rest;
            }
            return Act::Write { at: Some(held.revision), record: held.record.renewed() };
        }
        if self.certain && self.vacant {
            return Act::Write { at: None, record: Record::first(&self.me, self.incarnation) };
        }
        match &self.seen {
            Some(seen) if self.certain && self.may_take(seen) => Act::Write {
                at: Some(seen.revision),
                record: seen.record.taken_by(&self.me, self.incarnation),
            },
            _ => Act::Read,
        }
    }

    /// The write that gives the singleton a new epoch for a restart on this node.
    #[must_use]
    pub fn bump(&self) -> Option<Act> {
        let held = self.held.as_ref().filter(|_| self.certain)?;
        Some(Act::Write { at: Some(held.revision), record: held.record.next_epoch() })
    }

    /// The write that gives the lease up.
    #[must_use]
    pub fn release(&self) -> Option<Act> {
        let held = self.held.as_ref().filter(|_| self.certain)?;
        Some(Act::Write { at: Some(held.revision), record: held.record.given_up() })
    }

    fn may_take(&self, seen: &Seen) -> bool {
        let free = seen.record.released || self.is_mine(&seen.record);
        if free || self.dead == Some(seen.record.incarnation) {
            return true;
        }
        match (self.cfg.mode, self.read_sent) {
            (Mode::Exclusive, _) => true,
            // Two successful reads, the later sent this long after the earlier was answered.
            (Mode::Observed, Some(sent)) => {
                sent.checked_sub(seen.first_seen).is_some_and(|since| since >= self.cfg.take_over())
            }
            (Mode::Observed, None) => false,
        }
    }

    /// Takes the answer to a read that was sent at `sent` and answered at `now`.
    pub fn read(&mut self, sent: Duration, now: Duration, read: Read) {
        let Read::Found(found) = read else {
            self.certain = false;
            return;
        };
        self.certain = true;
        self.read_sent = Some(sent);
        let Some((revision, record)) = found else {
            self.vacant = true;
            self.held = None;
            return;
        };
        self.vacant = false;
        match self.held.take() {
            // Still mine: a write whose answer was lost, or a pause. It is renewed in its epoch; the
            // deadline moves only with a write that succeeded.
            Some(held) if self.is_mine(&record) && record.epoch == held.record.epoch => {
                self.held = Some(Held { revision, record: record.clone(), ..held });
            }
            _ => {}
        }
        if self.seen.as_ref().is_none_or(|seen| seen.revision != revision) {
            self.seen = Some(Seen { revision, record, first_seen: now });
        }
    }

    /// Takes the outcome of the write `record` that was sent at `sent` and answered at `now`.
    pub fn wrote(&mut self, sent: Duration, now: Duration, record: Record, wrote: Wrote) {
        let Wrote::At(revision) = wrote else {
            self.certain = false;
            return;
        };
        self.certain = true;
        self.vacant = false;
        self.seen = Some(Seen { revision, record: record.clone(), first_seen: now });
        self.held = (!record.released).then_some(Held { revision, record, sent });
    }

    fn is_mine(&self, record: &Record) -> bool {
        !record.released && record.holder == self.me && record.incarnation == self.incarnation
    }
}

#[cfg(test)]
mod tests;
