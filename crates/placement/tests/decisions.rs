//! The wanted properties of placement, and golden explanations.

use std::collections::{BTreeMap, BTreeSet};

use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::Strategy as Scoring;
use callboard_placement::{
    Cluster, Config, Cpu, Memory, Misfit, NodeReport, NodeState, Pressure, Protocols, Request,
    Taint, Toleration,
};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn actor(idx: usize) -> ActorId {
    format!("agent/a-{idx}").parse().expect("a legal id")
}

fn node(name: &str, cpu_count: u32, memory_bytes: u64) -> NodeReport {
    NodeReport {
        name: name.parse().expect("a legal name"),
        incarnation: uuid::Uuid::nil(),
        host_id: String::new(),
        state: NodeState::Ready,
        cpu: Cpu {
            count: cpu_count,
            limit_millis: u64::from(cpu_count) * 1_000,
            used_pct: 0.0,
            load1: 0.0,
            pressure: None,
        },
        memory: Memory {
            total_bytes: memory_bytes,
            available_bytes: memory_bytes,
            limit_bytes: None,
            pressure: None,
        },
        disk_free_bytes: 10 * GIB,
        n_agents: 0,
        runtimes: BTreeSet::from(["scripted".parse().expect("a legal name")]),
        labels: BTreeMap::new(),
        taints: BTreeSet::new(),
        protocols: Protocols { min: 1, max: 1 },
        version: "0.1.0".to_owned(),
    }
}

fn asks(cpu_millis: u64, memory_bytes: u64) -> Request {
    Request { cpu_millis, memory_bytes, ..Request::default() }
}

fn picture(nodes: impl IntoIterator<Item = NodeReport>) -> Cluster {
    let mut cluster = Cluster::default();
    nodes.into_iter().for_each(|report| cluster.report(report));
    cluster
}

fn strict() -> Config {
    Config { cpu_overcommit: 1.0, ..Config::default() }
}

#[test]
fn full_node_is_explained() {
    let mut cluster = picture([node("a", 4, GIB)]);
    let cfg = strict();
    cluster.reserve(&actor(0), &named("a"), &asks(100, 256 * MIB), &cfg).expect("there is room");
    let nothing = cluster.decide(&asks(100, GIB), &cfg, 1).expect_err("it is too large");
    insta::assert_snapshot!(nothing, @r"
    nothing fits; missing: 512 MiB of memory (nearest: node a)
    node a: 512 MiB of memory free, the actor asks 1 GiB
    ");
}

#[test]
fn every_reason_of_every_node_is_named() {
    let mut cordoned = node("cordoned", 2, 4 * GIB);
    cordoned.state = NodeState::Cordoned;
    let mut tainted = node("tainted", 1, 4 * GIB);
    tainted.taints.insert(Taint { key: "gpu".into(), value: "only".into() });
    tainted.labels.insert("zone".into(), "east".into());
    let mut pressed = node("pressed", 8, 8 * GIB);
    pressed.disk_free_bytes = 100 * MIB;
    pressed.memory.pressure = Some(Pressure { some_avg10_pct: 91.2, full_avg10_pct: 60.0 });
    let request = Request {
        labels: BTreeMap::from([("zone".to_owned(), "west".to_owned())]),
        runtime: Some("claude".parse().expect("a legal name")),
        ..asks(1_500, 2 * GIB)
    };
    let cluster = picture([cordoned, tainted, pressed]);
    let nothing = cluster.decide(&request, &strict(), 1).expect_err("nothing fits");
    insta::assert_snapshot!(nothing);
}

#[test]
fn empty_cluster_says_that_no_node_reported() {
    let nothing = Cluster::default().decide(&asks(1, 1), &strict(), 1).expect_err("no node");
    assert_eq!(nothing.to_string(), "nothing fits; missing: a node: none has reported");
}

#[test]
fn decision_says_why_there() {
    let mut cluster = picture([node("a", 4, 4 * GIB), node("b", 4, 4 * GIB), node("c", 1, GIB)]);
    let cfg = strict();
    cluster.reserve(&actor(0), &named("a"), &asks(2_000, 2 * GIB), &cfg).expect("there is room");
    let decision = cluster.decide(&asks(1_000, GIB), &cfg, 1).expect("b has room");
    insta::assert_snapshot!(decision);
}

#[test]
fn strategies_choose_differently() {
    let mut cluster = picture([node("a", 4, 4 * GIB), node("b", 4, 4 * GIB)]);
    let base = strict();
    cluster.reserve(&actor(0), &named("a"), &asks(1_000, GIB), &base).expect("there is room");
    for (strategy, wanted) in
        [(Scoring::Binpack, "a"), (Scoring::Spread, "b"), (Scoring::Balanced, "b")]
    {
        let cfg = Config { strategy, ..base.clone() };
        let decision = cluster.decide(&asks(500, 512 * MIB), &cfg, 7).expect("there is room");
        assert_eq!(decision.node, named(wanted), "{strategy:?}");
    }
}

#[test]
fn anti_affinity_and_tolerations_are_kept() {
    let mut tainted = node("b", 4, 4 * GIB);
    tainted.taints.insert(Taint { key: "spot".into(), value: String::new() });
    let mut cluster = picture([node("a", 4, 4 * GIB), tainted]);
    let cfg = strict();
    let alone = Request { anti_affinity: Some("calendar".into()), ..asks(100, MIB) };
    cluster.reserve(&actor(0), &named("a"), &alone, &cfg).expect("there is room");
    assert!(cluster.decide(&alone, &cfg, 1).is_err(), "a has one, b is tainted");
    let tolerant = Request {
        tolerations: vec![Toleration { key: "spot".into(), value: None }],
        ..alone.clone()
    };
    assert_eq!(cluster.decide(&tolerant, &cfg, 1).expect("b").node, named("b"));
    cluster.release(&actor(0));
    assert_eq!(cluster.decide(&alone, &cfg, 1).expect("a is free again").node, named("a"));
}

#[test]
fn nodes_of_one_host_share_its_capacity() {
    let on_host = |name: &str| NodeReport { host_id: "h".into(), ..node(name, 4, 4 * GIB) };
    let mut cluster = picture([on_host("a"), on_host("b")]);
    let cfg = strict();
    cluster.reserve(&actor(0), &named("a"), &asks(100, 3 * GIB), &cfg).expect("there is room");
    let refused = cluster.reserve(&actor(1), &named("b"), &asks(100, GIB), &cfg);
    assert!(matches!(refused.expect_err("shared")[..], [Misfit::Memory { .. }]));
    let mut pod = on_host("pod");
    pod.memory.limit_bytes = Some(2 * GIB);
    cluster.report(pod);
    cluster.reserve(&actor(1), &named("pod"), &asks(100, GIB), &cfg).expect("its own limit");
}

fn named(name: &str) -> NodeName {
    name.parse().expect("a legal name")
}

fn any_node(name: String) -> impl Strategy<Value = NodeReport> {
    (1_u32..16, 1_u64..64, 0_u64..64, 0.0..100.0, 0_u8..8, 0_u8..2).prop_map(
        move |(cpu_count, memory, available, used_pct, state, host)| {
            let mut report = node(&name, cpu_count, memory * 256 * MIB);
            report.memory.available_bytes = available.min(memory) * 256 * MIB;
            report.cpu.used_pct = used_pct;
            if state == 0 {
                report.state = NodeState::Draining;
            }
            if state == 1 {
                report.labels.insert("zone".into(), "east".into());
            }
            if host == 1 {
                report.host_id = "shared".into();
                report.cpu.limit_millis = 4_000;
                report.memory.total_bytes = 8 * GIB;
            }
            report
        },
    )
}

fn any_nodes() -> impl Strategy<Value = Vec<NodeReport>> {
    (0_usize..12)
        .prop_flat_map(|n| (0..n).map(|idx| any_node(format!("n{idx}"))).collect::<Vec<_>>())
}

fn any_request() -> impl Strategy<Value = Request> {
    (0_u64..4_000, 0_u64..32, 0_u8..6, 0_u8..6).prop_map(|(cpu, memory, label, key)| Request {
        labels: match label {
            0 => BTreeMap::from([("zone".to_owned(), "east".to_owned())]),
            _ => BTreeMap::new(),
        },
        anti_affinity: (key < 2).then(|| format!("key-{key}")),
        ..asks(cpu, memory * 128 * MIB)
    })
}

#[derive(Debug, Clone)]
enum Step {
    Place(usize, Request),
    Release(usize),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_usize..40, any_request()).prop_map(|(idx, request)| Step::Place(idx, request)),
        1 => (0_usize..40).prop_map(Step::Release),
    ];
    proptest::collection::vec(step, 0..80)
}

/// Sums the claims of every pool afresh and compares them with the reports.
fn check_not_oversubscribed(cluster: &Cluster, cfg: &Config) {
    let mut used: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for claim in cluster.claims().values() {
        let report = cluster.node(&claim.node).expect("claims are on known nodes");
        let sums = used.entry(report.pool()).or_default();
        sums.0 += claim.request.cpu_millis;
        sums.1 += claim.request.memory_bytes;
    }
    for report in cluster.nodes() {
        let Some((cpu, memory)) = used.get(&report.pool()) else { continue };
        let cpu_max = (report.cpu.limit_millis as f64 * cfg.cpu_overcommit) as u64;
        assert!(*cpu <= cpu_max, "{cpu} of {cpu_max} on {}", report.name);
        assert!(*memory <= report.memory.capacity_bytes(), "{memory} bytes on {}", report.name);
    }
}

proptest! {
    #[test]
    fn no_sequence_oversubscribes(nodes in any_nodes(), steps in any_steps(), seed: u64) {
        let cfg = Config { cpu_overcommit: 1.5, ..Config::default() };
        let mut cluster = picture(nodes);
        for step in steps {
            match step {
                Step::Place(idx, request) => {
                    if let Ok(decision) = cluster.decide(&request, &cfg, seed) {
                        let reserved = cluster.reserve(&actor(idx), &decision.node, &request, &cfg);
                        prop_assert_eq!(reserved, Ok(()));
                    }
                }
                Step::Release(idx) => drop(cluster.release(&actor(idx))),
            }
            check_not_oversubscribed(&cluster, &cfg);
        }
    }

    #[test]
    fn same_seed_decides_the_same(nodes in any_nodes(), request in any_request(), seed: u64) {
        let cluster = picture(nodes);
        let cfg = Config::default();
        prop_assert_eq!(cluster.decide(&request, &cfg, seed), cluster.decide(&request, &cfg, seed));
    }

    #[test]
    fn every_rejected_node_has_a_reason(nodes in any_nodes(), request in any_request(), seed: u64) {
        let n = nodes.len();
        let cluster = picture(nodes);
        let rejected = match cluster.decide(&request, &Config::default(), seed) {
            Ok(decision) => {
                let n_seen = 1 + decision.others.len() + decision.rejected.len();
                prop_assert_eq!(n_seen + decision.n_unseen, n);
                decision.rejected
            }
            Err(nothing) => {
                prop_assert_eq!(nothing.nodes.len(), n);
                nothing.nodes
            }
        };
        prop_assert!(rejected.iter().all(|rejected| !rejected.misfits.is_empty()));
    }

    #[test]
    fn more_capacity_never_hurts(
        nodes in any_nodes(), request in any_request(), seed: u64, more in 0_u64..8, which: usize,
    ) {
        let cfg = Config::default();
        let mut cluster = picture(nodes.clone());
        let before = cluster.decide(&request, &cfg, seed).is_ok();
        if !nodes.is_empty() {
            let mut larger = nodes[which % nodes.len()].clone();
            larger.cpu.limit_millis += more * 1_000;
            larger.memory.total_bytes += more * GIB;
            larger.memory.available_bytes += more * GIB;
            cluster.report(larger);
        }
        prop_assert!(!before || cluster.decide(&request, &cfg, seed).is_ok());
    }

    #[test]
    fn refused_reservation_changes_nothing(nodes in any_nodes(), small in any_request(), seed: u64) {
        let cfg = Config::default();
        let mut cluster = picture(nodes);
        let Ok(decision) = cluster.decide(&small, &cfg, seed) else { return Ok(()) };
        cluster.reserve(&actor(0), &decision.node, &small, &cfg).expect("it was decided so");
        let held = cluster.claim(&actor(0)).cloned();
        let huge = asks(0, u64::MAX / 4);
        prop_assert!(cluster.reserve(&actor(0), &decision.node, &huge, &cfg).is_err());
        prop_assert_eq!(cluster.claim(&actor(0)).cloned(), held);
    }
}
