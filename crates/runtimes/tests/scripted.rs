//! The scripted runtime with its real program under its real guard.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callboard_agent::event::{Event, PermissionAnswer, TurnOutcome, Usage};
use callboard_agent::runtime::{Launch, Runtime, Session, SessionError, StartError};
use callboard_process::Launcher;
use callboard_process::command::{self, Spec};
use callboard_runtimes::scripted::{Config, ScriptedRuntime};
use callboard_stdx::clock::SystemClock;
use tempfile::TempDir;
use tokio::time::timeout;
use uuid::Uuid;

const BINARY: &str = env!("CARGO_BIN_EXE_guard-for-runtimes");
const PATIENCE: Duration = Duration::from_secs(30);
const GO_ON: &str = "You were interrupted. Go on with your task: x";

struct Stage {
    folder: TempDir,
    runtime: ScriptedRuntime,
}

impl Stage {
    fn new() -> Self {
        Self::with_program(BINARY)
    }

    fn with_program(program: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("work")).expect("writable");
        let launcher = Launcher::at(BINARY);
        let clock = Arc::new(SystemClock);
        let owner = Uuid::now_v7().to_string();
        let runtime = ScriptedRuntime::new(Config::default(), launcher, program, owner, clock);
        Self { folder, runtime }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn launch(&self, resume: Option<&str>) -> Launch {
        Launch {
            agent: "tests".parse().expect("legal"),
            epoch: 1,
            folder: self.path("work"),
            home: self.path("home"),
            resume: resume.map(str::to_owned),
            model: None,
            env: [("A_MARK".to_owned(), "given".to_owned())].into(),
        }
    }

    async fn start(&self, resume: Option<&str>) -> Driver {
        let session = self.runtime.start(self.launch(resume)).await.expect("it starts");
        let mut driver = Driver { session, id: String::new(), in_flight: None, events: Vec::new() };
        match driver.next().await {
            Event::Ready { session, in_flight } => Driver { id: session, in_flight, ..driver },
            event => panic!("not ready: {event:?}"),
        }
    }

    /// Kills the program and resumes its session.
    async fn restart(&self, driver: Driver) -> Driver {
        let id = driver.id.clone();
        drop(driver);
        self.start(Some(&id)).await
    }

    async fn sh(&self, script: &str) -> String {
        let spec = Spec::new("/bin/sh", self.path("work")).args(["-c", script]);
        let output = command::run(spec).await.expect("it runs");
        assert!(output.ending.success(), "{}", output.stderr.text());
        output.stdout.text()
    }

    fn effects(&self) -> Vec<String> {
        self.read("effects").lines().map(str::to_owned).collect()
    }
}

struct Driver {
    session: Box<dyn Session>,
    id: String,
    in_flight: Option<String>,
    events: Vec<Event>,
}

impl Driver {
    async fn next(&mut self) -> Event {
        let event = timeout(PATIENCE, self.session.next()).await;
        let event = event.unwrap_or_else(|_| panic!("silence after {:#?}", self.events));
        let event = event.expect("the last event was not awaited again");
        self.events.push(event.clone());
        event
    }

    async fn until(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await;
            if is_it(&event) {
                return event;
            }
        }
    }

    async fn give(&mut self, text: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.session.prompt(id, text).await.expect("idle");
        id
    }

    async fn outcome(&mut self) -> (TurnOutcome, String) {
        match self.until(|event| matches!(event, Event::TurnEnded { .. })).await {
            Event::TurnEnded { outcome, summary, .. } => (outcome, summary),
            event => panic!("no end: {event:?}"),
        }
    }

    async fn turn(&mut self, text: &str) -> TurnOutcome {
        self.give(text).await;
        self.outcome().await.0
    }

    async fn request(&mut self) -> (String, Option<String>) {
        match self.until(|event| matches!(event, Event::PermissionRequested(_))).await {
            Event::PermissionRequested(request) => (request.id, request.command),
            event => panic!("no request: {event:?}"),
        }
    }
}

fn script(steps: &str) -> String {
    format!("Do this.\n```script\n{steps}\n```\n")
}

fn failed(reason: &str) -> TurnOutcome {
    TurnOutcome::Failed { reason: reason.to_owned() }
}

#[tokio::test]
async fn script_writes_runs_commits_and_tells() {
    let stage = Stage::new();
    stage.sh("git init -q -b main .").await;
    let mut driver = stage.start(None).await;
    let steps = "say hello\nprogress half way\ntokens 100 20 3\nwrite src/a.txt <<END\none\ntwo\nEND\n\
         append src/a.txt <<END\nthree\nEND\nedit src/a.txt <<END\ntwo\n=======\nzwei\nEND\n\
         run cat src/a.txt; echo $A_MARK $CALLBOARD_AGENT\ncommit Add \"a\" $(touch x)\ncommit again";
    let prompt = driver.give(&script(steps)).await;
    assert_eq!(driver.next().await, Event::TurnStarted { prompt });
    assert_eq!(driver.outcome().await.0, TurnOutcome::Completed);
    assert_eq!(stage.read("work/src/a.txt"), "one\nzwei\nthree\n");
    assert_eq!(
        stage.sh("git log --format=%s; git status --porcelain").await,
        "Add \"a\" $(touch x)\n"
    );
    let has =
        |event: &Event| assert!(driver.events.contains(event), "{event:?}: {:#?}", driver.events);
    has(&Event::Output { text: "hello".to_owned() });
    has(&Event::Output { text: "one\nzwei\nthree\ngiven tests\n".to_owned() });
    has(&Event::Output { text: "nothing to commit\n".to_owned() });
    has(&Event::Progress { text: "half way".to_owned() });
    let (input_tokens, output_tokens, cached_tokens) = (100, 20, 3);
    has(&Event::Usage(Usage { input_tokens, output_tokens, cached_tokens, cost_micro_usd: 0 }));
    has(&Event::ToolEnded { call: "step-4".to_owned(), failed: false });
    let files = stage.runtime.session_files(&stage.launch(None), &driver.id).expect("readable");
    assert_eq!(files, [PathBuf::from(format!("sessions/{}.jsonl", driver.id))]);
}

#[tokio::test]
async fn message_without_a_script_is_answered_also_between_two_lives() {
    let stage = Stage::new();
    let mut driver = stage.start(None).await;
    driver.give("how are you?").await;
    let answer = (TurnOutcome::Completed, "I read: how are you?".to_owned());
    assert_eq!(driver.outcome().await, answer);
    driver.give(&script("say a\nhang")).await;
    driver.until(|event| *event == Event::Output { text: "a".to_owned() }).await;
    let mut driver = stage.restart(driver).await;
    driver.give("how are you?").await;
    assert_eq!(driver.outcome().await, answer);
}

#[tokio::test]
async fn file_may_hold_the_script() {
    let stage = Stage::new();
    std::fs::write(stage.path("play"), "run touch played").expect("writable");
    let mut driver = stage.start(None).await;
    let prompt = format!("Play.\nscript: {}", stage.path("play").display());
    assert_eq!(driver.turn(&prompt).await, TurnOutcome::Completed);
    assert!(stage.path("work/played").exists());
}

#[tokio::test]
async fn permission_is_waited_for_and_obeyed() {
    let stage = Stage::new();
    let mut driver = stage.start(None).await;
    driver
        .give(&script("ask touch allowed\nask touch denied\nrun touch after\nask touch cut"))
        .await;
    let (id, command) = driver.request().await;
    assert_eq!(command.as_deref(), Some("touch allowed"));
    let silent = timeout(Duration::from_millis(100), driver.session.next()).await;
    assert!(silent.is_err() && !stage.path("work/allowed").exists());
    assert!(matches!(driver.session.prompt(Uuid::nil(), "x").await, Err(SessionError::Busy)));
    driver.session.answer(&id, PermissionAnswer::Allow).await.expect("it runs");
    let (id, _) = driver.request().await;
    assert!(stage.path("work/allowed").exists());
    let reason = "not today".to_owned();
    driver.session.answer(&id, PermissionAnswer::Deny { reason }).await.expect("it runs");
    let (id, command) = driver.request().await;
    assert_eq!(command.as_deref(), Some("touch cut"));
    assert!(!stage.path("work/denied").exists() && stage.path("work/after").exists());
    driver.session.interrupt().await.expect("it runs");
    assert_eq!(driver.next().await, Event::PermissionCancelled { id });
    assert_eq!(driver.outcome().await.0, TurnOutcome::Interrupted);
    assert!(!stage.path("work/cut").exists());
}

#[tokio::test]
async fn interrupted_script_goes_on_where_it_was() {
    let stage = Stage::new();
    let effects = stage.path("effects").display().to_string();
    let steps = format!("effect {effects} t 1\nrun test -e go || sleep 1000\neffect {effects} t 3");
    let mut driver = stage.start(None).await;
    driver.give(&script(&steps)).await;
    let second =
        |event: &Event| matches!(event, Event::ToolStarted { call, .. } if call == "step-2");
    driver.until(second).await;
    driver.session.interrupt().await.expect("it runs");
    assert_eq!(driver.outcome().await.0, TurnOutcome::Interrupted);
    stage.sh("touch go").await;
    assert_eq!(driver.turn(GO_ON).await, TurnOutcome::Completed);
    assert_eq!(stage.effects(), ["begin t 1", "end t 1", "begin t 3", "end t 3"]);
}

#[tokio::test]
async fn killed_program_repeats_no_completed_step() {
    let stage = Stage::new();
    let effects = stage.path("effects").display().to_string();
    let n_steps = 60;
    let steps: Vec<_> = (0..n_steps).map(|n| format!("effect {effects} t {n} 4ms")).collect();
    let prompt = script(&steps.join("\n"));
    let mut resume: Option<String> = None;
    let (mut n_lives, mut n_in_flight) = (0, 0);
    loop {
        let mut driver = stage.start(resume.as_deref()).await;
        n_lives += 1;
        n_in_flight += u32::from(driver.in_flight.is_some());
        driver.give(if n_lives % 2 == 0 { GO_ON } else { &prompt }).await;
        resume = Some(driver.id.clone());
        // Another moment in each life, and each life gets somewhere.
        let life = Duration::from_millis(20 + 7 * (n_lives % 5));
        if timeout(life, driver.outcome()).await.is_ok() {
            break;
        }
    }
    assert!(n_lives > 3 && n_in_flight > 0, "{n_lives} lives, {n_in_flight} steps in flight");
    let effects = stage.effects();
    let ends: Vec<_> = effects.iter().filter(|line| line.starts_with("end ")).collect();
    let wanted: Vec<_> = (0..n_steps).map(|n| format!("end t {n}")).collect();
    assert_eq!(ends, wanted.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn step_in_flight_is_told() {
    let stage = Stage::new();
    let mut driver = stage.start(None).await;
    assert_eq!(driver.in_flight, None);
    driver.give(&script("say a\nrun touch begun; sleep 1000")).await;
    driver.until(|event| matches!(event, Event::ToolStarted { .. })).await;
    let id = driver.id.clone();
    drop(driver);
    let driver = stage.start(Some(&id)).await;
    assert_eq!(driver.in_flight.as_deref(), Some("step 2: Bash touch begun; sleep 1000"));
}

#[tokio::test]
async fn crash_and_exit_happen_once() {
    let stage = Stage::new();
    let prompt = script("crash\nrun touch one\nexit 7\nrun touch two");
    let mut driver = stage.start(None).await;
    driver.give(&prompt).await;
    let exited = driver.until(|event| matches!(event, Event::Exited { .. })).await;
    assert!(matches!(exited, Event::Exited { code: None, signal: Some(6), .. }), "{exited:?}");
    assert_eq!(driver.session.next().await, None);
    assert!(matches!(driver.session.prompt(Uuid::nil(), "x").await, Err(SessionError::Gone)));

    let mut driver = stage.restart(driver).await;
    driver.give(&prompt).await;
    let exited = driver.until(|event| matches!(event, Event::Exited { .. })).await;
    assert!(matches!(exited, Event::Exited { code: Some(7), signal: None, .. }), "{exited:?}");
    assert!(stage.path("work/one").exists() && !stage.path("work/two").exists());

    let mut driver = stage.restart(driver).await;
    assert_eq!(driver.turn(GO_ON).await, TurnOutcome::Completed);
    assert!(stage.path("work/two").exists());
}

#[tokio::test]
async fn failures_fail_the_turn_and_nothing_more() {
    let stage = Stage::new();
    let mut driver = stage.start(None).await;
    for (steps, reason) in [
        ("say a\nrun exit 4", "step 2: `exit 4` ended with exit code 4"),
        ("fail no way", "step 1: no way"),
        ("dance", "failed to read line 1 of the script: there is no step \"dance\""),
        ("edit none <<E\na\n=======\nb\nE", "step 1: No such file or directory (os error 2)"),
    ] {
        assert_eq!(driver.turn(&script(steps)).await, failed(reason), "{steps}");
    }
    let once = script(&format!("fail-once {} first", stage.path("marker").display()));
    assert_eq!(driver.turn(&once).await, failed("step 1: first"));
    assert_eq!(driver.turn(&once).await, TurnOutcome::Completed);
    assert_eq!(driver.turn(&script("try exit 4")).await, TurnOutcome::Completed);
    let mut fresh = stage.start(None).await;
    assert_eq!(fresh.turn(GO_ON).await, failed("there is no task to go on with"));
}

#[tokio::test]
async fn outcome_that_nobody_heard_is_told_again_without_the_work() {
    let stage = Stage::new();
    let prompt = script(&format!("effect {} t 1", stage.path("effects").display()));
    let mut driver = stage.start(None).await;
    assert_eq!(driver.turn(&prompt).await, TurnOutcome::Completed);
    let mut driver = stage.restart(driver).await;
    assert_eq!(driver.turn(&prompt).await, TurnOutcome::Completed);
    assert_eq!(stage.effects(), ["begin t 1", "end t 1"]);
    // Now it was heard: the same text is a new task, as is another text in a new life.
    assert_eq!(driver.turn(&prompt).await, TurnOutcome::Completed);
    assert_eq!(stage.effects().len(), 4);
    let mut driver = stage.restart(driver).await;
    assert_eq!(driver.turn(&format!("{prompt}\nMend it.")).await, TurnOutcome::Completed);
    assert_eq!(stage.effects().len(), 6);
}

#[tokio::test]
async fn flood_of_a_program_is_read_at_the_readers_pace() {
    let stage = Stage::new();
    let mut driver = stage.start(None).await;
    let mut total = 0;
    driver.give(&script("flood 3000000")).await;
    loop {
        match timeout(PATIENCE, driver.session.next()).await.expect("in time") {
            Some(Event::Output { text }) => total += text.len(),
            Some(Event::TurnEnded { outcome, .. }) => {
                assert_eq!(outcome, TurnOutcome::Completed);
                break;
            }
            Some(_) => {}
            None => panic!("it ended"),
        }
    }
    assert!(total >= 3_000_000, "{total}");
}

#[tokio::test]
async fn hanging_script_is_stopped_with_its_tree() {
    let stage = Stage::new();
    let mut driver = stage.start(None).await;
    // The step ends only when its child has a session of its own: what is left of a step is ended.
    let deaf = "setsid sh -c 'trap \"\" TERM; touch deaf; sleep 1000' &";
    let seen = "until [ -e deaf ]; do sleep 0.01; done";
    driver.give(&script(&format!("try {deaf} {seen}\nhang"))).await;
    let waiting = async {
        while !stage.path("work/deaf").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it runs");
    timeout(PATIENCE, driver.session.stop(Duration::from_millis(200))).await.expect("it stops");
    let exited = driver.until(|event| matches!(event, Event::Exited { .. })).await;
    assert!(matches!(exited, Event::Exited { .. }));
}

#[tokio::test]
async fn starts_that_cannot_work_say_why() {
    let error = |result: Result<Box<dyn Session>, StartError>| result.err().expect("no start");
    let stage = Stage::new();
    let no_session = error(stage.runtime.start(stage.launch(Some("gone"))).await);
    assert!(matches!(no_session, StartError::NoSession { .. }), "{no_session}");
    let missing = Stage::with_program("/nowhere/program");
    let missing = error(missing.runtime.start(missing.launch(None)).await);
    assert!(matches!(missing, StartError::Missing { .. }), "{missing}");
    let ends = Stage::with_program("/bin/false");
    let ends = error(ends.runtime.start(ends.launch(None)).await);
    assert!(
        matches!(&ends, StartError::EndedAtOnce { reason, .. } if reason.starts_with("exit code 1")),
        "{ends}"
    );
}
