//! Two nodes on one store: the seams for several hosts, in virtual time.

mod common;

use std::collections::BTreeMap;

use callboard_cluster::lease::Mode;
use callboard_cluster::{CallError, Cluster, Placed};
use callboard_placement::Request;
use common::{MIB, SOON, World, agent, asks, ensure, order, simulate, until};

const SMALL: u64 = 4_096 * MIB;

async fn two_nodes(seed: u64) -> (World, Cluster, Cluster) {
    let mut world = World::new(seed);
    world.cfg.lease.mode = Mode::Observed;
    let a = world.boot("a", SMALL).await;
    until("a leads", async || a.leaders().placement).await;
    let b = world.boot("b", SMALL).await;
    until("b is reported", async || {
        let nodes = a.nodes().await.ok()?;
        (nodes.len() == 2 && nodes.iter().all(|node| node.report.is_some())).then_some(())
    })
    .await;
    (world, a, b)
}

fn on(node: &str) -> Request {
    let labels = BTreeMap::from([("node".to_owned(), node.to_owned())]);
    Request { labels, ..asks(MIB) }
}

#[test]
fn calls_find_actors_on_either_node() {
    simulate(async {
        let (_world, a, b) = two_nodes(1).await;
        // Asked on b, decided by the placement actor on a, started on b.
        let placed = ensure(&b, &agent(0), on("b")).await.unwrap();
        assert!(matches!(placed, Placed::Active { node, epoch: 1 } if node.as_str() == "b"));
        ensure(&b, &agent(1), on("a")).await.unwrap();
        for cluster in [&a, &b] {
            for idx in 0..2 {
                assert_eq!(order(cluster, &agent(idx), "epoch").await.unwrap(), "1");
            }
            assert_eq!(order(cluster, &agent(7), "epoch").await, Err(CallError::NotFound));
        }
        assert!(a.local_epoch(&agent(1)).is_some() && b.local_epoch(&agent(0)).is_some());
        assert_eq!(a.leaders(), b.leaders());
    });
}

#[test]
fn moved_actor_is_found_again() {
    simulate(async {
        let (_world, a, b) = two_nodes(2).await;
        ensure(&a, &agent(0), on("b")).await.unwrap();
        assert_eq!(order(&a, &agent(0), "epoch").await.unwrap(), "1");
        b.release(&agent(0), SOON).await.unwrap();
        ensure(&b, &agent(0), on("a")).await.unwrap();
        assert_eq!(order(&b, &agent(0), "epoch").await.unwrap(), "2");
        b.release(&agent(0), SOON).await.unwrap();
        ensure(&b, &agent(0), on("b")).await.unwrap();
        // What a remembers is "here", what b remembered was "on a": both are corrected.
        assert_eq!(order(&a, &agent(0), "epoch").await.unwrap(), "3");
        assert_eq!(order(&b, &agent(0), "epoch").await.unwrap(), "3");
    });
}

#[test]
fn placement_moves_to_the_other_node() {
    simulate(async {
        let (world, a, b) = two_nodes(3).await;
        ensure(&b, &agent(0), on("b")).await.unwrap();
        let before = b.leaders().placement.expect("a leads");
        a.kill();
        world.substrate.faults().crash("a");
        let after = until("b leads", async || {
            b.leaders().placement.filter(|leader| leader.node.as_str() == "b")
        })
        .await;
        assert_eq!(after.epoch, before.epoch + 1);
        let placed = ensure(&b, &agent(1), on("b")).await.unwrap();
        assert!(matches!(placed, Placed::Active { .. }), "{placed:?}");
        assert_eq!(world.epochs(&agent(0)), [1], "what ran on b runs on");
    });
}

#[test]
fn leader_that_stops_hands_over_at_once() {
    simulate(async {
        let (_world, a, b) = two_nodes(4).await;
        a.stop(SOON).await;
        let stopped = tokio::time::Instant::now();
        until("b leads", async || {
            b.leaders().placement.filter(|leader| leader.node.as_str() == "b")
        })
        .await;
        assert!(stopped.elapsed().as_secs() <= 3, "{:?}", stopped.elapsed());
    });
}
