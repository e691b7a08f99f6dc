//! The node actor: takes activations and deactivations. Its handlers only start work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callboard_actors::{Behaviour, ExitReason, Handle, Reply, Report, mailbox};
use callboard_domain::id::ActorId;
use callboard_placement::Request;
use callboard_stdx::task::Kind;
use tokio::time::Instant;

use super::factory::Started;
use super::local::{ActivateReply, activate};
use super::message::NodeCommand;
use crate::routing::{CallError, Callee, Inner, json};

enum Message {
    Activate {
        actor: ActorId,
        epoch: u64,
        request: Request,
        spec: serde_json::Value,
        reply: ActivateReply,
    },
    Deactivate {
        actor: ActorId,
        reply: Reply<()>,
    },
}

struct NodeActor {
    inner: Arc<Inner>,
}

impl Behaviour for NodeActor {
    type Message = Message;

    async fn handle(&mut self, message: Message, _: &Handle<Message>) -> Result<(), ExitReason> {
        match message {
            Message::Activate { actor, epoch, request, spec, reply } => {
                activate(&self.inner, &actor, epoch, &request, spec, reply);
            }
            Message::Deactivate { actor, reply } => {
                let inner = Arc::clone(&self.inner);
                let stop = async move {
                    inner.local.stop(&actor);
                    let max = Duration::from_millis(inner.cfg.node.stop_ms_max);
                    if inner.local.gone(&actor, Instant::now() + max * 3).await {
                        reply.send(());
                    }
                };
                // It ends by itself, at the deadline.
                self.inner.spawn(Kind::Work, "deactivate", stop).detach();
            }
        }
        Ok(())
    }
}

/// Launches this node's actor.
pub(super) fn launch(inner: &Arc<Inner>) -> Started {
    let handle = Handle::new(format!("node/{}", inner.info.name), mailbox::Config::default());
    let (report, exit) = Report::watched();
    let shared = Arc::clone(inner);
    callboard_actors::launch(&inner.spawner, &handle, report, move || NodeActor { inner: shared });
    Started { actor: Arc::new(NodeCallee(handle)), exit }
}

struct NodeCallee(Handle<Message>);

#[async_trait]
impl Callee for NodeCallee {
    async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError> {
        let command = serde_json::from_slice(command)
            .map_err(|error| CallError::BadCommand { reason: error.to_string() })?;
        match command {
            NodeCommand::Activate { actor, epoch, request, spec } => {
                let message = |reply| Message::Activate { actor, epoch, request, spec, reply };
                self.0.ask(deadline, message).await?.map(|activated| json(&activated))
            }
            NodeCommand::Deactivate { actor } => {
                let message = |reply| Message::Deactivate { actor, reply };
                self.0.ask(deadline, message).await?;
                Ok(json(&()))
            }
        }
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn kill(&self) {
        self.0.kill();
    }

    fn close(&self, why: ExitReason) {
        self.0.close(why);
    }
}
