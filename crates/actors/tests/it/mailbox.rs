//! Mailboxes, fairness and staged stop in virtual time.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callboard_actors::stop::{self, End, Outcome, Stage, stop};
use callboard_actors::{
    AskError, Behaviour, ExitReason, Handle, Reply, Report, Spawner, TellError, Watch, launch,
    mailbox,
};

use crate::common::{SOON, simulate};

enum Message {
    Note(&'static str),
    Ask(Reply<usize>),
    Sleep(Duration),
}

type Journal = Arc<Mutex<Vec<&'static str>>>;

struct Scribe(Journal);

impl Behaviour for Scribe {
    type Message = Message;

    async fn handle(&mut self, message: Message, _: &Handle<Message>) -> Result<(), ExitReason> {
        match message {
            Message::Note(what) => self.0.lock().expect("not poisoned").push(what),
            Message::Ask(reply) => reply.send(self.0.lock().expect("not poisoned").len()),
            Message::Sleep(time) => tokio::time::sleep(time).await,
        }
        Ok(())
    }

    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({ "notes": self.0.lock().expect("not poisoned").len() })
    }
}

fn start(handle: &Handle<Message>, journal: &Journal) -> Watch {
    let (report, watch) = Report::watched();
    let journal = Arc::clone(journal);
    launch(&Spawner::Current, handle, report, move || Scribe(journal));
    watch
}

fn small() -> Handle<Message> {
    let cfg = mailbox::Config { n_data_max: 4, n_control_max: 2, ..mailbox::Config::default() };
    Handle::new("scribe", cfg)
}

#[test]
fn full_lanes_are_reported_and_the_message_comes_back() {
    simulate(async {
        let (handle, journal) = (small(), Journal::default());
        for _ in 0..4 {
            handle.tell(Message::Note("data")).expect("there is room");
        }
        let refused = handle.tell(Message::Note("fifth"));
        assert!(matches!(refused, Err(TellError::Full(Message::Note("fifth")))));
        assert_eq!(handle.ask(SOON, Message::Ask).await, Err(AskError::Full));
        for _ in 0..2 {
            handle.control(Message::Note("control")).expect("the lanes are apart");
        }
        assert!(matches!(handle.control(Message::Note("x")), Err(TellError::Full(_))));
        start(&handle, &journal);
        assert_eq!(handle.ask_control(SOON, Message::Ask).await, Err(AskError::Full));
        tokio::task::yield_now().await;
        assert_eq!(handle.ask(SOON, Message::Ask).await, Ok(6));
    });
}

#[test]
fn control_overtakes_a_flooded_data_lane() {
    simulate(async {
        let journal = Journal::default();
        let handle = Handle::new("scribe", mailbox::Config::default());
        start(&handle, &journal);
        handle.tell(Message::Sleep(Duration::from_secs(1))).expect("there is room");
        for _ in 0..1_000 {
            handle.tell(Message::Note("data")).expect("there is room");
        }
        handle.control(Message::Note("control")).expect("there is room");
        assert_eq!(handle.ask_control(SOON, Message::Ask).await, Ok(1));
        assert_eq!(journal.lock().expect("not poisoned")[0], "control");
    });
}

#[test]
fn stop_overtakes_a_flood_and_leaves_it_to_the_next_incarnation() {
    simulate(async {
        let journal = Journal::default();
        let handle = Handle::new("scribe", mailbox::Config::default());
        let mut watch = start(&handle, &journal);
        for _ in 0..500 {
            handle.tell(Message::Note("data")).expect("there is room");
        }
        handle.stop();
        handle.stop();
        assert_eq!(watch.exited().await, ExitReason::Normal);
        assert_eq!(handle.n_waiting(), 500);
        let mut watch = start(&handle, &journal);
        watch.started().await.expect("a stop is for one incarnation");
        assert_eq!(handle.ask(SOON, Message::Ask).await, Ok(500));
    });
}

#[test]
fn ask_has_a_deadline_and_learns_of_the_end() {
    simulate(async {
        let (handle, journal) = (small(), Journal::default());
        let waited = handle.ask(Duration::from_secs(1), Message::Ask).await;
        assert_eq!(waited, Err(AskError::TimedOut), "nobody is there yet");
        start(&handle, &journal);
        handle.tell(Message::Sleep(SOON)).expect("there is room");
        let asked = handle.ask(SOON, Message::Ask);
        let closed = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            handle.close(ExitReason::Normal);
        };
        let (asked, ()) = futures_util::join!(asked, closed);
        assert_eq!(asked, Err(AskError::Stopped));
        assert!(matches!(handle.tell(Message::Note("x")), Err(TellError::Stopped(_))));
    });
}

#[test]
fn busy_actor_lets_its_siblings_run() {
    simulate(async {
        let order = Journal::default();
        let busy = Handle::new("busy", mailbox::Config::default());
        let sibling = Handle::new("sibling", mailbox::Config::default());
        for _ in 0..1_000 {
            busy.tell(Message::Note("busy")).expect("there is room");
        }
        sibling.tell(Message::Note("sibling")).expect("there is room");
        start(&busy, &order);
        start(&sibling, &order);
        while busy.n_waiting() > 0 {
            tokio::task::yield_now().await;
        }
        let order = order.lock().expect("not poisoned");
        let place = order.iter().position(|name| *name == "sibling").expect("it ran");
        assert!(place <= 64, "the sibling waited for {place} messages");
    });
}

#[test]
fn observable_state_comes_ahead_of_the_data() {
    simulate(async {
        let (handle, journal) = (small(), Journal::default());
        handle.tell(Message::Note("data")).expect("there is room");
        start(&handle, &journal);
        let state = handle.observable_state(SOON).await.expect("a state");
        assert_eq!(state["notes"], 0);
    });
}

fn stage(name: &'static str, time: Duration, done: &Journal) -> Stage {
    let done = Arc::clone(done);
    Stage::new(name, async move {
        tokio::time::sleep(time).await;
        done.lock().expect("not poisoned").push(name);
    })
}

async fn stopped(stages: Vec<Stage>, second: impl Future<Output = ()>) -> Outcome {
    let outcome = RefCell::new(None);
    let cfg = stop::Config { stop_ms_max: 10_000, stage_ms_min: 500 };
    stop(cfg, stages, second, |it| *outcome.borrow_mut() = Some(it)).await;
    outcome.into_inner().expect("exit is always called")
}

#[test]
fn stages_stop_in_order() {
    simulate(async {
        let done = Journal::default();
        let second = Duration::from_secs(1);
        let stages = ["gateway", "agents", "log"].map(|name| stage(name, second, &done)).into();
        let outcome = stopped(stages, std::future::pending()).await;
        assert_eq!((outcome.code(), outcome), (0, Outcome::Stopped { failed: vec![] }));
        assert_eq!(*done.lock().expect("not poisoned"), ["gateway", "agents", "log"]);
    });
}

#[test]
fn late_stage_leaves_time_for_the_later_ones() {
    simulate(async {
        let done = Journal::default();
        let began = tokio::time::Instant::now();
        let stages = vec![
            Stage::new("panics", async { panic!("on request") }),
            stage("hangs", Duration::from_secs(3_600), &done),
            stage("flush", Duration::from_millis(400), &done),
        ];
        let outcome = stopped(stages, std::future::pending()).await;
        let panicked = End::Panicked("on request".to_owned());
        let failed = vec![("panics", panicked), ("hangs", End::Late)];
        assert_eq!((outcome.code(), outcome), (1, Outcome::Stopped { failed }));
        assert_eq!(*done.lock().expect("not poisoned"), ["flush"]);
        assert!(began.elapsed() <= Duration::from_secs(10));
    });
}

#[test]
fn second_signal_exits_at_once() {
    simulate(async {
        let done = Journal::default();
        let stages = vec![stage("hangs", Duration::from_secs(3_600), &done)];
        let began = tokio::time::Instant::now();
        let outcome = stopped(stages, tokio::time::sleep(Duration::from_secs(1))).await;
        assert_eq!((outcome.code(), outcome), (1, Outcome::Forced { stage: "hangs" }));
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    });
}

#[test]
fn this_build_unwinds() {
    callboard_actors::assert_unwind();
}
