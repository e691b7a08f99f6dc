//! A register with delays, losses and ghost writes, and three nodes with clocks of their own.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What is under way to or from the register.
#[derive(Debug)]
enum Flight {
    ToRegister { node: usize, sent: Duration, act: Act, lost_answer: bool },
    ReadAnswer { node: usize, sent: Duration, read: Read },
    WriteAnswer { node: usize, sent: Duration, record: Record, wrote: Wrote },
}

struct Node {
    lease: Observed,
    /// Own milliseconds per 1,000 true ones.
    rate: u64,
    waiting: bool,
    alive: bool,
}

struct World {
    now: u64,
    nodes: Vec<Node>,
    register: Option<(Revision, Record)>,
    flights: BTreeMap<(u64, u64), Flight>,
    n_flights: u64,
    epochs: BTreeMap<u64, Uuid>,
}

impl World {
    fn new(rates: &[u64]) -> Self {
        let nodes = rates.iter().enumerate().map(|(idx, &rate)| {
            let cfg = Config { mode: Mode::Observed, ..Config::default() };
            let name = format!("n{idx}").parse().expect("legal");
            let lease = Observed::new(cfg, name, Uuid::from_u128(idx as u128));
            Node { lease, rate, waiting: false, alive: true }
        });
        Self {
            now: 0,
            nodes: nodes.collect(),
            register: None,
            flights: BTreeMap::new(),
            n_flights: 0,
            epochs: BTreeMap::new(),
        }
    }

    fn own(&self, node: usize) -> Duration {
        ms(self.now * self.nodes[node].rate / 1_000)
    }

    fn fly(&mut self, delay: u64, flight: Flight) {
        self.n_flights += 1;
        self.flights.insert((self.now + delay, self.n_flights), flight);
    }

    /// A node's turn: it sends what its lease says, unless it still waits for an answer.
    fn turn(&mut self, node: usize, delay: u64, lost: bool, lost_answer: bool) {
        if self.nodes[node].waiting || !self.nodes[node].alive {
            return;
        }
        let (act, sent) = (self.nodes[node].lease.next(), self.own(node));
        if lost || lost_answer {
            self.answer_failed(node, sent, &act);
        } else {
            self.nodes[node].waiting = true;
        }
        if !lost {
            self.fly(delay, Flight::ToRegister { node, sent, act, lost_answer });
        }
    }

    /// The shell gave up waiting; the request may still land later (a ghost write).
    fn answer_failed(&mut self, node: usize, sent: Duration, act: &Act) {
        let now = self.own(node);
        let lease = &mut self.nodes[node].lease;
        match act {
            Act::Rest => {}
            Act::Read => lease.read(sent, now, Read::Failed),
            Act::Write { record, .. } => lease.wrote(sent, now, record.clone(), Wrote::NotKnown),
        }
    }

    fn land(&mut self, delay_back: u64) {
        let Some(((at, _), flight)) = self.flights.pop_first() else { return };
        assert_eq!(at, self.now);
        match flight {
            Flight::ToRegister { node, sent, act, lost_answer } => {
                let answer = self.apply(node, sent, act);
                if !lost_answer {
                    self.fly(delay_back, answer);
                }
            }
            Flight::ReadAnswer { node, sent, read } => {
                let now = self.own(node);
                self.nodes[node].waiting = false;
                self.nodes[node].lease.read(sent, now, read);
            }
            Flight::WriteAnswer { node, sent, record, wrote } => {
                let now = self.own(node);
                self.nodes[node].waiting = false;
                self.nodes[node].lease.wrote(sent, now, record, wrote);
            }
        }
    }

    fn apply(&mut self, node: usize, sent: Duration, act: Act) -> Flight {
        let Act::Write { at, record } = act else {
            return Flight::ReadAnswer { node, sent, read: Read::Found(self.register.clone()) };
        };
        let wrote = if self.register.as_ref().map(|(revision, _)| *revision) == at {
            let revision = Revision(at.map_or(0, |revision| revision.0) + 1);
            let before = self.epochs.insert(record.epoch, record.incarnation);
            assert!(before.is_none_or(|before| before == record.incarnation), "an epoch is shared");
            self.register = Some((revision, record.clone()));
            Wrote::At(revision)
        } else {
            Wrote::NotKnown
        };
        Flight::WriteAnswer { node, sent, record, wrote }
    }

    fn holders(&self) -> Vec<(usize, u64)> {
        let valid = |idx: usize| {
            let node = &self.nodes[idx];
            node.lease.valid(self.own(idx)).filter(|_| node.alive).map(|epoch| (idx, epoch))
        };
        (0..self.nodes.len()).filter_map(valid).collect()
    }

    /// Runs to the next time, landing what lands and checking at each millisecond that matters.
    fn run_until(&mut self, until: u64, delay_back: u64) {
        while let Some((&(at, _), _)) = self.flights.first_key_value()
            && at <= until
        {
            self.now = at;
            self.land(delay_back);
            assert!(self.holders().len() <= 1, "two holders at {at} ms: {:?}", self.holders());
        }
        self.now = until;
        assert!(self.holders().len() <= 1, "two holders at {until} ms: {:?}", self.holders());
    }
}

#[derive(Debug, Clone)]
struct Turn {
    after: u64,
    node: usize,
    delay: u64,
    delay_back: u64,
    lost: bool,
    lost_answer: bool,
}

fn any_turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = (0_u64..700, 0_usize..3, 0_u64..9_000, 0_u64..4_000, 0_u8..10, any::<bool>());
    let turn = turn.prop_map(|(after, node, delay, delay_back, fault, slow)| Turn {
        after,
        node,
        delay: if slow { delay } else { delay % 20 },
        delay_back: if slow { delay_back } else { delay_back % 20 },
        lost: fault == 0,
        lost_answer: fault == 1,
    });
    proptest::collection::vec(turn, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn never_two_valid_holders(
        turns in any_turns(),
        rates in proptest::collection::vec(800_u64..=1_200, 3),
    ) {
        let mut world = World::new(&rates);
        for turn in turns {
            world.run_until(world.now + turn.after, turn.delay_back);
            world.turn(turn.node, turn.delay, turn.lost, turn.lost_answer);
        }
        world.run_until(world.now + 30_000, 1);
    }
}

/// Every node takes its turn once a second, without faults.
fn quiet(world: &mut World, seconds: u64) {
    for _ in 0..seconds * 10 {
        let until = world.now + 100;
        world.run_until(until, 1);
        (0..world.nodes.len()).for_each(|node| world.turn(node, 1, false, false));
    }
}

#[test]
fn dead_holder_is_followed_with_the_next_epoch() {
    let mut world = World::new(&[1_000, 1_000]);
    quiet(&mut world, 3);
    let (first, epoch) = world.holders()[0];
    world.nodes[first].alive = false;
    quiet(&mut world, 9);
    assert!(world.holders().is_empty(), "nobody follows before 10 s");
    quiet(&mut world, 3);
    assert_eq!(world.holders(), [(1 - first, epoch + 1)]);
}

#[test]
fn released_or_dead_lease_is_taken_at_once() {
    let mut world = World::new(&[1_000, 1_000]);
    quiet(&mut world, 3);
    let (first, epoch) = world.holders()[0];
    let dead = world.nodes[first].lease.incarnation;
    world.nodes[first].alive = false;
    world.nodes[1 - first].lease.declared_dead(dead);
    quiet(&mut world, 1);
    assert_eq!(world.holders(), [(1 - first, epoch + 1)]);
}

#[test]
fn holder_that_missed_its_deadline_resumes_in_its_epoch() {
    let mut world = World::new(&[1_000]);
    quiet(&mut world, 2);
    world.run_until(world.now + 7_000, 1);
    assert!(world.holders().is_empty(), "past its deadline it pauses");
    quiet(&mut world, 1);
    assert_eq!(world.holders(), [(0, 1)]);
}

#[test]
fn exclusive_lease_is_taken_at_once_with_a_new_epoch() {
    let cfg = Config::default();
    let mut lease = Observed::new(cfg, "b".parse().expect("legal"), Uuid::from_u128(2));
    let old = Record::first(&"a".parse().expect("legal"), Uuid::from_u128(1));
    lease.read(ms(0), ms(1), Read::Found(Some((Revision(7), old))));
    let Act::Write { at, record } = lease.next() else { panic!("it takes it") };
    assert_eq!((at, record.epoch), (Some(Revision(7)), 2));
    lease.wrote(ms(1), ms(2), record, Wrote::At(Revision(8)));
    assert_eq!(lease.valid(ms(100_000)), Some(2));
}
