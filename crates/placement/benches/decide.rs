//! Placement of 10,000 requests on 1,000 nodes, on one core, against a bare scan of the nodes.
//! Prints one `figure` or `ratio` line each.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use callboard_domain::id::ActorId;
use callboard_placement::{
    Cluster, Config, Cpu, Memory, NodeReport, NodeState, Priority, Protocols, Request,
};
use tokio::time::Instant;

const N_NODES: usize = 1_000;
const N_REQUESTS: usize = 10_000;

fn report(idx: usize) -> NodeReport {
    NodeReport {
        name: format!("node-{idx:04}").parse().expect("a legal name"),
        incarnation: uuid::Uuid::nil(),
        host_id: String::new(),
        state: NodeState::Ready,
        cpu: Cpu { count: 8, limit_millis: 8_000, used_pct: 10.0, load1: 0.5, pressure: None },
        memory: Memory {
            total_bytes: 32 << 30,
            available_bytes: 30 << 30,
            limit_bytes: None,
            pressure: None,
        },
        disk_free_bytes: 100 << 30,
        n_agents: 0,
        runtimes: BTreeSet::from(["claude".parse().expect("a legal name")]),
        labels: BTreeMap::from([("zone".to_owned(), format!("z{}", idx % 4))]),
        taints: BTreeSet::new(),
        protocols: Protocols { min: 1, max: 1 },
        version: "0.1.0".to_owned(),
    }
}

/// Every fourth request needs a label that every fourth node has.
fn request(idx: usize) -> Request {
    let labels = match idx % 4 {
        0 => BTreeMap::from([("zone".to_owned(), format!("z{}", idx / 4 % 4))]),
        _ => BTreeMap::new(),
    };
    Request {
        cpu_millis: 500,
        memory_bytes: 1 << 30,
        labels,
        runtime: Some("claude".parse().expect("a legal name")),
        priority: Priority::Normal,
        ..Request::default()
    }
}

fn main() {
    let cfg = Config::default();
    let mut cluster = Cluster::default();
    (0..N_NODES).for_each(|idx| cluster.report(report(idx)));
    let work: Vec<(ActorId, Request)> = (0..N_REQUESTS)
        .map(|idx| (format!("agent/a-{idx}").parse().expect("a legal id"), request(idx)))
        .collect();
    let mut seconds: Vec<f64> = (0..5)
        .map(|_| {
            let mut cluster = cluster.clone();
            let start = Instant::now();
            for (idx, (actor, request)) in work.iter().enumerate() {
                let decision = cluster.decide(request, &cfg, idx as u64).expect("there is room");
                cluster.reserve(actor, &decision.node, request, &cfg).expect("it was decided so");
            }
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let per_second = N_REQUESTS as f64 / seconds[2];
    let mut out = std::io::stdout().lock();
    writeln!(out, "figure placement/decisions_per_second {per_second:.0}").expect("stdout");
    writeln!(out, "ratio placement/of_the_goal_of_100000 {:.2}", per_second / 100_000.0)
        .expect("stdout");
}
