//! A node in this process: a cluster in memory, the interface on a free port, and a client.

mod actors;
mod fakes;
pub(crate) mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use callboard_actors::{LoggedAlerts, Spawner};
use callboard_client::Client;
use callboard_cluster::{Cluster, NodeInfo, Setup};
use callboard_domain::{agent, project};
use callboard_gateway::{Config, Defaults, Gateway, Parts};
use callboard_placement::Protocols;
use callboard_stdx::clock::SystemClock;
use callboard_substrate::Substrate;
use callboard_substrate_memory::MemorySubstrate;
use tokio::sync::oneshot;
use uuid::Uuid;

pub(crate) const TOKEN: &str = "token-of-tests";

/// A running node; it stops when this is dropped.
pub(crate) struct Node {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) substrate: Substrate,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A configuration with short waits.
pub(crate) fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".to_owned(),
        command_ms_max: 5_000,
        body_bytes_max: 100_000,
        heartbeat_ms: 200,
        workers: 1,
        ..Config::default()
    }
}

impl Node {
    pub(crate) fn start() -> Self {
        Self::with(config(), Some("scripted"))
    }

    pub(crate) fn with(cfg: Config, runtime: Option<&'static str>) -> Self {
        let memory = MemorySubstrate::new(callboard_substrate_memory::Config::default(), 7);
        let substrate = memory.client("n1");
        let (up, is_up) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let shared = substrate.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let cluster = join(&shared).await;
                let parts = parts(shared, cluster.clone(), runtime);
                let gateway = Gateway::start(cfg, parts).await.expect("it starts");
                up.send(gateway.url()).expect("the test waits");
                // A dropped sender stops it too.
                let _ = stopped.await;
                gateway.stop().await;
                cluster.stop(Duration::from_secs(5)).await;
            });
        });
        let url = is_up.recv().expect("it is up");
        let client = Client::new(&url, TOKEN);
        Self { url, client, substrate, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the node panicked");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The address of an interface that was started and stopped again, or why it did not start.
pub(crate) fn try_start(cfg: Config) -> Result<String, String> {
    let memory = MemorySubstrate::new(callboard_substrate_memory::Config::default(), 7);
    let substrate = memory.client("n1");
    actix_web::rt::System::new().block_on(async move {
        let cluster = join(&substrate).await;
        let started = Gateway::start(cfg, parts(substrate, cluster.clone(), None)).await;
        let url = match started {
            Ok(gateway) => {
                let url = gateway.url();
                gateway.stop().await;
                Ok(url)
            }
            Err(error) => Err(error.to_string()),
        };
        cluster.stop(Duration::from_secs(5)).await;
        url
    })
}

async fn join(substrate: &Substrate) -> Cluster {
    let factory =
        actors::Factory { substrate: substrate.clone(), cluster: Arc::new(OnceLock::new()) };
    let setup = Setup {
        config: callboard_cluster::Config::default(),
        node: NodeInfo {
            name: "n1".parse().expect("legal"),
            incarnation: Uuid::from_u128(1),
            host_id: String::new(),
            labels: BTreeMap::from([("zone".to_owned(), "a".to_owned())]),
            taints: BTreeSet::new(),
            runtimes: BTreeSet::from(["scripted".parse().expect("legal")]),
            protocols: Protocols { min: 1, max: 1 },
            version: "0.1.0".to_owned(),
        },
        substrate: substrate.clone(),
        clock: Arc::new(SystemClock),
        spawner: Spawner::Current,
        factory: Arc::new(factory.clone()),
        reports: Arc::new(fakes::Machine),
        alerts: Arc::new(LoggedAlerts),
    };
    let cluster = Cluster::start(setup).await.expect("it starts");
    assert!(factory.cluster.set(cluster.clone()).is_ok(), "it is set once");
    cluster
}

fn parts(substrate: Substrate, cluster: Cluster, runtime: Option<&str>) -> Parts {
    let name = |text: &str| text.parse().expect("legal");
    Parts {
        substrate,
        cluster,
        workspaces: Arc::new(fakes::Repositories::default()),
        output: Arc::new(fakes::Words),
        clock: Arc::new(SystemClock),
        control: Arc::new(fakes::NoNode),
        defaults: Defaults {
            runtime: runtime.map(name),
            runtimes: BTreeMap::from([
                (name("scripted"), Ok("1.0".to_owned())),
                (name("claude"), Err("the program claude is not on the PATH".to_owned())),
            ]),
            models: BTreeMap::new(),
            agents_max: 2,
            check: None,
            project_limits: project::Limits::default(),
            agent_limits: agent::Limits::default(),
        },
        token: TOKEN.to_owned(),
        cluster_name: "main".to_owned(),
    }
}

/// Asks until the answer is as wanted, for at most 20 s.
pub(crate) fn until<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, is: impl Fn(&T) -> bool) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let answer = ask();
        if is(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain; last: {answer:#?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
