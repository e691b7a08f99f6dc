//! Makes the actors that a node is asked to run.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use callboard_actors::ActorRef;
use callboard_actors::exit::Report;
use callboard_actors::sourced::{Executor, Sourced, SourcedHandle};
use callboard_cluster::{ActorFactory, StartError, Started};
use callboard_domain::Entity;
use callboard_domain::agent::{self, Agent};
use callboard_domain::id::ActorId;
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use callboard_stdx::task::{self, Kind};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use serde::de::DeserializeOwned;

use crate::agent::AgentExecutor;
use crate::orchestrator::OrchestratorExecutor;
use crate::project::ProjectExecutor;
use crate::services::Services;

/// How often a new incarnation is told who it is, when it does not answer.
const CREATE_TRIES_MAX: u32 = 100;

/// The factory of orchestrator, projects and agents.
#[derive(Clone)]
pub struct Factory(pub Arc<std::sync::OnceLock<Arc<Services>>>);

impl Factory {
    /// A factory whose services are set later, before the first actor is started: the cluster handle
    /// that they hold is made with the factory.
    #[must_use]
    pub fn unset() -> Self {
        Self(Arc::default())
    }

    /// Gives it the services. A second call changes nothing.
    pub fn set(&self, services: Arc<Services>) {
        // Only the first call counts.
        let _ = self.0.set(services);
    }

    fn make(
        services: &Arc<Services>,
        actor: ActorId,
        epoch: u64,
        spec: serde_json::Value,
    ) -> Result<Started, StartError> {
        match &actor {
            ActorId::Orchestrator => {
                let executor = Arc::new(OrchestratorExecutor(Arc::clone(services)));
                let create = orchestrator::Command::Create { limits: services.limits.clone() };
                Ok(launch::<Orchestrator>(services, actor, epoch, executor, create))
            }
            ActorId::Project(_) => {
                let spec: project::Spec = read(&actor, spec)?;
                let create = project::Command::Create { spec: Box::new(spec.clone()) };
                let services = Arc::clone(services);
                let executor =
                    Arc::new(ProjectExecutor { services: Arc::clone(&services), spec, epoch });
                Ok(launch::<Project>(&services, actor, epoch, executor, create))
            }
            ActorId::Agent(_) => {
                let spec: agent::Spec = read(&actor, spec)?;
                let create = agent::Command::Create { spec: Box::new(spec.clone()) };
                let services = Arc::clone(services);
                let executor =
                    Arc::new(AgentExecutor { services: Arc::clone(&services), spec, epoch });
                Ok(launch::<Agent>(&services, actor, epoch, executor, create))
            }
            ActorId::Placement | ActorId::Node(_) => {
                Err(refuse(&actor, "it is not made by this factory"))
            }
        }
    }
}

impl ActorFactory for Factory {
    fn start(
        &self,
        actor: ActorId,
        epoch: u64,
        spec: serde_json::Value,
    ) -> BoxFuture<'static, Result<Started, StartError>> {
        let started = match self.0.get() {
            Some(services) => Self::make(services, actor, epoch, spec),
            None => Err(StartError {
                actor,
                reason: "the node is still starting".to_owned(),
                retryable: true,
            }),
        };
        ready(started).boxed()
    }
}

fn read<T: DeserializeOwned>(actor: &ActorId, spec: serde_json::Value) -> Result<T, StartError> {
    serde_json::from_value(spec).map_err(|error| refuse(actor, error))
}

fn refuse(actor: &ActorId, reason: impl Display) -> StartError {
    StartError { actor: actor.clone(), reason: reason.to_string(), retryable: false }
}

fn launch<E: Entity>(
    services: &Arc<Services>,
    actor: ActorId,
    epoch: u64,
    executor: Arc<dyn Executor<E>>,
    create: E::Command,
) -> Started {
    let launcher = Sourced {
        id: actor,
        epoch,
        node: services.cluster.local_node().to_string(),
        log: Arc::clone(&services.substrate.log),
        blobs: Arc::clone(&services.substrate.blobs),
        clock: Arc::clone(&services.clock),
        alerts: Arc::clone(&services.alerts),
        executor,
        cfg: services.actors.clone(),
    }
    .launcher();
    let (report, exit) = Report::watched();
    let handle = launcher.handle().clone();
    launcher.launch(&services.spawner, report);
    let deadline = Duration::from_millis(services.cfg.ask_ms);
    let name = format!("create {}", handle.id());
    task::spawn(Kind::Work, name, be(handle.clone(), create, deadline)).detach();
    Started::new(ActorRef::from(handle), exit)
}

/// Tells a new incarnation who it is; one that knows already ignores it.
async fn be<E: Entity>(handle: SourcedHandle<E>, create: E::Command, deadline: Duration) {
    for _ in 0..CREATE_TRIES_MAX {
        match handle.ask(create.clone(), deadline).await {
            Err(error) if error.retryable() && handle.closed().is_none() => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(actor = %handle.id(), %error, "actor was not told who it is");
                return;
            }
        }
    }
}
