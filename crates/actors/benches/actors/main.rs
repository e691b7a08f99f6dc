//! Actors against their baselines in the same run. Prints `ratio <name> <value>` and the figures
//! behind it; `cargo bench -p callboard-actors`, with `-- tell`, `recovery` or `idle` only that one.
//!
//! * `tell_local`: told messages per second over plain actix's `try_send` (at least 0.8 wanted).
//! * `recovery_1000`: starting an actor with 1,000 events over a bare replay of them (at most 2).
//! * `idle_10000_mib`: memory of 10,000 idle event-sourced actors (at most 200).

mod counter;

use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use callboard_actors::sourced::{Config, Launcher, LoggedAlerts, Sourced};
use callboard_actors::{Behaviour, ExitReason, Handle, Report, Spawner, launch, mailbox};
use callboard_domain::{Entity, record};
use callboard_stdx::clock::SystemClock;
use callboard_substrate::log::Version;
use callboard_substrate::name::Stream;
use callboard_substrate::{Substrate, seal};
use callboard_substrate_memory::MemorySubstrate;
use counter::{Command, Counter, Nothing, State};
use tokio::time::Instant;

const N_TELLS: u64 = 2_000_000;
const N_ROUNDS: usize = 7;
const N_EVENTS: u32 = 1_000;
const N_ACTORS: usize = 10_000;
const SOON: Duration = Duration::from_secs(60);

#[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
fn report(kind: &str, name: &str, value: f64) {
    println!("{kind} {name} {value:.3}");
}

fn main() {
    let system = actix::System::new();
    system.block_on(async {
        let wanted = std::env::args().nth(1).unwrap_or_default();
        let is_wanted = |name| wanted.starts_with("--") || wanted.is_empty() || wanted == name;
        if is_wanted("tell") {
            bench_tell().await;
        }
        if is_wanted("recovery") {
            bench_recovery().await;
        }
        if is_wanted("idle") {
            bench_idle().await;
        }
    });
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[derive(actix::Message)]
#[rtype(result = "()")]
struct Count(u64);

struct PlainActix {
    sum: u64,
    n: u64,
    done: Option<tokio::sync::oneshot::Sender<u64>>,
}

impl PlainActix {
    fn count(&mut self, by: u64) {
        self.sum += by;
        self.n += 1;
        if self.n == N_TELLS
            && let Some(done) = self.done.take()
        {
            done.send(self.sum).expect("the bench waits for it");
        }
    }
}

impl Actor for PlainActix {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
    }
}

impl actix::Handler<Count> for PlainActix {
    type Result = ();

    fn handle(&mut self, Count(by): Count, _: &mut Self::Context) {
        self.count(by);
    }
}

impl Behaviour for PlainActix {
    type Message = Count;

    async fn handle(&mut self, Count(by): Count, _: &Handle<Count>) -> Result<(), ExitReason> {
        self.count(by);
        Ok(())
    }
}

/// Tells per second; a full mailbox makes the sender yield.
async fn tells(mut tell: impl FnMut() -> bool, done: tokio::sync::oneshot::Receiver<u64>) -> f64 {
    let began = Instant::now();
    let mut n_told = 0;
    while n_told < N_TELLS {
        match tell() {
            true => n_told += 1,
            false => tokio::task::yield_now().await,
        }
    }
    done.await.expect("all are counted");
    N_TELLS as f64 / began.elapsed().as_secs_f64()
}

fn counting() -> (PlainActix, tokio::sync::oneshot::Receiver<u64>) {
    let (tx, rx) = tokio::sync::oneshot::channel();
    (PlainActix { sum: 0, n: 0, done: Some(tx) }, rx)
}

async fn bench_tell() {
    let (mut plain, mut ours, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..N_ROUNDS {
        let (actor, done) = counting();
        let addr = actor.start();
        tokio::task::yield_now().await;
        let base = tells(|| addr.try_send(Count(1)).is_ok(), done).await;

        let (actor, done) = counting();
        let handle = Handle::new("counter", mailbox::Config::default());
        launch(&Spawner::Current, &handle, Report::ignored(), move || actor);
        tokio::task::yield_now().await;
        let told = tells(|| handle.tell(Count(1)).is_ok(), done).await;
        handle.stop();
        plain.push(base);
        ours.push(told);
        ratios.push(told / base);
    }
    report("figure", "tell_plain_actix_per_s", median(plain));
    report("figure", "tell_local_per_s", median(ours));
    report("ratio", "tell_local", median(ratios));
}

fn launcher(substrate: &Substrate, name: &str, cfg: Config) -> Launcher<Counter> {
    Sourced {
        id: format!("agent/{name}").parse().expect("a legal name"),
        epoch: 1,
        node: "n1".to_owned(),
        log: substrate.log.clone(),
        blobs: substrate.blobs.clone(),
        clock: Arc::new(SystemClock),
        alerts: Arc::new(LoggedAlerts),
        executor: Arc::new(Nothing),
        cfg,
    }
    .launcher()
}

async fn bare_replay(substrate: &Substrate, stream: &Stream) -> State {
    let mut state = State::default();
    let mut after = Version::EMPTY;
    loop {
        let batch = substrate.log.read(stream, after, 512).await.expect("it is in memory");
        for stored in &batch {
            let sealed = seal::open(&stored.bytes).expect("sealed above");
            for event in record::decode::<Counter>(sealed.body).expect("stored above") {
                Counter::apply(&mut state, &event);
            }
            after = stored.version;
        }
        if batch.len() < 512 {
            return state;
        }
    }
}

async fn bench_recovery() {
    let substrate = MemorySubstrate::new(callboard_substrate_memory::Config::default(), 1);
    let substrate = substrate.client("n1");
    // No snapshot helps: every event is replayed.
    let cfg = Config { n_snapshot_events: u64::MAX, ..Config::default() };
    let actor = launcher(&substrate, "a", cfg);
    let (life, _watch) = Report::watched();
    actor.launch(&Spawner::Current, life);
    for id in 0..N_EVENTS {
        let command = Command::Add { id, text: "what an agent said in this turn".repeat(4) };
        actor.handle().ask(command, SOON).await.expect("done");
    }
    actor.handle().kill();
    let stream = Stream::new("agent.a").expect("legal");
    let (mut bare, mut full, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..N_ROUNDS * 5 {
        let began = Instant::now();
        let state = bare_replay(&substrate, &stream).await;
        assert_eq!(state.n_added, N_EVENTS);
        let base = began.elapsed().as_secs_f64();

        let began = Instant::now();
        let (life, mut watch) = Report::watched();
        actor.launch(&Spawner::Current, life);
        watch.started().await.expect("it starts");
        let took = began.elapsed().as_secs_f64();
        actor.handle().kill();
        watch.exited().await;
        bare.push(base * 1e3);
        full.push(took * 1e3);
        ratios.push(took / base);
    }
    report("figure", "replay_1000_bare_ms", median(bare));
    report("figure", "recovery_1000_ms", median(full));
    report("ratio", "recovery_1000", median(ratios));
}

fn resident_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: f64 =
        statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("the second is a number");
    pages * 4_096.0 / f64::from(1 << 20)
}

async fn bench_idle() {
    let substrate = MemorySubstrate::new(callboard_substrate_memory::Config::default(), 1);
    let substrate = substrate.client("n1");
    let before = resident_mib();
    let mut actors = Vec::with_capacity(N_ACTORS);
    for idx in 0..N_ACTORS {
        let actor = launcher(&substrate, &format!("a{idx}"), Config::default());
        let (life, watch) = Report::watched();
        actor.launch(&Spawner::Current, life);
        actors.push((actor, watch));
    }
    for (actor, watch) in &mut actors {
        watch.started().await.expect("it starts");
        let command = Command::Add { id: 1, text: "hello".to_owned() };
        actor.handle().ask(command, SOON).await.expect("done");
        actor.handle().ask(Command::Remind, SOON).await.expect("done");
    }
    report("ratio", "idle_10000_mib", resident_mib() - before);
    drop(actors);
}
