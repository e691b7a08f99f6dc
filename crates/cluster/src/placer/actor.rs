//! The shell of the placement actor.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use callboard_actors::{Behaviour, ExitReason, Handle, Report, TellError, mailbox};
use callboard_domain::id::{ActorId, NodeName};
use callboard_placement::{NodeReport, Request};
use callboard_stdx::task::{Kind, Task};

use super::book::{Book, Phase};
use super::message::{Answer, Explanation, Placed, PlacementCommand, PlacerMessage};
use crate::directory::{self, Record, State};
use crate::node::{Activated, NodeCommand, Started};
use crate::routing::{CallError, Callee, Inner, json};

struct Placer {
    inner: Arc<Inner>,
    book: Book,
    /// Activations under way. Dropped with the incarnation; the next one gives their reservations
    /// back, and the directory decides who was first.
    activating: BTreeMap<ActorId, Task<()>>,
    deactivating: BTreeMap<ActorId, Task<()>>,
    /// Who waits for a placement, bounded per actor and by the queue.
    waiting: BTreeMap<ActorId, Vec<Answer>>,
    ticker: Option<Task<()>>,
}

/// Launches the placement actor on this node.
pub(crate) fn launch(inner: &Arc<Inner>) -> Started {
    let handle = Handle::new("placement", mailbox::Config::default());
    let (report, exit) = Report::watched();
    let shared = Arc::clone(inner);
    callboard_actors::launch(&inner.spawner, &handle, report, move || Placer {
        book: Book::new(shared.cfg.placement.clone()),
        inner: shared,
        activating: BTreeMap::new(),
        deactivating: BTreeMap::new(),
        waiting: BTreeMap::new(),
        ticker: None,
    });
    *inner.placer.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.clone());
    Started { actor: Arc::new(PlacerCallee(handle)), exit }
}

impl Behaviour for Placer {
    type Message = PlacerMessage;

    async fn started(&mut self, me: &Handle<PlacerMessage>) -> Result<(), ExitReason> {
        self.load().await.map_err(|error| ExitReason::Failed(error.to_string()))?;
        let period = Duration::from_millis(self.inner.cfg.placer.reconcile_ms);
        let handle = me.clone();
        self.ticker = Some(self.inner.spawn(Kind::Service, "placement-reconcile", async move {
            loop {
                tokio::time::sleep(period).await;
                // A full lane: the next tick does it.
                drop(handle.control(PlacerMessage::Reconcile));
            }
        }));
        let reports = self.inner.reports.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for report in reports.into_values() {
            self.report(report).await;
        }
        self.place(me).await;
        Ok(())
    }

    async fn handle(
        &mut self,
        message: PlacerMessage,
        me: &Handle<PlacerMessage>,
    ) -> Result<(), ExitReason> {
        match message {
            PlacerMessage::Command(command, answer) => self.command(command, answer, me).await,
            PlacerMessage::Report(report) => {
                self.report(*report).await;
                self.place(me).await;
            }
            PlacerMessage::Activated { actor, epoch, outcome } => {
                self.activated(&actor, epoch, outcome).await;
                self.place(me).await;
            }
            PlacerMessage::Deactivated { actor, answer, outcome } => {
                self.deactivating.remove(&actor);
                self.sync(&actor).await;
                answer.send(outcome.map(|()| json(&())));
                self.place(me).await;
            }
            PlacerMessage::Reconcile => {
                if let Err(error) = self.load().await {
                    tracing::warn!(%error, "directory not compared");
                }
                self.place(me).await;
            }
        }
        Ok(())
    }

    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({
            "queued": self.book.n_queued(),
            "placed": self.book.n_placed(),
            "activating": self.activating.len(),
        })
    }
}

impl Placer {
    /// Reads the directory; gives back reservations that nobody works on.
    async fn load(&mut self) -> Result<(), directory::Error> {
        let records = self.inner.directory.list().await?;
        self.book.load(&records);
        for (actor, epoch) in self.book.reserved() {
            if !self.activating.contains_key(&actor) {
                self.give_back(&actor, epoch, "placement was interrupted").await;
            }
        }
        Ok(())
    }

    /// Remembers anew what the directory says of one actor.
    async fn sync(&mut self, actor: &ActorId) {
        match self.inner.directory.get(actor).await {
            Ok(Some(record)) => self.book.put(&record),
            Ok(None) => self.book.remove(actor),
            Err(error) => tracing::warn!(%actor, %error, "directory entry not read"),
        }
    }

    async fn give_back(&mut self, actor: &ActorId, epoch: u64, why: &str) {
        match self.inner.directory.requeue_reserved(actor, epoch, why).await {
            Ok(record) => self.book.put(&record),
            // The node was first, or the actor was released: the directory knows.
            Err(_) => self.sync(actor).await,
        }
    }

    /// The node has refused for good an activation that the directory shows: its own write had
    /// landed without its knowing. Nothing runs there in this epoch.
    async fn give_up(&mut self, actor: &ActorId, refused: u64, why: &str) {
        let Some(Phase::Active { incarnation, epoch, .. }) = self.book.phase(actor) else { return };
        if *epoch != refused {
            return;
        }
        match self.inner.directory.requeue_lost(actor, *incarnation, why).await {
            Ok(record) => self.book.put(&record),
            Err(_) => self.sync(actor).await,
        }
    }

    async fn report(&mut self, report: NodeReport) {
        let why = format!("node {} started anew", report.name);
        for lost in self.book.report(report) {
            match self.inner.directory.requeue_lost(&lost.actor, lost.incarnation, &why).await {
                Ok(record) => self.book.put(&record),
                Err(_) => self.sync(&lost.actor).await,
            }
        }
    }

    async fn command(
        &mut self,
        command: PlacementCommand,
        answer: Answer,
        me: &Handle<PlacerMessage>,
    ) {
        match command {
            PlacementCommand::Ensure { actor, request, spec } => {
                self.ensure(actor, request, spec, answer).await;
                self.place(me).await;
            }
            PlacementCommand::Release { actor } => self.release(actor, answer, me).await,
            PlacementCommand::Explain { actor } => answer.send(self.explain(&actor).await),
            PlacementCommand::Ended { actor } => {
                self.sync(&actor).await;
                answer.send(Ok(json(&())));
                self.place(me).await;
            }
        }
    }

    async fn ensure(
        &mut self,
        actor: ActorId,
        request: Request,
        spec: serde_json::Value,
        answer: Answer,
    ) {
        let known = self.book.phase(&actor).is_some();
        if !known && self.book.n_queued() >= self.inner.cfg.placer.n_queue_max {
            answer.send(Err(CallError::Full));
            return;
        }
        let record = match self.inner.directory.ensure(&actor, &request, &spec).await {
            Ok(record) => record,
            Err(error) => {
                answer.send(Err(CallError::unavailable(error)));
                return;
            }
        };
        if self.changes_book(&record) {
            self.book.put(&record);
        }
        if let State::Active { node, .. } = &record.state {
            answer.send(Ok(json(&Placed::Active { node: node.clone(), epoch: record.epoch })));
            return;
        }
        let waiting = self.waiting.entry(actor).or_default();
        waiting.retain(|answer| !answer.is_abandoned());
        if waiting.len() >= self.inner.cfg.placer.n_waiting_max {
            answer.send(Err(CallError::Full));
            return;
        }
        waiting.push(answer);
    }

    /// Whether a record tells the book something new: an entry that stays keeps its explanation.
    fn changes_book(&self, record: &Record) -> bool {
        !matches!(
            (self.book.phase(&record.actor), &record.state),
            (Some(Phase::Queued { .. }), State::Queued)
                | (Some(Phase::Reserved { .. }), State::Reserved { .. })
                | (Some(Phase::Active { .. }), State::Active { .. })
        )
    }

    async fn explain(&self, actor: &ActorId) -> Result<Vec<u8>, CallError> {
        let record = self.inner.directory.get(actor).await.map_err(CallError::unavailable)?;
        let record = record.filter(Record::is_wanted).ok_or(CallError::NotFound)?;
        let text = match (&record.state, self.book.why(actor)) {
            (State::Queued, Some(why)) => why.to_owned(),
            _ => record.why,
        };
        Ok(json(&Explanation {
            actor: record.actor,
            state: record.state,
            epoch: record.epoch,
            request: record.request,
            since: record.since,
            text,
        }))
    }

    /// Places what fits, and tells those who wait what came of it. At most `n_activating_max`
    /// activations run at once; the others wait their turn.
    async fn place(&mut self, me: &Handle<PlacerMessage>) {
        let mut failed = Vec::new();
        while self.activating.len() < self.inner.cfg.placer.n_activating_max {
            let seed = (self.inner.clock.random() * (1_u64 << 53) as f64) as u64;
            let Some((actor, decision)) = self.book.next(seed, &mut failed) else { break };
            let ttl = Duration::from_millis(self.inner.cfg.placer.reservation_ms);
            let why = decision.to_string();
            match self.inner.directory.reserve(&actor, &decision.node, ttl, &why).await {
                Ok(record) => {
                    self.book.put(&record);
                    let task = self.inner.spawn(
                        Kind::Work,
                        format!("activate {actor}"),
                        ask_node(Arc::clone(&self.inner), decision.node, record, me.clone()),
                    );
                    self.activating.insert(actor, task);
                }
                Err(directory::Error::Refused(_)) => self.sync(&actor).await,
                Err(error) => {
                    tracing::warn!(%actor, %error, "reservation not written");
                    break;
                }
            }
        }
        self.answer_waiting();
    }

    fn answer_waiting(&mut self) {
        let book = &self.book;
        let outcome = |actor: &ActorId| match book.phase(actor) {
            Some(Phase::Active { node, epoch, .. }) => {
                Some(Ok(json(&Placed::Active { node: node.clone(), epoch: *epoch })))
            }
            Some(Phase::Reserved { .. }) => None,
            Some(Phase::Queued { .. }) => book.why(actor).map(|why| {
                let explanation = why.to_owned();
                Ok(json(&Placed::Queued { explanation }))
            }),
            None => Some(Err(CallError::NotFound)),
        };
        self.waiting.retain(|actor, answers| match outcome(actor) {
            Some(outcome) => {
                answers.drain(..).for_each(|answer| answer.send(outcome.clone()));
                false
            }
            None => true,
        });
    }

    async fn activated(&mut self, actor: &ActorId, epoch: u64, outcome: Result<(), CallError>) {
        self.activating.remove(actor);
        match outcome {
            Ok(()) => self.sync(actor).await,
            Err(error) => {
                tracing::info!(%actor, epoch, %error, "activation refused, actor queued");
                self.give_back(actor, epoch, &error.to_string()).await;
                if let CallError::Rejected { text, .. } = error {
                    self.give_up(actor, epoch, &text).await;
                }
            }
        }
    }

    /// The directory first, so that no restart can bring it back; then its node stops it; its room
    /// is given back last.
    async fn release(&mut self, actor: ActorId, answer: Answer, me: &Handle<PlacerMessage>) {
        let node = match self.inner.directory.get(&actor).await {
            Ok(Some(record)) => record.node().cloned(),
            Ok(None) => {
                answer.send(Ok(json(&())));
                return;
            }
            Err(error) => {
                answer.send(Err(CallError::unavailable(error)));
                return;
            }
        };
        if let Err(error) = self.inner.directory.release(&actor).await {
            answer.send(Err(CallError::unavailable(error)));
            return;
        }
        self.activating.remove(&actor);
        let Some(node) = node else {
            self.book.remove(&actor);
            answer.send(Ok(json(&())));
            self.place(me).await;
            return;
        };
        let (inner, me, stopping) = (Arc::clone(&self.inner), me.clone(), actor.clone());
        let stop = async move {
            let command = json(&NodeCommand::Deactivate { actor: stopping.clone() });
            let deadline = Duration::from_millis(inner.cfg.node.stop_ms_max * 3);
            let stopped = inner.call(&ActorId::Node(node), &command, deadline).await;
            let outcome = stopped.map(drop);
            tell(&me, PlacerMessage::Deactivated { actor: stopping, answer, outcome }).await;
        };
        let task = self.inner.spawn(Kind::Work, format!("deactivate {actor}"), stop);
        if let Some(before) = self.deactivating.insert(actor, task) {
            // Both answer; the older one ends by its deadline.
            before.detach();
        }
    }
}

async fn ask_node(inner: Arc<Inner>, node: NodeName, record: Record, me: Handle<PlacerMessage>) {
    let Record { actor, epoch, request, spec, .. } = record;
    let command = json(&NodeCommand::Activate { actor: actor.clone(), epoch, request, spec });
    let deadline = Duration::from_millis(inner.cfg.placer.reservation_ms);
    let activated = inner.call_json::<Activated>(&ActorId::Node(node), command, deadline).await;
    let outcome = activated.map(drop);
    tell(&me, PlacerMessage::Activated { actor, epoch, outcome }).await;
}

/// Tells until the lane has room: an outcome must not be lost.
async fn tell(me: &Handle<PlacerMessage>, message: PlacerMessage) {
    let mut message = message;
    while let Err(TellError::Full(back)) = me.control(message) {
        message = back;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

struct PlacerCallee(Handle<PlacerMessage>);

#[async_trait]
impl Callee for PlacerCallee {
    async fn call(&self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, CallError> {
        let command = serde_json::from_slice(command)
            .map_err(|error| CallError::BadCommand { reason: error.to_string() })?;
        self.0.ask(deadline, |answer| PlacerMessage::Command(command, answer)).await?
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
