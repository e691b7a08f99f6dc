//! A cluster in memory, in virtual time, with actors that do as they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use callboard_actors::{
    Alert, Alerts, Behaviour, ExitReason, Handle, Reply, Report, Spawner, launch, mailbox,
};
use callboard_cluster::config::Config;
use callboard_cluster::report::{Measured, Reports};
use callboard_cluster::{
    ActorFactory, CallError, Callee, Cluster, NodeInfo, Placed, Setup, StartError, Started,
};
use callboard_domain::id::ActorId;
use callboard_placement::{Cpu, Memory, Protocols, Request};
use callboard_stdx::clock::Clock;
use callboard_substrate_memory::MemorySubstrate;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Runs a test on one thread, in virtual time.
pub(crate) fn simulate<T>(test: impl Future<Output = T>) -> T {
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().expect("a runtime")
    };
    actix::System::with_tokio_rt(runtime).block_on(test)
}

/// Time that passes with tokio's, ids that count, randomness from a seed.
pub(crate) struct SimulatedClock {
    began: tokio::time::Instant,
    n: AtomicU64,
    seed: u64,
}

impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.began.elapsed()
    }

    fn new_id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.n.fetch_add(1, Ordering::Relaxed)))
    }

    fn random(&self) -> f64 {
        let n = self.n.fetch_add(1, Ordering::Relaxed) ^ self.seed;
        let mixed = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct Machine(u64);

impl Reports for Machine {
    fn measure(&self) -> BoxFuture<'_, Measured> {
        let cpu = Cpu { count: 4, limit_millis: 4_000, used_pct: 5.0, load1: 0.1, pressure: None };
        let memory = Memory {
            total_bytes: self.0,
            available_bytes: self.0,
            limit_bytes: None,
            pressure: None,
        };
        let measured = Measured { cpu, memory, disk_free_bytes: 1 << 40 };
        std::future::ready(measured).boxed()
    }
}

/// What happened, in order.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) starts: Vec<(ActorId, u64)>,
    pub(crate) running: BTreeMap<ActorId, u32>,
    pub(crate) n_running_max: u32,
    pub(crate) alerts: Vec<Alert>,
}

pub(crate) type Shared = Arc<Mutex<Seen>>;

struct AlertsSeen(Shared);

impl Alerts for AlertsSeen {
    fn raise(&self, alert: Alert) {
        self.0.lock().expect("no panic under it").alerts.push(alert);
    }
}

struct Puppet {
    actor: ActorId,
    epoch: u64,
    seen: Shared,
}

impl Drop for Puppet {
    fn drop(&mut self) {
        let mut seen = self.seen.lock().expect("no panic under it");
        *seen.running.get_mut(&self.actor).expect("it was counted") -= 1;
    }
}

type Order = (String, Reply<Vec<u8>>);

impl Behaviour for Puppet {
    type Message = Order;

    async fn handle(&mut self, (order, reply): Order, _: &Handle<Order>) -> Result<(), ExitReason> {
        match order.as_str() {
            "panic" => panic!("as it was told"),
            "fence" => return Err(ExitReason::Fenced { by_epoch: 99 }),
            "finish" => return Err(ExitReason::Normal),
            "epoch" => reply.send(self.epoch.to_string().into_bytes()),
            order => panic!("unknown order {order}"),
        }
        Ok(())
    }
}

struct PuppetCallee(Handle<Order>);

#[async_trait]
impl Callee for PuppetCallee {
    async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError> {
        let order = String::from_utf8_lossy(command).into_owned();
        Ok(self.0.ask(deadline, |reply| (order, reply)).await?)
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn kill(&self) {
        self.0.kill();
    }

    fn close(&self, why: ExitReason) {
        self.0.close(why);
    }
}

struct Puppets(Shared);

impl ActorFactory for Puppets {
    fn start(
        &self,
        actor: ActorId,
        epoch: u64,
        spec: serde_json::Value,
    ) -> BoxFuture<'static, Result<Started, StartError>> {
        let seen = Arc::clone(&self.0);
        seen.lock().expect("no panic under it").starts.push((actor.clone(), epoch));
        let start = async move {
            if spec == "broken" {
                let reason = "as its spec says".to_owned();
                return Err(StartError { actor, reason, retryable: true });
            }
            let handle = Handle::new(actor.to_string(), mailbox::Config::default());
            let (report, exit) = Report::watched();
            launch(&Spawner::Current, &handle, report, move || {
                let mut counted = seen.lock().expect("no panic under it");
                let n = counted.running.entry(actor.clone()).or_default();
                *n += 1;
                assert_eq!(*n, 1, "two incarnations of {actor}");
                let n_running = counted.running.values().sum();
                counted.n_running_max = counted.n_running_max.max(n_running);
                drop(counted);
                Puppet { actor, epoch, seen }
            });
            Ok(Started { actor: Arc::new(PuppetCallee(handle)), exit })
        };
        start.boxed()
    }
}

/// A cluster's store, and what its nodes did.
pub(crate) struct World {
    pub(crate) substrate: MemorySubstrate,
    pub(crate) seen: Shared,
    pub(crate) cfg: Config,
    clock: Arc<SimulatedClock>,
    n_boots: AtomicU64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let began = tokio::time::Instant::now();
        Self {
            substrate: MemorySubstrate::new(callboard_substrate_memory::Config::default(), seed),
            seen: Shared::default(),
            cfg: Config::default(),
            clock: Arc::new(SimulatedClock { began, n: AtomicU64::new(0), seed }),
            n_boots: AtomicU64::new(0),
        }
    }

    /// Boots a node with this much memory.
    pub(crate) async fn boot(&self, name: &str, memory_bytes: u64) -> Cluster {
        let boot = self.n_boots.fetch_add(1, Ordering::Relaxed);
        let node = NodeInfo {
            name: name.parse().expect("a legal name"),
            incarnation: Uuid::from_u128(u128::from(boot) + 1),
            host_id: String::new(),
            labels: BTreeMap::from([("node".to_owned(), name.to_owned())]),
            taints: BTreeSet::new(),
            runtimes: BTreeSet::new(),
            protocols: Protocols { min: 1, max: 1 },
            version: "0.1.0".to_owned(),
        };
        let setup = Setup {
            config: self.cfg.clone(),
            node,
            substrate: self.substrate.client(name),
            clock: self.clock.clone(),
            spawner: Spawner::Current,
            factory: Arc::new(Puppets(Arc::clone(&self.seen))),
            reports: Arc::new(Machine(memory_bytes)),
            alerts: Arc::new(AlertsSeen(Arc::clone(&self.seen))),
        };
        Cluster::start(setup).await.expect("it starts")
    }

    /// The epochs in which an actor was started, in order.
    pub(crate) fn epochs(&self, actor: &ActorId) -> Vec<u64> {
        let seen = self.seen.lock().expect("no panic under it");
        seen.starts.iter().filter(|(who, _)| who == actor).map(|(_, epoch)| *epoch).collect()
    }
}

pub(crate) fn agent(idx: usize) -> ActorId {
    format!("agent/a-{idx}").parse().expect("a legal id")
}

pub(crate) fn asks(memory_bytes: u64) -> Request {
    Request { cpu_millis: 100, memory_bytes, ..Request::default() }
}

pub(crate) async fn ensure(
    cluster: &Cluster,
    actor: &ActorId,
    request: Request,
) -> Result<Placed, CallError> {
    cluster.ensure(actor, request, serde_json::Value::Null, SOON).await
}

pub(crate) async fn order(
    cluster: &Cluster,
    actor: &ActorId,
    order: &str,
) -> Result<String, CallError> {
    let answer = cluster.call(actor, order.as_bytes().to_vec(), SOON).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Waits in virtual time until `state` gives something.
pub(crate) async fn until<T>(what: &str, mut state: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(value) = state().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited 60 s in vain: {what}");
}
