//! The allowed changes of a record, pure.

use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::Request;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::record::{Record, State, VERSION};

/// Why a change does not apply: the record is not what its author believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The directory has no such actor, or it is released.
    #[error("failed to find {actor} in the directory")]
    NotFound {
        /// The actor.
        actor: ActorId,
    },
    /// Another owner or epoch is in force.
    #[error("failed to keep {actor} at epoch {epoch}: the directory has epoch {actual}")]
    Superseded {
        /// The actor.
        actor: ActorId,
        /// What the author believed.
        epoch: u64,
        /// What is in force.
        actual: u64,
    },
    /// It is not in the state that the change starts from.
    #[error("failed to change {actor}: it is {state} now")]
    WrongState {
        /// The actor.
        actor: ActorId,
        /// Its state.
        state: &'static str,
    },
}

impl Record {
    fn moved(&self, state: State, now: DateTime<Utc>, why: String) -> Self {
        Self { state, since: now, why, ..self.clone() }
    }

    fn wrong_state(&self) -> Refusal {
        let state = match self.state {
            State::Queued => "queued",
            State::Reserved { .. } => "reserved",
            State::Active { .. } => "active",
            State::Quarantined { .. } => "quarantined",
            State::Released => "released",
        };
        Refusal::WrongState { actor: self.actor.clone(), state }
    }

    fn superseded(&self, epoch: u64) -> Refusal {
        Refusal::Superseded { actor: self.actor.clone(), epoch, actual: self.epoch }
    }

    /// A new or released or quarantined actor joins the queue; any other stays as it is.
    pub(crate) fn ensure(
        before: Option<&Self>,
        actor: &ActorId,
        request: &Request,
        spec: &serde_json::Value,
        now: DateTime<Utc>,
    ) -> Self {
        let epoch = match before {
            None => 0,
            Some(record) => match record.state {
                State::Released | State::Quarantined { .. } => record.epoch,
                _ => return record.clone(),
            },
        };
        Self {
            v: VERSION,
            actor: actor.clone(),
            spec: spec.clone(),
            request: request.clone(),
            state: State::Queued,
            epoch,
            since: now,
            why: "it has just been asked for".to_owned(),
        }
    }

    /// Queued → reserved, with the next epoch.
    pub(crate) fn reserve(
        &self,
        node: &NodeName,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        why: String,
    ) -> Result<Self, Refusal> {
        let State::Queued = self.state else { return Err(self.wrong_state()) };
        let state = State::Reserved { node: node.clone(), until };
        Ok(Self { epoch: self.epoch + 1, ..self.moved(state, now, why) })
    }

    /// Reserved → active, by the reserved node in the reserved epoch.
    pub(crate) fn activate(
        &self,
        node: &NodeName,
        incarnation: Uuid,
        epoch: u64,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        if self.epoch != epoch {
            return Err(self.superseded(epoch));
        }
        match &self.state {
            State::Reserved { node: reserved, .. } if reserved == node => {
                let state = State::Active { node: node.clone(), incarnation };
                Ok(self.moved(state, now, self.why.clone()))
            }
            // The same write, seen again.
            State::Active { node: there, incarnation: boot }
                if there == node && *boot == incarnation =>
            {
                Ok(self.clone())
            }
            _ => Err(self.wrong_state()),
        }
    }

    fn check_owner(&self, incarnation: Uuid, epoch: u64) -> Result<(), Refusal> {
        match &self.state {
            State::Active { incarnation: boot, .. } if *boot == incarnation => {
                if self.epoch == epoch { Ok(()) } else { Err(self.superseded(epoch)) }
            }
            State::Released => Err(Refusal::NotFound { actor: self.actor.clone() }),
            _ => Err(self.superseded(epoch)),
        }
    }

    /// The next epoch of an actor that restarts where it is.
    pub(crate) fn bump(
        &self,
        incarnation: Uuid,
        epoch: u64,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        self.check_owner(incarnation, epoch)?;
        Ok(Self { epoch: self.epoch + 1, since: now, ..self.clone() })
    }

    /// Active → quarantined, by its owner.
    pub(crate) fn quarantine(
        &self,
        incarnation: Uuid,
        epoch: u64,
        now: DateTime<Utc>,
        reason: &str,
    ) -> Result<Self, Refusal> {
        self.check_owner(incarnation, epoch)?;
        let State::Active { node, .. } = &self.state else { return Err(self.wrong_state()) };
        let state = State::Quarantined { node: node.clone(), reason: reason.to_owned() };
        Ok(self.moved(state, now, format!("it kept failing: {reason}")))
    }

    /// Active → released, by its owner: it ended by itself.
    pub(crate) fn finish(
        &self,
        incarnation: Uuid,
        epoch: u64,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        self.check_owner(incarnation, epoch)?;
        Ok(self.moved(State::Released, now, "it ended by itself".to_owned()))
    }

    /// Reserved in this epoch → queued: the node refused it, or did not answer.
    pub(crate) fn requeue_reserved(
        &self,
        epoch: u64,
        now: DateTime<Utc>,
        why: String,
    ) -> Result<Self, Refusal> {
        match self.state {
            State::Reserved { .. } if self.epoch == epoch => {
                Ok(self.moved(State::Queued, now, why))
            }
            State::Reserved { .. } => Err(self.superseded(epoch)),
            State::Queued => Ok(self.clone()),
            _ => Err(self.wrong_state()),
        }
    }

    /// Active on this boot of a node → queued: the boot is over.
    pub(crate) fn requeue_lost(
        &self,
        lost: Uuid,
        now: DateTime<Utc>,
        why: String,
    ) -> Result<Self, Refusal> {
        match self.state {
            State::Active { incarnation, .. } if incarnation == lost => {
                Ok(self.moved(State::Queued, now, why))
            }
            State::Queued => Ok(self.clone()),
            _ => Err(self.wrong_state()),
        }
    }

    /// Any state → released.
    pub(crate) fn release(&self, now: DateTime<Utc>) -> Self {
        match self.state {
            State::Released => self.clone(),
            _ => Self {
                spec: serde_json::Value::Null,
                ..self.moved(State::Released, now, "it was released".to_owned())
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn step(record: &Record, which: u8, epoch: u64) -> Result<Record, Refusal> {
        let node: NodeName =
            if which.is_multiple_of(2) { "a" } else { "b" }.parse().expect("legal");
        let boot = Uuid::from_u128(u128::from(which % 2));
        match which / 2 {
            0 => record.reserve(&node, now(), now(), String::new()),
            1 => record.activate(&node, boot, epoch, now()),
            2 => record.bump(boot, epoch, now()),
            3 if epoch.is_multiple_of(2) => record.requeue_lost(boot, now(), String::new()),
            3 => record.requeue_reserved(record.epoch, now(), String::new()),
            4 => record.quarantine(boot, epoch, now(), "it broke"),
            5 => record.finish(boot, epoch, now()),
            6 => Ok(record.release(now())),
            _ => Ok(Record::ensure(
                Some(record),
                &record.actor,
                &Request::default(),
                &serde_json::Value::Null,
                now(),
            )),
        }
    }

    proptest! {
        #[test]
        fn epochs_never_shrink_and_owners_never_share_one(
            steps in proptest::collection::vec((0_u8..16, 0_u64..6), 0..60),
        ) {
            let actor: ActorId = "agent/a".parse().expect("legal");
            let spec = serde_json::Value::Null;
            let mut record = Record::ensure(None, &actor, &Request::default(), &spec, now());
            let mut owners = std::collections::BTreeMap::new();
            for (which, epoch) in steps {
                let Ok(next) = step(&record, which, epoch) else { continue };
                prop_assert!(next.epoch >= record.epoch);
                if let (State::Active { incarnation, .. }, State::Reserved { .. }) =
                    (&next.state, &record.state)
                {
                    prop_assert!(!owners.contains_key(&next.epoch), "a fresh epoch per activation");
                    owners.insert(next.epoch, *incarnation);
                }
                if let State::Active { incarnation, .. } = next.state {
                    let owner = owners.entry(next.epoch).or_insert(incarnation);
                    prop_assert_eq!(*owner, incarnation);
                }
                record = next;
            }
        }
    }

    #[test]
    fn only_the_reserved_node_activates() {
        let actor: ActorId = "agent/a".parse().expect("legal");
        let (a, b): (NodeName, NodeName) =
            ("a".parse().expect("legal"), "b".parse().expect("legal"));
        let spec = serde_json::Value::Null;
        let queued = Record::ensure(None, &actor, &Request::default(), &spec, now());
        let reserved = queued.reserve(&a, now(), now(), String::new()).expect("it was queued");
        let boot = Uuid::from_u128(1);
        assert!(reserved.activate(&b, boot, 1, now()).is_err());
        assert!(reserved.activate(&a, boot, 0, now()).is_err());
        assert!(reserved.activate(&a, boot, 1, now()).is_ok());
    }
}
