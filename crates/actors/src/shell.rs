//! The actix actor around a behaviour: wake, read control first, be fair, catch what panics.
//!
//! ```text
//!   tell ──▶ lanes ──(one coalesced Pump)──▶ Shell: AtomicResponse ──▶ Behaviour::handle … ──▶ Exited
//! ```
//!
//! Invariants: one handler runs at a time, to its end, before the next message is taken; the owner is
//! told of the exit exactly once, whatever ends the incarnation (stop, error, panic, kill, the end of
//! its thread).

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AtomicResponse, Context, Handler, Message, WrapFuture,
};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::exit::{ExitReason, Lifecycle, Report, panic_text};
use crate::mailbox::{self, Handle, Next};
use crate::spawner::Spawner;

/// What an actor does. Plain code: it sees neither actix nor other actors' addresses.
///
/// Handlers are exclusive: while one awaits, no other message of this actor is taken.
pub trait Behaviour: Unpin + 'static {
    /// What it is told and asked.
    type Message: Send + 'static;

    /// Runs before the first message of this incarnation.
    ///
    /// # Errors
    /// The incarnation ends with this reason.
    fn started(
        &mut self,
        me: &Handle<Self::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> {
        let _ = me;
        std::future::ready(Ok(()))
    }

    /// Handles one message.
    ///
    /// # Errors
    /// The incarnation ends with this reason; [`ExitReason::Normal`] ends it well.
    fn handle(
        &mut self,
        message: Self::Message,
        me: &Handle<Self::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>>;

    /// Runs after the last message, unless the incarnation panicked or was killed.
    fn stopped(&mut self, why: &ExitReason) -> impl Future<Output = ()> {
        let _ = why;
        std::future::ready(())
    }

    /// Its state as others may see it: for tests, `status` and the dashboard.
    fn observable_state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// Starts one incarnation of `handle`'s actor. `make` runs on the thread that the spawner chooses.
/// The caller keeps the rule that an actor has one incarnation at a time.
pub fn launch<B: Behaviour>(
    spawner: &Spawner,
    handle: &Handle<B::Message>,
    report: Report,
    make: impl FnOnce() -> B + Send + 'static,
) {
    let kill = handle.0.launch();
    let guard = ExitGuard { handle: handle.clone(), report: Some(report) };
    spawner.run(move || {
        // Where the arbiter has ended, the closure is dropped, and the guard reports the exit.
        let behaviour = std::panic::catch_unwind(AssertUnwindSafe(make));
        match behaviour {
            Ok(behaviour) => {
                let handle = guard.handle.clone();
                let shell = Shell { core: Some(behaviour), started: false, kill, guard };
                handle.0.attach(shell.start().recipient());
            }
            Err(panic) => guard.exit(ExitReason::Panicked(panic_text(&*panic))),
        }
    });
}

/// The one message that goes through actix.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Pump;

struct Shell<B: Behaviour> {
    core: Option<B>,
    started: bool,
    kill: Arc<Notify>,
    guard: ExitGuard<B::Message>,
}

/// Reports the exit, at the latest when it is dropped.
struct ExitGuard<M> {
    handle: Handle<M>,
    report: Option<Report>,
}

impl<M> ExitGuard<M> {
    fn exit(mut self, reason: ExitReason) {
        self.tell(reason);
    }

    fn tell(&mut self, reason: ExitReason) {
        let Some(report) = self.report.take() else { return };
        self.handle.0.detach();
        if !reason.may_restart() {
            // Whoever waits learns at once that no incarnation will follow here.
            self.handle.close(reason.clone());
        }
        report.tell(Lifecycle::Exited(reason));
    }
}

impl<M> Drop for ExitGuard<M> {
    fn drop(&mut self) {
        self.tell(ExitReason::Killed);
    }
}

impl<B: Behaviour> Actor for Shell<B> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Only wake-ups come this way, one at a time.
        ctx.set_mailbox_capacity(2);
    }
}

impl<B: Behaviour> Handler<Pump> for Shell<B> {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Pump, _: &mut Context<Self>) -> Self::Result {
        let core = self.core.take();
        let first = !std::mem::replace(&mut self.started, true);
        let handle = self.guard.handle.clone();
        let kill = Arc::clone(&self.kill);
        let report = self.guard.report.clone();
        let turn = async move {
            let turn = Turn { core: core?, handle: &handle };
            Some(turn.run_caught(first.then_some(report).flatten(), &kill).await)
        };
        let turn = turn.into_actor(self).map(|end, shell, ctx| match end {
            Some(End::Idle(core)) => shell.core = Some(core),
            Some(End::Exit(reason)) => {
                shell.guard.tell(reason);
                ctx.stop();
            }
            // The mailbox of an ended incarnation was still awake.
            None => {}
        });
        AtomicResponse::new(Box::pin(turn))
    }
}

enum End<B> {
    Idle(B),
    Exit(ExitReason),
}

/// One stretch of work: until the lanes are empty, or the incarnation ends.
struct Turn<'a, B: Behaviour> {
    core: B,
    handle: &'a Handle<B::Message>,
}

impl<B: Behaviour> Turn<'_, B> {
    async fn run_caught(self, first: Option<Report>, kill: &Notify) -> End<B> {
        let run = AssertUnwindSafe(self.run(first)).catch_unwind();
        tokio::select! {
            biased;
            () = kill.notified() => End::Exit(ExitReason::Killed),
            end = run => match end {
                Ok(end) => end,
                Err(panic) => End::Exit(ExitReason::Panicked(panic_text(&*panic))),
            }
        }
    }

    async fn run(mut self, first: Option<Report>) -> End<B> {
        if let Some(report) = first {
            if let Err(reason) = self.core.started(self.handle).await {
                return self.end(reason).await;
            }
            report.tell(Lifecycle::Started);
        }
        match self.drain().await {
            Ok(()) => End::Idle(self.core),
            Err(reason) => self.end(reason).await,
        }
    }

    async fn end(mut self, reason: ExitReason) -> End<B> {
        self.core.stopped(&reason).await;
        End::Exit(reason)
    }

    async fn drain(&mut self) -> Result<(), ExitReason> {
        let mut budget = Budget::new(*self.handle.0.config());
        loop {
            match self.handle.0.next() {
                Next::Stop => return Err(ExitReason::Normal),
                Next::Empty => return Ok(()),
                Next::Observe(reply) => reply.send(self.core.observable_state()),
                Next::Message(message) => self.core.handle(message, self.handle).await?,
            }
            if budget.is_spent() {
                tokio::task::yield_now().await;
                budget = Budget::new(*self.handle.0.config());
            }
        }
    }
}

/// How long an actor may work before its siblings get their turn.
struct Budget {
    n_max: u32,
    time_max: Duration,
    began: Instant,
    n_handled: u32,
    /// When to look at the clock: that costs as much as a short message.
    look_at: u32,
}

impl Budget {
    fn new(cfg: mailbox::Config) -> Self {
        let time_max = Duration::from_millis(cfg.turn_ms_max);
        Self { n_max: cfg.n_turn_max, time_max, began: Instant::now(), n_handled: 0, look_at: 1 }
    }

    /// Counts a message. Looks at the clock after 1, 2, 4, 8 … messages, and after each once as many
    /// messages again would pass the limit.
    fn is_spent(&mut self) -> bool {
        self.n_handled += 1;
        if self.n_handled >= self.n_max {
            return true;
        }
        if self.n_handled < self.look_at {
            return false;
        }
        let elapsed = self.began.elapsed();
        let is_short = elapsed * 2 < self.time_max;
        self.look_at = if is_short { self.n_handled * 2 } else { self.n_handled + 1 };
        elapsed >= self.time_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn n_messages(each: Duration) -> u32 {
        let mut budget = Budget::new(mailbox::Config::default());
        loop {
            tokio::time::advance(each).await;
            if budget.is_spent() {
                return budget.n_handled;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn turn_ends_after_64_messages_or_5_ms() {
        assert_eq!(n_messages(Duration::ZERO).await, 64);
        assert_eq!(n_messages(Duration::from_millis(1)).await, 5);
        assert_eq!(n_messages(Duration::from_millis(7)).await, 1);
    }
}
