//! One run of an agent's program: the workspace, the start, what it says, and its end.
//!
//! The program belongs to a task of its own, so that its end can be awaited even when the effect that
//! wanted it is dropped: the slot is free only after the last process is gone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callboard_actors::sourced::{CommandError, EffectError, SourcedHandle};
use callboard_agent::runtime::SessionError;
use callboard_agent::workspace::Workspace;
use callboard_agent::{Event, Launch, Session, StartError};
use callboard_domain::agent::{Agent, Checkpoint, Command, SessionFact, Spec};
use callboard_domain::task::Brief;
use callboard_stdx::error::chain;
use callboard_stdx::task::{self, Kind, Task};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

use crate::agent::facts;
use crate::agent::slot::{Control, Live, Ordered, Slot};
use crate::services::{Program, Services};
use crate::translate;

/// How long the agent may take to store one word of its program, the retries of the log included.
const FACT_WITHIN: Duration = Duration::from_secs(600);

/// What a run is to do.
pub(crate) struct Run {
    pub(crate) services: Arc<Services>,
    pub(crate) spec: Spec,
    pub(crate) epoch: u64,
    pub(crate) run: u64,
    pub(crate) brief: Option<Brief>,
    pub(crate) resume: Option<String>,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) me: SourcedHandle<Agent>,
}

/// Where a program runs.
struct Place {
    workspace: Option<Workspace>,
    folder: PathBuf,
    home: PathBuf,
    how: &'static str,
}

impl Run {
    /// Runs until the program is gone, and says so. Dropping it ends the program.
    pub(crate) async fn go(self) -> Result<Vec<Command>, EffectError> {
        let slot = self.services.slots.of(&self.spec.id);
        let Ok(held) = tokio::time::timeout(self.services.cfg.slot(), slot.take()).await else {
            return Err(EffectError::new("the processes of the last run are not gone yet"));
        };
        let run = self.run;
        let lost = |reason: String, retryable: bool, session_gone: bool| {
            let fact = SessionFact::Lost { reason, retryable, session_gone };
            Ok(vec![Command::Session { run, fact }])
        };
        let Some(program) = self.services.programs.get(&self.spec.runtime).cloned() else {
            let reason = format!("this node has no runtime {}", self.spec.runtime);
            return lost(reason, false, false);
        };
        let place = match self.place().await {
            Ok(place) => place,
            Err(Failure::Later(error)) => return Err(error),
            Err(Failure::Never(reason)) => return lost(reason, false, false),
        };
        let launch = self.launch(&program, &place);
        let (started, held) = self.start(&program, launch.clone(), held).await?;
        let session = match started {
            Ok(session) => session,
            Err(error) => {
                let session_gone = matches!(error, StartError::NoSession { .. });
                return lost(error.to_string(), error.retryable(), session_gone);
            }
        };
        self.drive(&program, slot, held, place, launch, session).await
    }

    /// Starts the program in a task of its own: where this effect is dropped meanwhile, the slot stays
    /// taken until the program that came too late is gone.
    async fn start(
        &self,
        program: &Program,
        launch: Launch,
        held: OwnedMutexGuard<()>,
    ) -> Result<(Result<Box<dyn Session>, StartError>, OwnedMutexGuard<()>), EffectError> {
        let (runtime, grace) = (Arc::clone(&program.runtime), self.services.cfg.stop_grace());
        let (done, started) = oneshot::channel();
        let name = format!("start of {}", self.spec.id);
        task::spawn_local(Kind::Work, name, async move {
            let started = runtime.start(launch).await;
            if let Err((Ok(mut session), _held)) = done.send((started, held)) {
                session.stop(grace).await;
            }
        })
        .detach();
        started.await.map_err(|_| EffectError::new("the start of the program failed"))
    }

    async fn place(&self) -> Result<Place, Failure> {
        let workspaces = &self.services.workspaces;
        let (Some(brief), Some(project)) = (&self.brief, &self.spec.project) else {
            let scratch = workspaces.scratch(&self.spec.id).await?;
            let (folder, home) = (scratch.folder, scratch.home);
            return Ok(Place { workspace: None, folder, home, how: "scratch" });
        };
        let request = translate::prepare(&self.spec.id, project, self.epoch, brief)
            .map_err(|error| Failure::Never(error.reason))?;
        let kept = workspaces.find(&request).await?;
        let (workspace, how) = match (kept, &self.checkpoint) {
            (None, Some(checkpoint)) => {
                let checkpoint = translate::checkpoint(checkpoint)
                    .map_err(|error| Failure::Never(error.reason))?;
                (workspaces.restore(&checkpoint, &request).await?.workspace, "restored")
            }
            (Some(_), _) => (workspaces.prepare(&request).await?, "kept"),
            (None, None) => (workspaces.prepare(&request).await?, "new"),
        };
        let (folder, home) = (workspace.folder.clone(), workspace.home.clone());
        Ok(Place { workspace: Some(workspace), folder, home, how })
    }

    fn launch(&self, program: &Program, place: &Place) -> Launch {
        Launch {
            agent: self.spec.id.clone(),
            epoch: self.epoch,
            folder: place.folder.clone(),
            home: place.home.clone(),
            resume: self.resume.clone(),
            model: self.spec.model.clone(),
            env: program.env.clone(),
        }
    }

    async fn drive(
        &self,
        program: &Program,
        slot: Arc<Slot>,
        held: OwnedMutexGuard<()>,
        place: Place,
        launch: Launch,
        session: Box<dyn Session>,
    ) -> Result<Vec<Command>, EffectError> {
        let (control, orders) = mpsc::channel(self.services.cfg.control_max);
        let runtime = Arc::clone(&program.runtime);
        let files = Arc::new(move |session: &str| {
            // Files that cannot be listed now are listed at the next checkpoint.
            runtime.session_files(&launch, session).unwrap_or_default()
        });
        let pid = session.pid();
        slot.set(Some(Live { run: self.run, control, workspace: place.workspace, files }));
        self.services.output.append(&self.spec.id, &format!("# run {} begins", self.run));
        let (stop, stopped) = oneshot::channel();
        let driver = Driver {
            services: Arc::clone(&self.services),
            spec: self.spec.clone(),
            run: self.run,
            me: self.me.clone(),
            workspace: place.folder.display().to_string(),
            slot,
        };
        let task = driver.start(session, orders, stopped, held);
        let ending = StopOnDrop(Some(stop));
        let fact = SessionFact::Launched { pid, workspace: place.how.to_owned() };
        tell(&self.services, &self.me, self.run, fact).await;
        let lost = task.join().await;
        drop(ending);
        let reason = "its driver failed".to_owned();
        let fact =
            lost.unwrap_or(SessionFact::Lost { reason, retryable: true, session_gone: false });
        // On the lane of the program's other words, so that it does not overtake them. The agent's answer
        // to it takes this effect away.
        tell(&self.services, &self.me, self.run, fact).await;
        std::future::pending().await
    }
}

/// Why a run has no place.
enum Failure {
    /// It may have one later.
    Later(EffectError),
    /// It never will, until a person acts.
    Never(String),
}

impl From<callboard_agent::workspace::Error> for Failure {
    fn from(error: callboard_agent::workspace::Error) -> Self {
        if error.retryable() {
            return Self::Later(EffectError::new(chain(&error)));
        }
        Self::Never(chain(&error))
    }
}

/// Asks the program's task to end the program, when the effect is dropped.
struct StopOnDrop(Option<oneshot::Sender<()>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(stop) = self.0.take() {
            // The task may have ended already.
            let _ = stop.send(());
        }
    }
}

/// Talks with one running program.
struct Driver {
    services: Arc<Services>,
    spec: Spec,
    run: u64,
    me: SourcedHandle<Agent>,
    workspace: String,
    slot: Arc<Slot>,
}

impl Driver {
    /// Spawns it, without an owner: it ends by itself, when the program does or the effect is dropped.
    fn start(
        self,
        mut session: Box<dyn Session>,
        orders: mpsc::Receiver<Ordered>,
        stopped: oneshot::Receiver<()>,
        held: OwnedMutexGuard<()>,
    ) -> Joined {
        let (done, outcome) = oneshot::channel();
        let name = format!("program of {}", self.spec.id);
        let task: Task<()> = task::spawn_local(Kind::Work, name, async move {
            let fact = self.serve(session.as_mut(), orders, stopped).await;
            self.slot.clear(self.run);
            session.stop(self.services.cfg.stop_grace()).await;
            drop(session);
            drop(held);
            // Nobody listens when the effect was dropped.
            let _ = done.send(fact);
        });
        task.detach();
        Joined(outcome)
    }

    async fn serve(
        &self,
        session: &mut dyn Session,
        mut orders: mpsc::Receiver<Ordered>,
        mut stopped: oneshot::Receiver<()>,
    ) -> SessionFact {
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => return ended("it was stopped"),
                order = orders.recv() => match order {
                    Some(order) => obey(session, order).await,
                    None => return ended("nobody owns it any more"),
                },
                event = session.next() => match event {
                    Some(event) => {
                        if let Some(lost) = self.hear(event).await {
                            return lost;
                        }
                    }
                    None => return ended("the program is gone"),
                },
            }
        }
    }

    /// Passes an event on; the last one comes back.
    async fn hear(&self, event: Event) -> Option<SessionFact> {
        if let Some(line) = facts::line(&event) {
            self.services.output.append(&self.spec.id, &line);
        }
        let fact = facts::fact(event, &self.services.policy, &self.workspace)?;
        if matches!(fact, SessionFact::Lost { .. }) {
            return Some(fact);
        }
        tell(&self.services, &self.me, self.run, fact).await;
        None
    }
}

/// The program's last fact, once its processes are gone.
struct Joined(oneshot::Receiver<SessionFact>);

impl Joined {
    async fn join(self) -> Option<SessionFact> {
        self.0.await.ok()
    }
}

fn ended(reason: &str) -> SessionFact {
    SessionFact::Lost { reason: reason.to_owned(), retryable: true, session_gone: false }
}

async fn obey(session: &mut dyn Session, (control, done): Ordered) {
    let outcome: Result<(), SessionError> = match control {
        Control::Prompt { id, text } => session.prompt(id, &text).await,
        Control::Answer { request, answer } => session.answer(&request, answer).await,
        Control::Interrupt => session.interrupt().await,
    };
    // The effect that ordered it may be gone.
    let _ = done.send(outcome);
}

/// Tells the agent, until the fact is stored: a log that takes nothing for a while must not lose the end
/// of a turn. An agent that is gone needs no facts.
async fn tell(services: &Services, me: &SourcedHandle<Agent>, run: u64, fact: SessionFact) {
    let command = Command::Session { run, fact };
    let mut n_retries = 0;
    loop {
        let error = match me.ask(command.clone(), FACT_WITHIN).await {
            Ok(_) | Err(CommandError::Stopped | CommandError::Fenced { .. }) => return,
            Err(error) => error,
        };
        // After an unknown outcome the next incarnation runs the program anew.
        if !error.retryable() || error == CommandError::OutcomeUnknown {
            tracing::warn!(agent_id = %me.id(), run, %error, "word of a program was not kept");
            return;
        }
        let delay = services.actors.retry.delay(n_retries, services.clock.random());
        tokio::time::sleep(delay).await;
        n_retries = n_retries.saturating_add(1);
    }
}
