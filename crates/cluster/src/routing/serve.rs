//! Answers the frames that other nodes send to this one.

use std::sync::Arc;
use std::time::Duration;

use callboard_domain::id::ActorId;
use callboard_stdx::task::Kind;
use callboard_substrate::bus::{Message, Subscription};
use callboard_wire::v1::node::{Answer, Call};
use tokio::sync::Semaphore;

use super::call::CallError;
use super::handle::Inner;

/// The longest deadline that a caller is granted.
const DEADLINE_MAX: Duration = Duration::from_secs(600);

/// Serves until the subscription ends. At most `n_remote_calls_max` calls run at once; the next ones
/// are refused with `Full`.
pub(crate) async fn serve(inner: Arc<Inner>, mut frames: Box<dyn Subscription>) {
    let running = Arc::new(Semaphore::new(inner.cfg.routing.n_remote_calls_max));
    while let Some(message) = frames.next().await {
        let permit = Arc::clone(&running).try_acquire_owned();
        let spawner = &inner;
        let inner = Arc::clone(&inner);
        let Ok(permit) = permit else {
            reply(&inner, &message, CallError::Full.into()).await;
            continue;
        };
        let work = async move {
            let answer = match handle(&inner, &message).await {
                Ok(done) => Answer::Done(done),
                Err(error) => error.into(),
            };
            reply(&inner, &message, answer).await;
            drop(permit);
        };
        // It ends by itself: each call has a deadline.
        spawner.spawn(Kind::Work, "remote-call", work).detach();
    }
}

async fn handle(inner: &Inner, message: &Message) -> Result<Vec<u8>, CallError> {
    let bad = |reason: String| CallError::BadCommand { reason };
    let call: Call =
        callboard_wire::decode(&message.payload).map_err(|error| bad(error.to_string()))?;
    let actor: ActorId = call
        .actor
        .parse()
        .map_err(|error: callboard_domain::id::BadActorId| bad(error.to_string()))?;
    let deadline = Duration::from_millis(call.deadline_ms).min(DEADLINE_MAX);
    inner.call_here(&actor, &call.command, deadline).await
}

async fn reply(inner: &Inner, message: &Message, answer: Answer) {
    let Some(reply) = &message.reply else { return };
    let frame = callboard_wire::encode(&answer).or_else(|error| {
        let reason = format!("the answer cannot be sent: {error}");
        callboard_wire::encode(&Answer::from(CallError::Failed { reason }))
    });
    let sent = match frame {
        Ok(frame) => {
            inner.substrate.bus.publish(reply, frame).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = sent {
        // The caller's deadline tells it.
        tracing::warn!(subject = %message.subject, error, "answer not sent");
    }
}
