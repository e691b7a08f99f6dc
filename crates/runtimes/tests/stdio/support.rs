//! What the tests of running programs share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callboard_agent::description::Description;
use callboard_agent::event::{Event, PermissionAnswer, PermissionRequest, TurnOutcome, Usage};
use callboard_agent::runtime::{Launch, Runtime, Session};
use callboard_process::Launcher;
use callboard_runtimes::stdio::{Config, StdioRuntime};
use callboard_stdx::clock::SystemClock;
use callboard_testkit::model_server::ModelServer;
use tempfile::TempDir;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// A folder with a home and a workspace, a model server, and the runtime under test.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) owner: String,
    pub(crate) server: ModelServer,
    pub(crate) runtime: StdioRuntime,
}

impl Stage {
    pub(crate) fn new(cfg: Config, description: Description) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("work")).expect("writable");
        let owner = Uuid::now_v7().to_string();
        let runtime = runtime(cfg, description, &owner);
        let server = ModelServer::start().expect("a free port");
        Self { folder, owner, server, runtime }
    }

    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    pub(crate) fn launch(&self, resume: Option<&str>) -> Launch {
        let env = [
            ("ANTHROPIC_BASE_URL", self.server.url()),
            ("ANTHROPIC_API_KEY", "sk-ant-scripted".to_owned()),
        ];
        Launch {
            agent: "tests".parse().expect("legal"),
            epoch: 1,
            folder: self.work(""),
            home: self.folder.path().join("home"),
            resume: resume.map(str::to_owned),
            model: None,
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    pub(crate) async fn start(&self, resume: Option<&str>) -> (Driver, Option<String>) {
        let session = self.runtime.start(self.launch(resume)).await.expect("the program starts");
        let mut driver = Driver { session, events: Vec::new() };
        match driver.next().await {
            Event::Ready { in_flight, .. } => (driver, in_flight),
            event => panic!("not ready: {event:?}"),
        }
    }

    /// The processes of this stage that live.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("a /proc").flatten() {
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let is_zombie = String::from_utf8_lossy(&read("stat")).contains(") Z ");
            if !is_zombie && String::from_utf8_lossy(&read("environ")).contains(&self.owner) {
                found.push(String::from_utf8_lossy(&read("cmdline")).replace('\0', " "));
            }
        }
        found
    }

    pub(crate) async fn until(&self, what: &str, fact: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !fact(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "not within {PATIENCE:?}: {what}; {:#?}", self.processes());
    }
}

/// A runtime whose processes carry the owner's name.
pub(crate) fn runtime(cfg: Config, description: Description, owner: &str) -> StdioRuntime {
    let launcher = Launcher::at(env!("CARGO_BIN_EXE_guard-for-runtimes"));
    StdioRuntime::new(cfg, description, launcher, owner.to_owned(), Arc::new(SystemClock))
}

/// A session and all that it told so far.
pub(crate) struct Driver {
    pub(crate) session: Box<dyn Session>,
    pub(crate) events: Vec<Event>,
}

impl Driver {
    pub(crate) async fn next(&mut self) -> Event {
        let event = timeout(PATIENCE, self.session.next()).await;
        let event = event.unwrap_or_else(|_| panic!("silence after {:#?}", self.events));
        let event = event.expect("the last event was not awaited again");
        self.events.push(event.clone());
        event
    }

    pub(crate) async fn prompt(&mut self, text: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.session.prompt(id, text).await.expect("idle");
        id
    }

    pub(crate) async fn request(&mut self) -> PermissionRequest {
        loop {
            match self.next().await {
                Event::PermissionRequested(request) => return request,
                Event::TurnEnded { .. } | Event::Exited { .. } => panic!("{:#?}", self.events),
                _ => {}
            }
        }
    }

    pub(crate) async fn answer(&mut self, answer: PermissionAnswer) -> PermissionRequest {
        let request = self.request().await;
        self.session.answer(&request.id, answer).await.expect("it lives");
        request
    }

    pub(crate) async fn turn_ended(&mut self) -> (Uuid, TurnOutcome, String) {
        loop {
            match self.next().await {
                Event::TurnEnded { prompt, outcome, summary } => return (prompt, outcome, summary),
                Event::Exited { .. } => panic!("{:#?}", self.events),
                _ => {}
            }
        }
    }

    pub(crate) async fn exited(&mut self) -> Event {
        loop {
            let event = self.next().await;
            if matches!(event, Event::Exited { .. }) {
                return event;
            }
        }
    }

    pub(crate) fn session_id(&self) -> String {
        match &self.events[0] {
            Event::Ready { session, .. } => session.clone(),
            event => panic!("not ready first: {event:?}"),
        }
    }

    pub(crate) fn total(&self) -> Usage {
        let mut total = Usage::default();
        for event in &self.events {
            if let Event::Usage(usage) = event {
                total.input_tokens += usage.input_tokens;
                total.output_tokens += usage.output_tokens;
                total.cached_tokens += usage.cached_tokens;
                total.cost_micro_usd += usage.cost_micro_usd;
            }
        }
        total
    }
}
