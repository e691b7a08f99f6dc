//! Supervision with real actors in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use callboard_actors::supervisor::{
    AddError, ChildEvent, ChildStatus, Config, OnStorm, Order, Tools,
};
use callboard_actors::{
    Alert, Alerts, Behaviour, ChildSpec, ExitReason, Handle, Restart, Spawner, Strategy,
    SupervisorHandle, SupervisorSpec, Watch, mailbox,
};
use callboard_stdx::backoff;
use callboard_stdx::clock::SystemClock;
use tokio::time::Instant;

use crate::common::{SOON, TestClock, simulate};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Panic,
    Fail,
    Finish,
    Fence,
    /// Never returns.
    Hang,
}

type Journal = Arc<Mutex<Vec<String>>>;

struct Probe {
    name: &'static str,
    journal: Journal,
    panics_in_stopped: bool,
}

impl Probe {
    fn note(&self, what: &str) {
        self.journal.lock().expect("not poisoned").push(format!("{what} {}", self.name));
    }
}

impl Behaviour for Probe {
    type Message = Message;

    async fn started(&mut self, _: &Handle<Message>) -> Result<(), ExitReason> {
        // A start takes its time, so that "in turn" can be seen.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.note("start");
        Ok(())
    }

    async fn handle(&mut self, message: Message, _: &Handle<Message>) -> Result<(), ExitReason> {
        match message {
            Message::Panic => panic!("on request"),
            Message::Fail => Err(ExitReason::Failed("on request".to_owned())),
            Message::Finish => Err(ExitReason::Normal),
            Message::Fence => Err(ExitReason::Fenced { by_epoch: 9 }),
            Message::Hang => std::future::pending().await,
        }
    }

    async fn stopped(&mut self, _: &ExitReason) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.note("stop");
        assert!(!self.panics_in_stopped, "on request, at the end");
    }
}

#[derive(Default)]
struct Heard {
    alerts: Mutex<Vec<Alert>>,
    delays_ms: Mutex<Vec<u128>>,
}

impl Alerts for Heard {
    fn raise(&self, alert: Alert) {
        self.alerts.lock().expect("not poisoned").push(alert);
    }
}

/// A supervisor and its probes.
struct Bench {
    journal: Journal,
    heard: Arc<Heard>,
    handles: Vec<Handle<Message>>,
    top: SupervisorHandle,
    watch: Watch,
}

fn probe(name: &'static str, restart: Restart, journal: &Journal) -> (ChildSpec, Handle<Message>) {
    let handle = Handle::new(name, mailbox::Config::default());
    let journal = Arc::clone(journal);
    let make = move || Probe {
        name,
        journal: Arc::clone(&journal),
        panics_in_stopped: name.starts_with('!'),
    };
    (ChildSpec::actor(&handle, restart, make), handle)
}

fn tools(heard: &Arc<Heard>) -> Tools {
    let delays = Arc::clone(heard);
    let observer = move |_: &str, event: &ChildEvent| {
        if let ChildEvent::Restarting { after } = event {
            delays.delays_ms.lock().expect("not poisoned").push(after.as_millis());
        }
    };
    let tools = Tools::new(Spawner::Current, TestClock::new(), heard.clone());
    Tools { observer: Arc::new(observer), ..tools }
}

async fn bench(cfg: Config, children: &[(&'static str, Restart)]) -> Bench {
    let (journal, heard) = (Journal::default(), Arc::<Heard>::default());
    let children = children.iter().map(|(name, restart)| probe(name, *restart, &journal));
    let (specs, handles) = children.unzip();
    let spec = SupervisorSpec::new("top", cfg, tools(&heard), specs);
    let top = spec.handle().clone();
    let watch = spec.start(&Spawner::Current);
    tokio::time::sleep(Duration::from_millis(100)).await;
    Bench { journal, heard, handles, top, watch }
}

impl Bench {
    async fn children(&self) -> Vec<ChildStatus> {
        self.top.children(SOON).await.expect("an answer")
    }

    async fn incarnations(&self) -> Vec<u64> {
        self.children().await.iter().map(|child| child.incarnation).collect()
    }

    async fn phase(&self, name: &str) -> Option<&'static str> {
        self.children().await.iter().find(|child| child.name == name).map(|child| child.phase)
    }

    async fn hit(&self, idx: usize, message: Message) {
        self.handles[idx].tell(message).expect("it is running");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    fn take_journal(&self) -> Vec<String> {
        std::mem::take(&mut self.journal.lock().expect("not poisoned"))
    }

    fn alerts(&self) -> Vec<Alert> {
        self.heard.alerts.lock().expect("not poisoned").clone()
    }
}

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::RestForOne, Strategy::OneForAll];

#[test]
fn every_strategy_restart_type_and_exit_does_what_erlang_does() {
    use Message::{Fail, Finish, Panic};
    use Restart::{Permanent, Temporary, Transient};
    for strategy in STRATEGIES {
        for restart in [Permanent, Transient, Temporary] {
            for exit in [Panic, Fail, Finish] {
                let is_restarted = match restart {
                    Permanent => true,
                    Transient => exit != Finish,
                    Temporary => false,
                };
                let expected = match (is_restarted, restart, strategy) {
                    (false, Temporary, _) => vec![1, 1],
                    (false, _, _) => vec![1, 1, 1],
                    (true, _, Strategy::OneForOne) => vec![1, 2, 1],
                    (true, _, Strategy::RestForOne) => vec![1, 2, 2],
                    (true, _, Strategy::OneForAll) => vec![2, 2, 2],
                };
                let case = format!("{strategy:?} {restart:?} {exit:?}");
                simulate(async move {
                    let cfg = Config { strategy, ..Config::default() };
                    let children = [("a", Permanent), ("b", restart), ("c", Permanent)];
                    let bench = bench(cfg, &children).await;
                    bench.hit(1, exit).await;
                    assert_eq!(bench.incarnations().await, expected, "{case}");
                    let phase = match (is_restarted, restart) {
                        (true, _) => Some("running"),
                        (false, Temporary) => None,
                        (false, _) => Some("ended"),
                    };
                    assert_eq!(bench.phase("b").await, phase, "{case}");
                    assert_eq!(bench.phase("a").await, Some("running"), "{case}");
                    assert_eq!(bench.phase("c").await, Some("running"), "{case}");
                });
            }
        }
    }
}

#[test]
fn group_is_stopped_in_reverse_and_started_in_order() {
    simulate(async {
        let cfg = Config { strategy: Strategy::OneForAll, ..Config::default() };
        let children = ["a", "b", "c", "d"].map(|name| (name, Restart::Permanent));
        let bench = bench(cfg, &children).await;
        assert_eq!(bench.take_journal(), ["start a", "start b", "start c", "start d"]);
        bench.hit(1, Message::Panic).await;
        let expected = ["stop d", "stop c", "stop a", "start a", "start b", "start c", "start d"];
        assert_eq!(bench.take_journal(), expected);
    });
}

#[test]
fn temporary_siblings_of_a_failed_group_are_forgotten() {
    simulate(async {
        let cfg = Config { strategy: Strategy::OneForAll, ..Config::default() };
        let children = [("a", Restart::Permanent), ("b", Restart::Temporary)];
        let bench = bench(cfg, &children).await;
        bench.hit(0, Message::Fail).await;
        assert_eq!(bench.incarnations().await, [2]);
        assert!(bench.handles[1].closed().is_some(), "whoever asks it learns that it is gone");
    });
}

#[test]
fn stop_is_in_reverse_order_and_under_a_deadline() {
    simulate(async {
        let children = ["a", "b", "c"].map(|name| (name, Restart::Permanent));
        let mut bench = bench(Config::default(), &children).await;
        bench.take_journal();
        bench.handles[1].tell(Message::Hang).expect("it is running");
        let began = Instant::now();
        bench.top.stop();
        assert_eq!(bench.watch.exited().await, ExitReason::Normal);
        assert_eq!(bench.take_journal(), ["stop c", "stop a"], "b was killed");
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        assert!(bench.handles.iter().all(|handle| handle.closed().is_some()));
    });
}

#[test]
fn killed_supervisor_takes_its_children_along() {
    simulate(async {
        let mut bench = bench(Config::default(), &[("a", Restart::Permanent)]).await;
        bench.top.kill();
        assert_eq!(bench.watch.exited().await, ExitReason::Killed);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!bench.handles[0].is_running());
    });
}

#[test]
fn panic_in_stopped_is_contained() {
    simulate(async {
        let bench = bench(Config::default(), &[("!a", Restart::Permanent)]).await;
        bench.hit(0, Message::Fail).await;
        assert_eq!(bench.incarnations().await, [2]);
        let last = bench.children().await[0].last_exit.clone().expect("it exited");
        assert!(last.starts_with("panicked: on request, at the end"), "{last}");
    });
}

#[test]
fn exceeded_intensity_escalates_to_the_parent() {
    simulate(async {
        let (journal, heard) = (Journal::default(), Arc::<Heard>::default());
        let (spec, worker) = probe("worker", Restart::Permanent, &journal);
        let inner = SupervisorSpec::new("inner", Config::default(), tools(&heard), vec![spec]);
        let inner_handle = inner.handle().clone();
        let children = vec![inner.child(Restart::Permanent)];
        let outer = SupervisorSpec::new("outer", Config::default(), tools(&heard), children);
        let outer_handle = outer.handle().clone();
        let _watch = outer.start(&Spawner::Current);
        for _ in 0..4 {
            worker.tell(Message::Fail).expect("the mailbox outlives it");
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        let inner = &outer_handle.children(SOON).await.expect("an answer")[0];
        assert_eq!((inner.incarnation, inner.n_restarts, inner.phase), (2, 1, "running"));
        let why = inner.last_exit.clone().expect("it failed");
        assert!(why.contains("a child failed too often"), "{why}");
        let worker = &inner_handle.children(SOON).await.expect("an answer")[0];
        assert_eq!((worker.incarnation, worker.phase), (1, "running"), "all is new");
        assert!(heard.alerts.lock().expect("not poisoned").is_empty());
    });
}

#[test]
fn nested_supervisor_starts_its_children_before_the_next_sibling() {
    simulate(async {
        let (journal, heard) = (Journal::default(), Arc::<Heard>::default());
        let spec = |name| probe(name, Restart::Permanent, &journal).0;
        let inner = vec![spec("a"), spec("b")];
        let inner = SupervisorSpec::new("inner", Config::default(), tools(&heard), inner);
        let children = vec![inner.child(Restart::Permanent), spec("c")];
        let outer = SupervisorSpec::new("outer", Config::default(), tools(&heard), children);
        let top = outer.handle().clone();
        let mut watch = outer.start(&Spawner::Current);
        watch.started().await.expect("it starts");
        top.stop();
        watch.exited().await;
        let expected = ["start a", "start b", "start c", "stop c", "stop b", "stop a"];
        assert_eq!(*journal.lock().expect("not poisoned"), expected);
    });
}

#[test]
fn exceeded_intensity_at_the_top_is_quarantined_with_an_alert() {
    for strategy in STRATEGIES {
        simulate(async move {
            let cfg = Config { strategy, on_storm: OnStorm::Quarantine, ..Config::default() };
            let children = [("a", Restart::Permanent), ("b", Restart::Permanent)];
            let bench = bench(cfg, &children).await;
            for _ in 0..4 {
                bench.hit(0, Message::Panic).await;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            assert_eq!(bench.phase("a").await, Some("quarantined"));
            let sibling = if strategy == Strategy::OneForOne { "running" } else { "quarantined" };
            assert_eq!(bench.phase("b").await, Some(sibling));
            let alerts = bench.alerts();
            assert!(matches!(&alerts[..], [Alert::Quarantined { child, .. }] if child == "a"));
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert_eq!(bench.phase("a").await, Some("quarantined"), "never in a loop");
            assert!(bench.top.revive("a"));
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(bench.phase("a").await, Some("running"));
        });
    }
}

#[test]
fn backoff_grows_is_capped_and_is_forgiven() {
    simulate(async {
        let backoff = backoff::Config { max_ms: 1_000, ..backoff::Config::default() };
        let cfg = Config { backoff, ..Config::default() };
        let bench = bench(cfg, &[("a", Restart::Permanent)]).await;
        for _ in 0..7 {
            // Slower than the intensity, faster than forgiveness.
            tokio::time::sleep(Duration::from_secs(4)).await;
            bench.hit(0, Message::Fail).await;
        }
        tokio::time::sleep(Duration::from_secs(31)).await;
        bench.hit(0, Message::Fail).await;
        let delays = bench.heard.delays_ms.lock().expect("not poisoned").clone();
        assert_eq!(delays, [50, 100, 200, 400, 800, 1_000, 1_000, 50]);
    });
}

#[test]
fn fenced_child_stays_down() {
    simulate(async {
        let bench = bench(Config::default(), &[("a", Restart::Permanent)]).await;
        bench.hit(0, Message::Fence).await;
        assert_eq!(bench.incarnations().await, [1]);
        assert_eq!(bench.phase("a").await, Some("quarantined"));
        assert_eq!(bench.handles[0].closed(), Some(ExitReason::Fenced { by_epoch: 9 }));
    });
}

#[test]
fn children_come_and_go() {
    simulate(async {
        let cfg = Config { n_children_max: 2, ..Config::pool() };
        let bench = bench(cfg, &[("a", Restart::Permanent)]).await;
        let (spec, handle) = probe("b", Restart::Transient, &bench.journal);
        bench.top.add(spec.clone(), SOON).await.expect("there is room");
        assert_eq!(bench.top.add(spec, SOON).await, Err(AddError::Exists { name: "b".into() }));
        let (third, _) = probe("c", Restart::Transient, &bench.journal);
        assert_eq!(bench.top.add(third.clone(), SOON).await, Err(AddError::TooMany { n_max: 2 }));
        handle.tell(Message::Fail).expect("it is running");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(bench.incarnations().await, [1, 2]);
        bench.top.remove("b", SOON).await.expect("removed");
        assert!(!handle.is_running(), "it is gone when the answer comes");
        assert_eq!(handle.tell(Message::Fail).is_err(), handle.closed().is_some());
        bench.top.add(third, SOON).await.expect("there is room again");
    });
}

#[test]
fn slow_start_is_killed_and_counted() {
    struct Slow;
    impl Behaviour for Slow {
        type Message = ();
        async fn started(&mut self, _: &Handle<()>) -> Result<(), ExitReason> {
            std::future::pending().await
        }
        async fn handle(&mut self, (): (), _: &Handle<()>) -> Result<(), ExitReason> {
            Ok(())
        }
    }
    simulate(async {
        let heard = Arc::<Heard>::default();
        let handle = Handle::new("slow", mailbox::Config::default());
        let spec = ChildSpec::actor(&handle, Restart::Permanent, || Slow);
        let cfg = Config { start_ms_max: 1_000, ..Config::default() };
        let spec = SupervisorSpec::new("top", cfg, tools(&heard), vec![spec]);
        let top = spec.handle().clone();
        let _watch = spec.start(&Spawner::Current);
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let slow = &top.children(SOON).await.expect("an answer")[0];
        assert_eq!((slow.incarnation, slow.last_exit.as_deref()), (3, Some("killed")));
    });
}

#[test]
fn pool_starts_and_stops_at_once() {
    simulate(async {
        assert_eq!(Config::pool().order, Order::AtOnce);
        let mut bench = bench(Config::pool(), &[("a", Restart::Permanent)]).await;
        for name in ["b", "c", "d", "e"] {
            let (spec, handle) = probe(name, Restart::Permanent, &bench.journal);
            bench.top.add(spec, SOON).await.expect("there is room");
            handle.tell(Message::Hang).expect("it is running");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        bench.top.stop();
        bench.watch.exited().await;
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    });
}

#[test]
fn children_run_on_arbiters_in_production() {
    let system = actix::System::new();
    system.block_on(async {
        let heard = Arc::<Heard>::default();
        let journal = Journal::default();
        let children: Vec<_> =
            ["a", "b", "c"].map(|name| probe(name, Restart::Permanent, &journal)).into();
        let (specs, handles): (Vec<_>, Vec<_>) = children.into_iter().unzip();
        let tools = Tools::new(Spawner::arbiters(2), Arc::new(SystemClock), heard.clone());
        let spec = SupervisorSpec::new("top", Config::default(), tools, specs);
        let top = spec.handle().clone();
        let mut watch = spec.start(&Spawner::arbiters(1));
        watch.started().await.expect("it starts");
        handles[1].tell(Message::Panic).expect("it takes messages");
        let restarted = async {
            while top.children(SOON).await.expect("an answer")[1].incarnation != 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, restarted).await.expect("it is restarted");
        top.stop();
        assert_eq!(watch.exited().await, ExitReason::Normal);
    });
}
