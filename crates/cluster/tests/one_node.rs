//! One node: reserve, explain, queue, restart, quarantine; in virtual time.

mod common;

use callboard_actors::Alert;
use callboard_cluster::directory::State;
use callboard_cluster::{CallError, Cluster, Placed};
use callboard_domain::id::ActorId;
use callboard_placement::{Priority, Request};
use common::{MIB, SOON, World, agent, asks, ensure, order, simulate, until};
use futures_util::future::join_all;

const SMALL: u64 = 4_096 * MIB;

/// Waits until an actor is active, and gives its epoch.
async fn active(cluster: &Cluster, actor: &ActorId) -> u64 {
    until(&format!("{actor} is active"), async || cluster.local_epoch(actor)).await
}

#[test]
fn racing_ensures_never_oversubscribe() {
    simulate(async {
        let world = World::new(1);
        let cluster = world.boot("n1", SMALL).await;
        let agents: Vec<_> = (0..50).map(agent).collect();
        let asked = agents.iter().map(|agent| ensure(&cluster, agent, asks(512 * MIB)));
        let placed: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        let n_active = placed.iter().filter(|p| matches!(p, Placed::Active { .. })).count();
        assert_eq!(n_active, 7, "(4 GiB - 256 MiB) / 512 MiB");
        for placed in &placed {
            let Placed::Queued { explanation } = placed else { continue };
            assert_eq!(
                explanation,
                "nothing fits; missing: 256 MiB of memory (nearest: node n1)\n\
                 node n1: 256 MiB of memory free, the actor asks 512 MiB"
            );
        }
        // Seven agents and the orchestrator.
        assert_eq!(world.seen.lock().unwrap().n_running_max, 8);
    });
}

#[test]
fn release_lets_the_next_go_by_priority() {
    simulate(async {
        let world = World::new(2);
        let cluster = world.boot("n1", SMALL).await;
        let large = asks(3_000 * MIB);
        ensure(&cluster, &agent(0), large.clone()).await.unwrap();
        for (idx, priority) in [Priority::Low, Priority::Normal, Priority::High].iter().enumerate()
        {
            let request = Request { priority: *priority, ..large.clone() };
            let placed = ensure(&cluster, &agent(idx + 1), request).await.unwrap();
            assert!(matches!(placed, Placed::Queued { .. }), "{placed:?}");
        }
        for next in [3, 2, 1] {
            let before = if next == 3 { 0 } else { next + 1 };
            cluster.release(&agent(before), SOON).await.unwrap();
            active(&cluster, &agent(next)).await;
            assert_eq!(cluster.local_epoch(&agent(before)), None);
        }
        assert_eq!(order(&cluster, &agent(0), "epoch").await, Err(CallError::NotFound));
    });
}

#[test]
fn restarted_node_activates_everything_with_the_next_epoch() {
    simulate(async {
        let world = World::new(3);
        let cluster = world.boot("n1", SMALL).await;
        for idx in 0..3 {
            ensure(&cluster, &agent(idx), asks(1_024 * MIB)).await.unwrap();
        }
        let placed = ensure(&cluster, &agent(3), asks(1_024 * MIB)).await.unwrap();
        assert!(matches!(placed, Placed::Queued { .. }));
        let leaders = cluster.leaders();
        cluster.kill();
        drop(cluster);
        let cluster = world.boot("n1", 2 * SMALL).await;
        for idx in 0..3 {
            assert_eq!(active(&cluster, &agent(idx)).await, 2);
            assert_eq!(order(&cluster, &agent(idx), "epoch").await.unwrap(), "2");
        }
        assert_eq!(active(&cluster, &agent(3)).await, 1, "the queue is kept too");
        let epoch = |leaders: callboard_cluster::Leaders| leaders.orchestrator.map(|l| l.epoch);
        assert_eq!(epoch(cluster.leaders()), epoch(leaders).map(|epoch| epoch + 1));
    });
}

#[test]
fn panicking_actor_is_restarted_in_a_new_epoch_until_quarantine() {
    simulate(async {
        let world = World::new(4);
        let cluster = world.boot("n1", SMALL).await;
        ensure(&cluster, &agent(0), asks(MIB)).await.unwrap();
        for epoch in 1..=11_u64 {
            // The call waits while the actor restarts.
            assert_eq!(order(&cluster, &agent(0), "epoch").await.unwrap(), epoch.to_string());
            assert_eq!(order(&cluster, &agent(0), "panic").await, Err(CallError::Stopped));
        }
        let record = until("quarantine", async || {
            let record = cluster.directory().get(&agent(0)).await.unwrap().unwrap();
            matches!(record.state, State::Quarantined { .. }).then_some(record)
        })
        .await;
        assert_eq!(record.why, "it kept failing: panicked: as it was told");
        assert_eq!(world.epochs(&agent(0)), (1..=11).collect::<Vec<_>>());
        let alerts = std::mem::take(&mut world.seen.lock().unwrap().alerts);
        assert!(
            matches!(&alerts[..], [Alert::Quarantined { child, .. }] if child == "agent/a-0"),
            "{alerts:?}"
        );
        let refused = order(&cluster, &agent(0), "epoch").await.unwrap_err();
        assert!(refused.to_string().contains("it is quarantined"), "{refused}");
        // A person asks for it again.
        ensure(&cluster, &agent(0), asks(MIB)).await.unwrap();
        assert_eq!(order(&cluster, &agent(0), "epoch").await.unwrap(), "12");
    });
}

#[test]
fn actor_that_cannot_start_is_quarantined() {
    simulate(async {
        let world = World::new(5);
        let cluster = world.boot("n1", SMALL).await;
        cluster.ensure(&agent(0), asks(MIB), "broken".into(), SOON).await.unwrap();
        let explanation = until("quarantine", async || {
            let explanation = cluster.explain(&agent(0), SOON).await.unwrap();
            matches!(explanation.state, State::Quarantined { .. }).then_some(explanation)
        })
        .await;
        assert_eq!(explanation.text, "it kept failing: failed: as its spec says");
    });
}

#[test]
fn fenced_actor_is_not_restarted() {
    simulate(async {
        let world = World::new(6);
        let cluster = world.boot("n1", SMALL).await;
        ensure(&cluster, &agent(0), asks(MIB)).await.unwrap();
        order(&cluster, &agent(0), "fence").await.unwrap_err();
        tokio::time::sleep(SOON).await;
        assert_eq!(world.epochs(&agent(0)), [1]);
        assert_eq!(cluster.local_epoch(&agent(0)), None);
    });
}

#[test]
fn finished_actor_gives_its_room_back() {
    simulate(async {
        let world = World::new(7);
        let cluster = world.boot("n1", SMALL).await;
        ensure(&cluster, &agent(0), asks(3_000 * MIB)).await.unwrap();
        ensure(&cluster, &agent(1), asks(3_000 * MIB)).await.unwrap();
        order(&cluster, &agent(0), "finish").await.unwrap_err();
        active(&cluster, &agent(1)).await;
        assert_eq!(cluster.explain(&agent(0), SOON).await, Err(CallError::NotFound));
        // Wanted again, it never reuses an epoch.
        cluster.release(&agent(1), SOON).await.unwrap();
        ensure(&cluster, &agent(0), asks(3_000 * MIB)).await.unwrap();
        assert_eq!(order(&cluster, &agent(0), "epoch").await.unwrap(), "2");
    });
}

#[test]
fn placed_actor_is_explained() {
    simulate(async {
        let world = World::new(8);
        let cluster = world.boot("n1", SMALL).await;
        ensure(&cluster, &agent(0), asks(1_024 * MIB)).await.unwrap();
        let explanation = cluster.explain(&agent(0), SOON).await.unwrap();
        assert_eq!(
            explanation.text,
            "node n1: the best of 1 that fit (strategy balanced, score 0.85); 15.8 CPUs and 2.7 \
             GiB of memory stay free"
        );
    });
}

#[test]
fn full_queue_refuses() {
    simulate(async {
        let mut world = World::new(9);
        world.cfg.placer.n_queue_max = 2;
        let cluster = world.boot("n1", SMALL).await;
        for idx in 0..2 {
            ensure(&cluster, &agent(idx), asks(2 * SMALL)).await.unwrap();
        }
        assert_eq!(ensure(&cluster, &agent(2), asks(MIB)).await, Err(CallError::Full));
        // What is known is no newcomer.
        assert!(ensure(&cluster, &agent(1), asks(2 * SMALL)).await.is_ok());
    });
}

#[test]
fn unsure_store_loses_and_doubles_nothing() {
    for seed in 0..60 {
        simulate(async {
            let mut world = World::new(seed);
            world.cfg.placer.reconcile_ms = 5_000;
            world.substrate.faults().update_plan(|plan| {
                plan.kv = callboard_substrate_memory::Delay::millis(0, 20);
                plan.lost_ack = 0.1;
                plan.not_written = 0.1;
                plan.stale_read = 0.1;
                plan.stale_n_max = 3;
            });
            let cluster = world.boot("n1", SMALL).await;
            let agents: Vec<_> = (0..12).map(agent).collect();
            for agent in &agents {
                until("asked", async || ensure(&cluster, agent, asks(512 * MIB)).await.ok()).await;
            }
            let n_active = until("seven run", async || {
                let n = agents.iter().filter(|a| cluster.local_epoch(a).is_some()).count();
                (n == 7).then_some(n)
            });
            n_active.await;
            assert!(world.seen.lock().unwrap().n_running_max <= 8, "seed {seed}");
            for agent in &agents {
                let epochs = world.epochs(agent);
                assert!(epochs.is_sorted_by(|a, b| a < b), "seed {seed}: {epochs:?}");
            }
        });
    }
}

#[test]
fn same_seed_runs_the_same() {
    let run = |seed| {
        simulate(async {
            let world = World::new(seed);
            world.substrate.faults().update_plan(|plan| {
                plan.kv = callboard_substrate_memory::Delay::millis(0, 20);
                plan.lost_ack = 0.05;
            });
            let cluster = world.boot("n1", SMALL).await;
            let agents: Vec<_> = (0..10).map(agent).collect();
            join_all(agents.iter().map(|agent| ensure(&cluster, agent, asks(512 * MIB)))).await;
            cluster.kill();
            std::mem::take(&mut world.seen.lock().unwrap().starts)
        })
    };
    assert_eq!(run(11), run(11));
}

#[test]
fn stop_ends_every_actor_and_gives_the_leases_up() {
    simulate(async {
        let world = World::new(12);
        let cluster = world.boot("n1", SMALL).await;
        ensure(&cluster, &agent(0), asks(MIB)).await.unwrap();
        cluster.stop(SOON).await;
        assert_eq!(world.seen.lock().unwrap().running.values().sum::<u32>(), 0);
        assert_eq!(cluster.leaders(), callboard_cluster::Leaders::default());
        let record = cluster.directory().get(&agent(0)).await.unwrap().unwrap();
        assert!(matches!(record.state, State::Active { .. }), "the next boot starts it again");
    });
}
