//! The event-sourced shell against a log that crashes, loses and refuses.

use std::time::Duration;

use crate::common::{Command, Counter, Fault, Owed, Refused, SOON, World, simulate, until};
use callboard_actors::sourced::{Alert, CommandError};
use callboard_actors::{ActorRef, CallError, ExitReason, Report, Spawner};
use chrono::{DateTime, Utc};

type Launcher = callboard_actors::sourced::Launcher<Counter>;

fn add(id: u32) -> Command {
    Command::Add { id, n: 1 }
}

fn owe(key: &str) -> Command {
    Command::Owe { key: key.to_owned(), owed: Owed::Work(0) }
}

/// Launches an incarnation and waits until it runs.
async fn start(launcher: &Launcher) -> callboard_actors::Watch {
    let (report, mut watch) = Report::watched();
    launcher.launch(&Spawner::Current, report);
    watch.started().await.expect("it starts");
    watch
}

async fn stop(launcher: &Launcher, watch: &mut callboard_actors::Watch) {
    launcher.handle().stop();
    assert_eq!(watch.exited().await, ExitReason::Normal);
}

#[test]
fn command_is_stored_applied_and_answered() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        let done = counter.handle().ask(add(1), SOON).await.expect("done");
        assert_eq!((done.index, done.position.0), (2, 2));
        let again = counter.handle().ask(add(1), SOON).await.expect("a duplicate is done");
        assert_eq!(again, done);
        let refused = counter.handle().ask(Command::Refuse, SOON).await;
        assert_eq!(refused, Err(CommandError::Rejected(Refused)));
        let state = counter.handle().state(SOON).await.expect("a state");
        assert_eq!((state.sum, state.n_activations), (1, 1));
        assert_eq!(world.memory.n_commits(), 2);
    });
}

#[test]
fn crash_after_append_is_found_by_reload() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        let mut watch = start(&counter).await;
        world.memory.fail(&[Fault::StoredThenHangs]);
        let asked = counter.handle().ask(add(1), Duration::from_secs(1)).await;
        assert_eq!(asked, Err(CommandError::TimedOut));
        counter.handle().kill();
        assert_eq!(watch.exited().await, ExitReason::Killed);
        start(&counter).await;
        counter.handle().ask(add(1), SOON).await.expect("a duplicate now");
        assert_eq!(counter.handle().state(SOON).await.expect("a state").sum, 1);
    });
}

#[test]
fn lost_acknowledgement_kills_and_reload_settles_it() {
    for fault in [Fault::LostAck, Fault::LostRequest] {
        simulate(async move {
            let world = World::new();
            let counter = world.counter(1);
            let mut watch = start(&counter).await;
            world.memory.fail(&[fault]);
            let asked = counter.handle().ask(add(1), SOON).await;
            assert_eq!(asked, Err(CommandError::OutcomeUnknown));
            assert!(matches!(watch.exited().await, ExitReason::Failed(_)));
            start(&counter).await;
            counter.handle().ask(add(1), SOON).await.expect("a retry is safe");
            assert_eq!(counter.handle().state(SOON).await.expect("a state").sum, 1);
        });
    }
}

#[test]
fn newer_owner_fences_the_older() {
    simulate(async {
        let world = World::new();
        let (older, newer) = (world.counter(1), world.counter(2));
        let mut watch = start(&older).await;
        start(&newer).await;
        let asked = older.handle().ask(add(1), SOON).await;
        assert_eq!(asked, Err(CommandError::Fenced { by_epoch: 2 }));
        let fenced = ExitReason::Fenced { by_epoch: 2 };
        assert_eq!(watch.exited().await, fenced);
        assert_eq!(older.handle().closed(), Some(fenced.clone()));
        let late = older.handle().ask(add(2), SOON).await;
        assert_eq!(late, Err(CommandError::Fenced { by_epoch: 2 }));
        newer.handle().ask(add(1), SOON).await.expect("the newer goes on");

        let stale = world.counter(1);
        let (report, mut watch) = Report::watched();
        stale.launch(&Spawner::Current, report);
        assert_eq!(watch.started().await, Err(fenced), "a stale epoch does not even start");
    });
}

#[test]
fn append_that_was_not_written_is_retried_then_refused() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        world.memory.fail(&[Fault::NotWritten; 3]);
        counter.handle().ask(add(1), SOON).await.expect("retried");
        world.memory.fail(&[Fault::NotWritten; 9]);
        let asked = counter.handle().ask(add(2), SOON).await;
        assert!(matches!(asked, Err(CommandError::Unavailable { .. })), "{asked:?}");
        counter.handle().ask(add(2), SOON).await.expect("the actor lives on");
    });
}

#[test]
fn too_large_commit_is_refused() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        let asked = counter.handle().ask(Command::Grow(200_000), SOON).await;
        assert!(matches!(asked, Err(CommandError::TooLarge { .. })), "{asked:?}");
        counter.handle().ask(add(1), SOON).await.expect("the actor lives on");
    });
}

#[test]
fn panic_in_decide_is_answered_and_the_rest_of_the_mailbox_survives() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        let mut watch = start(&counter).await;
        let poison = counter.handle().ask(Command::Poison, SOON);
        let next = counter.handle().ask(add(1), SOON);
        let restart = async {
            let exit = watch.exited().await;
            assert_eq!(exit, ExitReason::Panicked("poisoned".to_owned()));
            start(&counter).await;
        };
        let (poison, next, ()) = futures_util::join!(poison, next, restart);
        assert!(matches!(poison, Err(CommandError::Panicked { .. })), "{poison:?}");
        next.expect("handled by the next incarnation");
        let state = counter.handle().state(SOON).await.expect("a state");
        assert_eq!((state.sum, state.n_activations), (1, 2));
    });
}

#[test]
fn new_incarnation_finishes_the_effects() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        let mut watch = start(&counter).await;
        counter.handle().ask(owe("hang"), SOON).await.expect("owed");
        until("the effect runs", || world.doer.n_started("hang") == 1).await;
        counter.handle().kill();
        watch.exited().await;
        assert_eq!(world.doer.n_dropped("hang"), 1, "it ends with its incarnation");
        start(&counter).await;
        until("it runs again", || world.doer.n_started("hang") == 2).await;
    });
}

#[test]
fn effect_is_cancelled_when_its_key_vanishes() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        counter.handle().ask(owe("hang"), SOON).await.expect("owed");
        until("the effect runs", || world.doer.n_started("hang") == 1).await;
        let settle = Command::Settle { key: "hang".to_owned() };
        counter.handle().ask(settle, SOON).await.expect("settled");
        until("it is dropped", || world.doer.n_dropped("hang") == 1).await;
    });
}

#[test]
fn changed_effect_replaces_the_running_one() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        counter.handle().ask(owe("hang"), SOON).await.expect("owed");
        until("the effect runs", || world.doer.n_started("hang") == 1).await;
        let changed = Command::Owe { key: "hang".to_owned(), owed: Owed::Work(1) };
        counter.handle().ask(changed, SOON).await.expect("owed");
        until("the new one runs", || world.doer.n_started("hang") == 2).await;
        assert_eq!(world.doer.n_dropped("hang"), 1);
    });
}

#[test]
fn commands_of_an_effect_confirm_it_once() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        counter.handle().ask(owe("ok"), SOON).await.expect("owed");
        until("it is confirmed", || world.memory.n_commits() == 3).await;
        tokio::time::sleep(SOON).await;
        let state = counter.handle().state(SOON).await.expect("a state");
        assert_eq!(state.fired, ["ok"]);
        assert_eq!(world.doer.n_started("ok"), 1);
    });
}

#[test]
fn failing_effect_is_retried_at_a_bounded_rate_with_an_alert() {
    for key in ["fails", "quits", "panics"] {
        simulate(async move {
            let world = World::new();
            let counter = world.counter(1);
            start(&counter).await;
            counter.handle().ask(owe(key), SOON).await.expect("owed");
            tokio::time::sleep(Duration::from_secs(300)).await;
            let n = world.doer.n_started(key);
            assert!((15..=25).contains(&n), "{n} runs in 300 s");
            let alerts = world.alerts.all();
            assert!(matches!(alerts[..], [Alert::EffectFailing { .. }]), "{alerts:?}");
        });
    }
}

#[test]
fn effects_beyond_the_limit_wait_for_room() {
    simulate(async {
        let mut world = World::new();
        world.cfg.n_effects_max = 1;
        let counter = world.counter(1);
        start(&counter).await;
        counter.handle().ask(owe("hang"), SOON).await.expect("owed");
        counter.handle().ask(owe("ok"), SOON).await.expect("owed");
        tokio::time::sleep(SOON).await;
        assert_eq!(world.doer.n_started("ok"), 0);
        let settle = Command::Settle { key: "hang".to_owned() };
        counter.handle().ask(settle, SOON).await.expect("settled");
        until("there is room", || world.doer.n_started("ok") == 1).await;
    });
}

#[test]
fn timer_fires_once_after_a_restart() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        let mut watch = start(&counter).await;
        let due = DateTime::<Utc>::UNIX_EPOCH + Duration::from_secs(3_600);
        let owed = Owed::Timer(due);
        counter.handle().ask(Command::Owe { key: "t".to_owned(), owed }, SOON).await.expect("owed");
        tokio::time::sleep(Duration::from_secs(600)).await;
        stop(&counter, &mut watch).await;
        let mut watch = start(&counter).await;
        tokio::time::sleep(Duration::from_secs(2_900)).await;
        assert!(counter.handle().state(SOON).await.expect("a state").fired.is_empty());
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(counter.handle().state(SOON).await.expect("a state").fired, ["t"]);
        stop(&counter, &mut watch).await;
        start(&counter).await;
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(counter.handle().state(SOON).await.expect("a state").fired, ["t"]);
    });
}

#[test]
fn timer_follows_a_jump_of_the_wall_clock() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        let due = DateTime::<Utc>::UNIX_EPOCH + Duration::from_secs(3_600);
        let owed = Owed::Timer(due);
        counter.handle().ask(Command::Owe { key: "t".to_owned(), owed }, SOON).await.expect("owed");
        world.clock.jump(Duration::from_secs(3_600));
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(counter.handle().state(SOON).await.expect("a state").fired, ["t"]);
    });
}

async fn counted(world: &World, n: u32) -> Launcher {
    let counter = world.counter(1);
    let mut watch = start(&counter).await;
    for id in 0..n {
        counter.handle().ask(add(id), SOON).await.expect("done");
    }
    stop(&counter, &mut watch).await;
    counter
}

#[test]
fn recovery_starts_from_the_newest_of_two_snapshots() {
    simulate(async {
        let mut world = World::new();
        world.cfg.n_snapshot_events = 5;
        counted(&world, 17).await;
        assert_eq!(world.memory.blob_names(), ["snapshot.agent.a.0", "snapshot.agent.a.1"]);
        // The first commits are no longer looked at: the snapshot stands for them.
        world.memory.change_commit(3, |bytes| bytes[0] = b'!');
        let counter = world.counter(2);
        start(&counter).await;
        assert_eq!(counter.handle().state(SOON).await.expect("a state").sum, 17);
        assert_eq!(world.alerts.all(), []);
    });
}

#[test]
fn corrupt_snapshot_is_replayed_with_an_alert() {
    let damage: [fn(&mut Vec<u8>); 4] = [
        |bytes| *bytes.last_mut().expect("not empty") ^= 1,
        |bytes| bytes[0] = b'!',
        |bytes| bytes.truncate(10),
        |bytes| *bytes = String::from_utf8_lossy(bytes).replace("\"v\":1", "\"v\":9").into_bytes(),
    ];
    for damage in damage {
        simulate(async move {
            let world = World::new();
            counted(&world, 7).await;
            world.memory.change_blob("snapshot.agent.a.0", damage);
            let counter = world.counter(2);
            start(&counter).await;
            assert_eq!(counter.handle().state(SOON).await.expect("a state").sum, 7);
            let alerts = world.alerts.all();
            assert!(matches!(alerts[..], [Alert::SnapshotIgnored { .. }]), "{alerts:?}");
        });
    }
}

#[test]
fn snapshot_of_another_history_is_replayed_with_an_alert() {
    simulate(async {
        let (world, other) = (World::new(), World::new());
        counted(&world, 7).await;
        other.clock.jump(Duration::from_secs(1));
        counted(&other, 7).await;
        let mut foreign = Vec::new();
        other.memory.change_blob("snapshot.agent.a.0", |bytes| foreign.clone_from(bytes));
        world.memory.change_blob("snapshot.agent.a.0", |bytes| *bytes = foreign);
        let counter = world.counter(2);
        start(&counter).await;
        assert_eq!(counter.handle().state(SOON).await.expect("a state").sum, 7);
        let alerts = world.alerts.all();
        assert!(matches!(alerts[..], [Alert::SnapshotIgnored { .. }]), "{alerts:?}");
    });
}

#[test]
fn damaged_log_parks_the_actor_with_an_alert() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        let mut watch = start(&counter).await;
        counter.handle().ask(add(1), SOON).await.expect("done");
        counter.handle().kill();
        watch.exited().await;
        world.memory.change_commit(1, |bytes| *bytes.last_mut().expect("not empty") ^= 1);
        let (report, mut watch) = Report::watched();
        counter.launch(&Spawner::Current, report);
        let exit = watch.started().await.expect_err("it cannot start");
        assert!(matches!(exit, ExitReason::Parked(_)) && !exit.may_restart());
        let alerts = world.alerts.all();
        assert!(matches!(alerts[..], [Alert::LogDamaged { .. }]), "{alerts:?}");
        let asked = counter.handle().ask(add(2), SOON).await;
        assert_eq!(asked, Err(CommandError::Stopped));
    });
}

#[test]
fn passivated_actor_goes_on_where_it_was() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        let mut watch = start(&counter).await;
        counter.handle().ask(add(1), SOON).await.expect("done");
        stop(&counter, &mut watch).await;
        counter.handle().tell(add(2)).expect("it waits in the mailbox");
        start(&counter).await;
        counter.handle().ask(add(3), SOON).await.expect("done");
        assert_eq!(counter.handle().state(SOON).await.expect("a state").sum, 3);
    });
}

#[test]
fn erased_reference_speaks_json() {
    simulate(async {
        let world = World::new();
        let counter = world.counter(1);
        start(&counter).await;
        let actor = ActorRef::from(counter.handle().clone());
        let done = actor.call(br#"{"Add":{"id":1,"n":4}}"#, SOON).await.expect("done");
        assert_eq!(String::from_utf8_lossy(&done), r#"{"position":2,"index":2}"#);
        let refused = actor.call(br#""Refuse""#, SOON).await.expect_err("refused");
        let expected = CallError::Rejected { text: Refused.to_string(), json: "null".to_owned() };
        assert_eq!(refused, expected);
        let bad = actor.call(b"{}", SOON).await.expect_err("bad");
        assert!(matches!(bad, CallError::BadCommand { .. }) && !bad.retryable());
        let state = actor.state(SOON).await.expect("a state");
        assert!(String::from_utf8_lossy(&state).starts_with(r#"{"sum":4"#));
        let shell = actor.observable_state(SOON).await.expect("a state");
        assert_eq!((&shell["phase"], &shell["index"]), (&"running".into(), &2.into()));
    });
}
