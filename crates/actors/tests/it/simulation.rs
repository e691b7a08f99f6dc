//! Event-sourced actors under a supervisor, while the substrate loses, delays, refuses and forgets.

use std::sync::Arc;
use std::time::Duration;

use callboard_actors::sourced::{CommandError, Launcher, LoggedAlerts, Sourced};
use callboard_actors::supervisor::{Config, Tools};
use callboard_actors::{ChildSpec, Report, Restart, Spawner, SupervisorSpec};
use callboard_substrate::Substrate;
use callboard_substrate_memory::{Delay, MemorySubstrate, Plan};

use crate::common::{Command, Counter, Doer, Owed, SOON, State, TestClock, simulate};

const N_COMMANDS: u32 = 40;
const NAMES: [&str; 3] = ["a", "b", "c"];

fn faults() -> Plan {
    Plan {
        log: Delay::millis(0, 20),
        blobs: Delay::millis(0, 20),
        not_written: 0.05,
        lost_ack: 0.05,
        ghost_write: 0.05,
        ghost_delay: Delay::millis(0, 2_000),
        stale_read: 0.1,
        stale_n_max: 3,
        ..Plan::default()
    }
}

struct Parts {
    clock: Arc<TestClock>,
    doer: Arc<Doer>,
}

impl Parts {
    fn counter(&self, substrate: &Substrate, name: &str, epoch: u64) -> Launcher<Counter> {
        Sourced {
            id: format!("agent/{name}").parse().expect("legal"),
            epoch,
            node: "n1".to_owned(),
            log: substrate.log.clone(),
            blobs: substrate.blobs.clone(),
            clock: self.clock.clone(),
            alerts: Arc::new(LoggedAlerts),
            executor: self.doer.clone(),
            cfg: callboard_actors::sourced::Config {
                n_snapshot_events: 10,
                ..callboard_actors::sourced::Config::default()
            },
        }
        .launcher()
    }
}

/// Sends every command until it is acknowledged, as a client with stable ids does.
async fn insist(actor: &Launcher<Counter>, command: Command) {
    loop {
        match actor.handle().ask(command.clone(), Duration::from_secs(5)).await {
            Ok(_) => return,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn drive(actor: Launcher<Counter>) {
    for id in 0..N_COMMANDS {
        insist(&actor, Command::Add { id, n: 1 }).await;
        if id % 10 == 0 {
            let owed = Owed::Work(u64::from(id));
            insist(&actor, Command::Owe { key: format!("o{id}"), owed }).await;
        }
    }
}

/// The state as a new owner finds it.
async fn reopened(actor: &Launcher<Counter>) -> State {
    let (report, mut watch) = Report::watched();
    actor.launch(&Spawner::Current, report);
    watch.started().await.expect("the faults are over");
    actor.handle().state(SOON).await.expect("a state")
}

async fn run(seed: u64) -> Vec<State> {
    let cluster = MemorySubstrate::new(callboard_substrate_memory::Config::default(), seed);
    cluster.faults().set_plan(faults());
    let substrate = cluster.client("n1");
    let parts = Parts { clock: TestClock::new(), doer: Arc::default() };
    let actors = NAMES.map(|name| parts.counter(&substrate, name, 1));
    let children =
        actors.iter().map(|actor| ChildSpec::sourced(actor, Restart::Permanent)).collect();
    let tools = Tools::new(Spawner::Current, parts.clock.clone(), Arc::new(LoggedAlerts));
    // The substrate is broken here, not the actors: they are given more chances than usual.
    let cfg = Config { n_restarts_max: 1_000, ..Config::pool() };
    let _watch = SupervisorSpec::new("top", cfg, tools, children).start(&Spawner::Current);
    futures_util::future::join_all(actors.clone().map(drive)).await;

    cluster.faults().set_plan(Plan::default());
    let mut states = Vec::new();
    for (name, old) in NAMES.into_iter().zip(actors) {
        let new = parts.counter(&substrate, name, 2);
        states.push(reopened(&new).await);
        let asked = old.handle().ask(Command::Add { id: N_COMMANDS, n: 1 }, SOON).await;
        assert_eq!(asked, Err(CommandError::Fenced { by_epoch: 2 }));
        new.handle().kill();
    }
    assert!(cluster.faults().counts().n_acks_lost > 0, "something was tested");
    states
}

#[test]
fn what_is_acknowledged_takes_effect_exactly_once() {
    for seed in 0..20 {
        let states = simulate(run(seed));
        for state in states {
            let mut seen = state.seen.clone();
            seen.sort_unstable();
            assert_eq!(seen, (0..N_COMMANDS).collect::<Vec<_>>(), "seed {seed}");
            assert_eq!(state.sum, u64::from(N_COMMANDS), "seed {seed}");
            for key in ["o0", "o10", "o20", "o30"] {
                assert!(state.fired.iter().any(|fired| fired == key), "seed {seed}: {key}");
            }
        }
    }
}

#[test]
fn same_seed_gives_the_same_run() {
    assert_eq!(simulate(run(7)), simulate(run(7)));
}
