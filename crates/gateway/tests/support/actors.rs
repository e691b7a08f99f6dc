//! Actors whose effects are done at once: every task is published and merged, every program answers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use callboard_actors::sourced::{Config, EffectError, Executor, Sourced, SourcedHandle};
use callboard_actors::{ActorRef, LoggedAlerts, Report, Spawner};
use callboard_cluster::{ActorFactory, Cluster, StartError, Started};
use callboard_domain::agent::{self, Agent, SessionFact, Verdict};
use callboard_domain::id::ActorId;
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Evidence, Integration, Project, ReviewOutcome};
use callboard_domain::task::Published;
use callboard_domain::{EffectKey, Entity};
use callboard_placement::Request;
use callboard_stdx::clock::SystemClock;
use callboard_stdx::task::{self, Kind};
use callboard_substrate::Substrate;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(10);

/// Makes the actors; the cluster that it is a part of is set later.
#[derive(Clone)]
pub(crate) struct Factory {
    pub(crate) substrate: Substrate,
    pub(crate) cluster: Arc<OnceLock<Cluster>>,
}

fn failed(error: impl std::fmt::Display) -> EffectError {
    EffectError::new(error.to_string())
}

impl Factory {
    fn cluster(&self) -> &Cluster {
        self.cluster.get().expect("it is set before the first effect")
    }

    async fn place(&self, actor: ActorId, spec: serde_json::Value) -> Result<(), EffectError> {
        let placed = self.cluster().ensure(&actor, Request::default(), spec, SOON).await;
        placed.map(|_| ()).map_err(failed)
    }

    fn launch<E: Entity>(&self, id: ActorId, epoch: u64, create: E::Command) -> Started
    where
        Self: Executor<E>,
    {
        let launcher = Sourced::<E> {
            id,
            epoch,
            node: "n1".to_owned(),
            log: Arc::clone(&self.substrate.log),
            blobs: Arc::clone(&self.substrate.blobs),
            clock: Arc::new(SystemClock),
            alerts: Arc::new(LoggedAlerts),
            executor: Arc::new(self.clone()),
            cfg: Config::default(),
        }
        .launcher();
        let (report, exit) = Report::watched();
        let handle = launcher.handle().clone();
        launcher.launch(&Spawner::Current, report);
        let name = format!("create {}", handle.id());
        let be = handle.clone();
        task::spawn_local(Kind::Work, name, async move { be.ask(create, SOON).await }).detach();
        Started::new(ActorRef::from(handle), exit)
    }
}

impl ActorFactory for Factory {
    fn start(
        &self,
        actor: ActorId,
        epoch: u64,
        spec: serde_json::Value,
    ) -> BoxFuture<'static, Result<Started, StartError>> {
        let started = match &actor {
            ActorId::Orchestrator => {
                let create =
                    orchestrator::Command::Create { limits: orchestrator::Limits::default() };
                self.launch::<Orchestrator>(actor, epoch, create)
            }
            ActorId::Project(_) => {
                let spec = serde_json::from_value(spec).expect("a project's spec");
                self.launch::<Project>(actor, epoch, project::Command::Create { spec })
            }
            ActorId::Agent(_) => {
                let spec = serde_json::from_value(spec).expect("an agent's spec");
                self.launch::<Agent>(actor, epoch, agent::Command::Create { spec })
            }
            other => unreachable!("the cluster makes {other} itself"),
        };
        std::future::ready(Ok(started)).boxed()
    }
}

#[async_trait(?Send)]
impl Executor<Orchestrator> for Factory {
    async fn run(
        &self,
        _key: EffectKey,
        effect: orchestrator::Effect,
        _me: SourcedHandle<Orchestrator>,
    ) -> Result<Vec<orchestrator::Command>, EffectError> {
        use orchestrator::{Command, Effect};
        let (project, command, told) = match effect {
            Effect::Open { spec } => {
                let project = spec.id.clone();
                let json = serde_json::to_value(&spec).map_err(failed)?;
                self.place(ActorId::Project(project.clone()), json).await?;
                return Ok(vec![Command::Opened { project }]);
            }
            Effect::Quota { project, agents_max } => (
                project.clone(),
                project::Command::Quota { agents_max },
                Command::QuotaTold { project, agents_max },
            ),
            Effect::Switch { project, stopped } => (
                project.clone(),
                project::Command::Fleet { stopped },
                Command::SwitchTold { project, stopped },
            ),
            Effect::Archive { project } => {
                (project.clone(), project::Command::Archive, Command::Archived { project })
            }
        };
        let actor = ActorId::Project(project);
        self.cluster().ask::<Project>(&actor, command, SOON).await.map_err(failed)?;
        Ok(vec![told])
    }
}

#[async_trait(?Send)]
impl Executor<Project> for Factory {
    async fn run(
        &self,
        _key: EffectKey,
        effect: project::Effect,
        _me: SourcedHandle<Project>,
    ) -> Result<Vec<project::Command>, EffectError> {
        use project::{Command, Effect};
        Ok(vec![match effect {
            Effect::Place { agent, .. } => {
                let json = serde_json::to_value(&agent).map_err(failed)?;
                self.place(ActorId::Agent(agent.id.clone()), json).await?;
                Command::Placed { agent: agent.id }
            }
            Effect::Assign { agent, brief } => {
                let attempt = brief.attempt.clone();
                let command = agent::Command::Assign { brief };
                let agent = ActorId::Agent(agent);
                self.cluster().ask::<Agent>(&agent, command, SOON).await.map_err(failed)?;
                Command::Assigned { attempt }
            }
            Effect::Integrate { published, check, .. } => Command::Integrated {
                attempt: published.attempt,
                integration: Integration::Merged {
                    evidence: Evidence {
                        commit: "c".repeat(40),
                        check,
                        output: "ok".to_owned(),
                        check_ms: 1,
                    },
                },
            },
            Effect::Review { id, accept: true, .. } => Command::Reviewed {
                id,
                outcome: ReviewOutcome::Accepted {
                    branch: "main".to_owned(),
                    commit: "c".repeat(40),
                },
            },
            Effect::CancelTask { attempt, .. } => Command::TaskCancelled { attempt },
            // A discard never ends: its request runs into its limit.
            _ => std::future::pending().await,
        }])
    }
}

#[async_trait(?Send)]
impl Executor<Agent> for Factory {
    async fn run(
        &self,
        _key: EffectKey,
        effect: agent::Effect,
        me: SourcedHandle<Agent>,
    ) -> Result<Vec<agent::Command>, EffectError> {
        use agent::{Command, Effect};
        Ok(vec![match effect {
            Effect::Run { run, .. } => {
                let launched = SessionFact::Launched { pid: 4_711, workspace: "new".to_owned() };
                let ready = SessionFact::Ready { session: "s-1".to_owned(), in_flight: None };
                for fact in [launched, ready] {
                    me.ask(Command::Session { run, fact }, SOON).await.map_err(failed)?;
                }
                std::future::pending().await
            }
            Effect::Prompt { run, prompt, text } => {
                // Beside the effect, which ends when the turn has begun.
                let answer = async move {
                    for fact in answer(prompt, &text) {
                        let told = me.ask(Command::Session { run, fact }, SOON).await;
                        told.expect("the agent takes what its program says");
                    }
                };
                task::spawn_local(Kind::Work, "answer", answer).detach();
                std::future::pending().await
            }
            Effect::Answer { approval, .. } => Command::AnswerGiven { id: approval },
            Effect::Checkpoint { seq, .. } => Command::CheckpointTaken { seq, checkpoint: None },
            Effect::Publish { brief } => {
                let attempt = brief.attempt;
                let published = Published {
                    attempt: attempt.clone(),
                    blob: "result".to_owned(),
                    head: "b".repeat(40),
                    base: "a".repeat(40),
                    n_commits: 1,
                };
                Command::Published { attempt, published: Some(published) }
            }
            Effect::Report { project, attempt, outcome } => {
                let command = project::Command::TaskEnded { attempt: attempt.clone(), outcome };
                let project = ActorId::Project(project);
                self.cluster().ask::<Project>(&project, command, SOON).await.map_err(failed)?;
                Command::Reported { attempt }
            }
            Effect::Seat { project, status } => {
                let ActorId::Agent(agent) = me.id().clone() else { unreachable!("an agent") };
                let command = project::Command::Seat { agent, status };
                let project = ActorId::Project(project);
                self.cluster().ask::<Project>(&project, command, SOON).await.map_err(failed)?;
                Command::SeatTold
            }
            _ => std::future::pending().await,
        }])
    }
}

/// What the program says to a prompt: it asks for permission where the prompt says so, does not end
/// where it is told to hang, and else is done.
fn answer(prompt: Uuid, text: &str) -> Vec<SessionFact> {
    let mut facts = vec![SessionFact::TurnStarted { prompt }];
    if text.contains("permission") {
        facts.push(SessionFact::PermissionRequested {
            request: "r-1".to_owned(),
            tool: "Bash".to_owned(),
            command: Some("cargo publish".to_owned()),
            files: Vec::new(),
            folder: "/w".to_owned(),
            description: "publish it".to_owned(),
            verdict: Verdict::Ask,
        });
    } else if !text.contains("hang") {
        let summary = "all done".to_owned();
        facts.push(SessionFact::TurnEnded { prompt, failure: None, summary });
    }
    facts
}
