//! A program that is played: it takes time, does steps, asks for permission, dies, hangs, fails, and
//! goes on where its files say that it was.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callboard_agent::event::{PermissionAnswer, PermissionRequest, TurnOutcome, Usage};
use callboard_agent::runtime::SessionError;
use callboard_agent::{Event, Launch, Runtime, Session, StartError};
use callboard_domain::id::ProgramName;
use callboard_domain::task::Attempt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::broken::Broken;
use crate::dice::fixed;
use crate::host::Host;
use crate::record::Kind;

/// What every message of a simulation contains, so that the program knows it from a task.
pub const MESSAGE_MARK: &str = "message:";

/// The played runtime of one machine.
pub struct Played {
    name: ProgramName,
    host: Arc<Host>,
    broken: Broken,
}

impl Played {
    /// The runtime `played`.
    #[must_use]
    pub fn new(host: Arc<Host>, broken: Broken) -> Self {
        Self { name: name(), host, broken }
    }
}

/// The name of the played runtime.
#[must_use]
pub fn name() -> ProgramName {
    ProgramName::new("played").expect("a legal name")
}

#[async_trait]
impl Runtime for Played {
    fn name(&self) -> &ProgramName {
        &self.name
    }

    async fn start(&self, launch: Launch) -> Result<Box<dyn Session>, StartError> {
        let runtime = self.name.clone();
        let starts_in = self.host.disk().dice.millis(20, 400);
        sleep(starts_in).await;
        if self.host.mishap(0.03) {
            return Err(StartError::EndedAtOnce { runtime, reason: "chance".to_owned() });
        }
        if self.host.mishap(0.005) {
            return Err(StartError::Missing { runtime, reason: "chance".to_owned() });
        }
        if let Some(session) = &launch.resume
            && self.host.mishap(0.03)
        {
            self.host.disk().sessions.remove(session);
            let (session, reason) = (session.clone(), "it is gone".to_owned());
            return Err(StartError::NoSession { session, reason });
        }
        Ok(Box::new(Program::start(&self.host, launch, self.broken)))
    }

    fn session_files(&self, _launch: &Launch, session: &str) -> std::io::Result<Vec<PathBuf>> {
        Ok(vec![PathBuf::from(session)])
    }

    async fn probe(&self) -> Result<String, StartError> {
        Ok("1".to_owned())
    }
}

/// What the program does at present.
enum Doing {
    /// It waits for a prompt.
    Idle,
    /// It is in a turn.
    Turn(Turn),
    /// It took something and will never say anything again.
    Hung,
    /// Its last event was given.
    Gone,
}

struct Turn {
    prompt: Uuid,
    /// None where it answers a message.
    task: Option<Attempt>,
    /// When it does the next thing.
    next_at: Instant,
    /// The permission request that it waits for.
    asked: Option<String>,
    /// The step that it may do now.
    allowed: Option<u32>,
}

/// One running program.
struct Program {
    host: Arc<Host>,
    launch: Launch,
    process: u64,
    task: Option<Attempt>,
    events: VecDeque<Event>,
    doing: Doing,
    killed: watch::Receiver<bool>,
    broken: Broken,
}

impl Program {
    fn start(host: &Arc<Host>, launch: Launch, broken: Broken) -> Self {
        let (kill, killed) = watch::channel(false);
        let mut disk = host.disk();
        disk.n_processes += 1;
        let process = disk.n_processes;
        disk.processes.insert(process, (launch.agent.clone(), kill));
        let task = disk.checkouts.get(&launch.agent).map(|checkout| checkout.attempt.clone());
        // The scratch folder has no task, whatever lies in the clone.
        let task = task.filter(|_| !launch.folder.ends_with("scratch"));
        let known = launch.resume.clone().filter(|session| disk.sessions.contains_key(session));
        let session = known.unwrap_or_else(|| format!("session-{process}"));
        disk.sessions.insert(session.clone(), launch.agent.clone());
        drop(disk);
        let (agent, epoch) = (launch.agent.clone(), launch.epoch);
        host.did(Kind::ProgramStarted { agent, epoch, process });
        let events = VecDeque::from([Event::Ready { session, in_flight: None }]);
        let host = Arc::clone(host);
        Self { host, launch, process, task, events, doing: Doing::Idle, killed, broken }
    }

    fn end(&mut self) {
        if self.host.disk().processes.remove(&self.process).is_some() {
            let (agent, process) = (self.launch.agent.clone(), self.process);
            self.host.did(Kind::ProgramEnded { agent, process });
        }
    }

    fn die(&mut self, signal: Option<i32>) {
        self.end();
        self.doing = Doing::Gone;
        let code = signal.is_none().then_some(1);
        self.events.push_back(Event::Exited { code, signal, stderr: String::new() });
    }

    fn end_turn(&mut self, outcome: TurnOutcome) {
        let Doing::Turn(Turn { prompt, .. }) = std::mem::replace(&mut self.doing, Doing::Idle)
        else {
            return;
        };
        self.events.push_back(Event::Usage(Usage { output_tokens: 7, ..Usage::default() }));
        let summary = "it is done".to_owned();
        self.events.push_back(Event::TurnEnded { prompt, outcome, summary });
    }

    /// Does what is next in the turn.
    fn go_on(&mut self) {
        if self.host.mishap(0.02) {
            return self.die(None);
        }
        if self.host.mishap(0.005) {
            self.doing = Doing::Hung;
            return;
        }
        if self.host.mishap(0.02) {
            return self.end_turn(TurnOutcome::Failed { reason: "chance".to_owned() });
        }
        let Doing::Turn(turn) = &mut self.doing else { return };
        let Some(attempt) = turn.task.clone() else {
            return self.end_turn(TurnOutcome::Completed);
        };
        let mut disk = self.host.disk();
        turn.next_at = Instant::now() + disk.dice.millis(100, 2_500);
        let step = disk.checkouts.get(&self.launch.agent).map_or(0, |checkout| checkout.n_steps);
        drop(disk);
        if step >= n_steps(self.host.seed, &attempt) {
            return self.end_turn(TurnOutcome::Completed);
        }
        let asks = fixed(self.host.seed, &format!("asks/{attempt}/{step}")).is_multiple_of(12);
        if asks && turn.allowed != Some(step) {
            let id = format!("ask-{}-{attempt}-{step}", self.process);
            turn.asked = Some(id.clone());
            turn.allowed = Some(step);
            self.events.push_back(Event::PermissionRequested(request(id, step)));
            return;
        }
        self.step(&attempt, step);
    }

    /// One tool call: what it does and what the files remember of it is one thing.
    fn step(&mut self, attempt: &Attempt, step: u32) {
        let agent = self.launch.agent.clone();
        let commits = !fixed(self.host.seed, &format!("commits/{attempt}")).is_multiple_of(25);
        let mut disk = self.host.disk();
        let Some(checkout) = disk.checkouts.get_mut(&agent) else { return };
        checkout.n_steps = step + 1;
        checkout.n_commits += u32::from(commits);
        drop(disk);
        let (epoch, process, attempt) = (self.launch.epoch, self.process, attempt.clone());
        let call = format!("call-{process}-{step}");
        self.host.did(Kind::StepDone { agent, epoch, process, attempt, step });
        let (tool, detail) = ("Bash".to_owned(), format!("step {step}"));
        self.events.push_back(Event::ToolStarted { call: call.clone(), tool, detail });
        self.events.push_back(Event::ToolEnded { call, failed: false });
    }

    /// When it will do something by itself.
    fn acts_at(&self) -> Option<Instant> {
        match &self.doing {
            Doing::Turn(turn) if turn.asked.is_none() => Some(turn.next_at),
            _ => None,
        }
    }
}

/// How many steps a try takes: fixed, so that a program that is started again takes the rest.
fn n_steps(seed: u64, attempt: &Attempt) -> u32 {
    let n = fixed(seed, &format!("steps/{attempt}")) % 4;
    1 + u32::try_from(n).unwrap_or_default()
}

fn request(id: String, step: u32) -> PermissionRequest {
    PermissionRequest {
        id,
        tool: "Bash".to_owned(),
        command: Some(format!("make step-{step}")),
        files: Vec::new(),
        folder: "/sim".to_owned(),
        description: "may I?".to_owned(),
    }
}

#[async_trait]
impl Session for Program {
    fn pid(&self) -> u32 {
        u32::try_from(self.process).unwrap_or(u32::MAX)
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if matches!(self.doing, Doing::Gone) {
                return None;
            }
            let acts_at = self.acts_at();
            let acts = async {
                match acts_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let was_killed = tokio::select! {
                biased;
                killed = self.killed.wait_for(|killed| *killed) => killed.is_ok(),
                () = acts => false,
            };
            if was_killed { self.die(Some(9)) } else { self.go_on() }
        }
    }

    async fn prompt(&mut self, id: Uuid, text: &str) -> Result<(), SessionError> {
        match self.doing {
            Doing::Gone => return Err(SessionError::Gone),
            Doing::Turn(_) => return Err(SessionError::Busy),
            Doing::Hung => return Err(SessionError::TimedOut(Duration::from_secs(1))),
            Doing::Idle => {}
        }
        if self.host.mishap(0.01) {
            // It swallows the prompt and says nothing.
            self.doing = Doing::Hung;
            return Ok(());
        }
        let task = self.task.clone().filter(|_| !text.contains(MESSAGE_MARK));
        let next_at = Instant::now() + self.host.disk().dice.millis(50, 1_500);
        let (agent, epoch) = (self.launch.agent.clone(), self.launch.epoch);
        if self.broken != Broken::DeliveredBeforeTaken {
            self.host.did(Kind::PromptTaken { agent, epoch, prompt: id });
        }
        self.events.push_back(Event::TurnStarted { prompt: id });
        self.doing = Doing::Turn(Turn { prompt: id, task, next_at, asked: None, allowed: None });
        Ok(())
    }

    async fn answer(&mut self, id: &str, answer: PermissionAnswer) -> Result<(), SessionError> {
        let Doing::Turn(turn) = &mut self.doing else { return Ok(()) };
        if turn.asked.as_deref() != Some(id) {
            return Ok(());
        }
        turn.asked = None;
        turn.next_at = Instant::now();
        if let PermissionAnswer::Deny { reason } = answer {
            self.end_turn(TurnOutcome::Failed { reason });
        }
        Ok(())
    }

    async fn interrupt(&mut self) -> Result<(), SessionError> {
        if self.host.mishap(0.2) {
            // It does not heed it.
            return Ok(());
        }
        self.end_turn(TurnOutcome::Interrupted);
        Ok(())
    }

    async fn stop(&mut self, grace: Duration) {
        let lingers = self.host.mishap(0.3);
        if lingers && let Some(at) = self.acts_at() {
            let deadline = Instant::now() + grace;
            sleep_until(at.min(deadline)).await;
            if at < deadline {
                self.go_on();
            }
        }
        self.end();
        self.doing = Doing::Gone;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.broken == Broken::ProgramOutlivesItsEffect {
            crate::broken::haunt(&self.host, &self.launch, self.process, self.task.clone());
        }
        self.end();
    }
}
