//! One event-sourced entity with its log, as the shell runs it, and the checks of each decision.

use std::collections::BTreeMap;

use callboard_domain::{Ctx, EffectKey, Entity, record};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Splitmix64: small, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn percent(&mut self, p: u64) -> bool {
        self.below(100) < p
    }

    pub(crate) fn ctx(&mut self, now: DateTime<Utc>, epoch: u64) -> Ctx {
        let seed = Uuid::from_u64_pair(self.next(), self.next());
        Ctx::new(now, epoch, "n1", 0.5, seed)
    }
}

pub(crate) struct Node<E: Entity> {
    pub(crate) state: E::State,
    pub(crate) log: Vec<E::Event>,
    pub(crate) epoch: u64,
    /// The running effects by key; the number tells runs apart.
    pub(crate) running: BTreeMap<EffectKey, (E::Effect, u64)>,
    pub(crate) is_gone: bool,
}

/// A run that was just begun.
pub(crate) struct Begun<E: Entity> {
    pub(crate) key: EffectKey,
    pub(crate) effect: E::Effect,
    pub(crate) run: u64,
}

impl<E: Entity> Node<E> {
    pub(crate) fn new() -> Self {
        Self {
            state: E::State::default(),
            log: Vec::new(),
            epoch: 0,
            running: BTreeMap::new(),
            is_gone: false,
        }
    }

    /// A new incarnation: nothing runs, everything owed is run again.
    pub(crate) fn activate(&mut self, rng: &mut Rng, now: DateTime<Utc>) {
        self.epoch += 1;
        self.running.clear();
        let mut ctx = rng.ctx(now, self.epoch);
        let event = E::activated(&self.state, &mut ctx);
        self.store(event, &mut |_, _| {});
    }

    fn store(&mut self, event: E::Event, see: &mut dyn FnMut(&E::State, &E::Event)) {
        E::apply(&mut self.state, &event);
        see(&self.state, &event);
        self.log.push(event);
    }

    /// Decides and applies; sometimes decides twice to see the same.
    pub(crate) fn command(
        &mut self,
        command: E::Command,
        rng: &mut Rng,
        now: DateTime<Utc>,
        see: &mut dyn FnMut(&E::State, &E::Event),
    ) -> Result<(), E::Rejection> {
        let mut ctx = rng.ctx(now, self.epoch);
        let twice =
            rng.percent(5).then(|| E::decide(&self.state, command.clone(), &mut ctx.clone()));
        let events = E::decide(&self.state, command, &mut ctx);
        if let Some(again) = twice {
            assert_eq!(format!("{events:?}"), format!("{again:?}"), "decisions are deterministic");
        }
        for event in events? {
            self.store(event, see);
        }
        Ok(())
    }

    /// What the shell does after each commit: drops what is no longer owed, begins what is new.
    pub(crate) fn reconcile(&mut self, n_runs: &mut u64) -> Vec<Begun<E>> {
        let wanted = E::outbox(&self.state);
        self.running.retain(|key, (effect, _)| wanted.get(key) == Some(effect));
        let mut begun = Vec::new();
        for (key, effect) in wanted {
            if !self.running.contains_key(key) {
                *n_runs += 1;
                self.running.insert(key.clone(), (effect.clone(), *n_runs));
                begun.push(Begun { key: key.clone(), effect: effect.clone(), run: *n_runs });
            }
        }
        begun
    }

    pub(crate) fn is_current(&self, key: &EffectKey, run: u64) -> bool {
        !self.is_gone && self.running.get(key).is_some_and(|(_, present)| *present == run)
    }

    /// The same events, through their stored form, give the same state; so does a snapshot.
    pub(crate) fn check_replay(&self)
    where
        E::State: PartialEq + std::fmt::Debug,
    {
        let mut replayed = E::State::default();
        let half = self.log.len() / 2;
        for (idx, event) in self.log.iter().enumerate() {
            let bytes =
                record::encode::<E>(std::slice::from_ref(event)).expect("it has a JSON form");
            for event in record::decode::<E>(&bytes).expect("it reads back") {
                E::apply(&mut replayed, &event);
            }
            if idx == half {
                let json = serde_json::to_vec(&replayed).expect("a state has a JSON form");
                replayed = serde_json::from_slice(&json).expect("a snapshot reads back");
            }
        }
        assert_eq!(replayed, self.state, "replay gives the same state");
    }
}
