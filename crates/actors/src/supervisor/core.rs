//! The actor around the rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use callboard_stdx::task::{self, Kind, Task};
use tokio::time::Instant;

use crate::alerts::Alert;
use crate::exit::{ExitReason, Lifecycle};
use crate::mailbox::Handle;
use crate::shell::Behaviour;
use crate::supervisor::board::{self, Board};
use crate::supervisor::handle::{AddError, ChildEvent, ChildStatus, Message, Parts};
use crate::supervisor::tree::{Action, Note, Tree};
use crate::supervisor::{ChildSpec, OnStorm, Order};

pub(crate) struct Core {
    parts: Arc<Parts>,
    tree: Tree,
    specs: BTreeMap<u64, ChildSpec>,
    keys: BTreeMap<String, u64>,
    key_next: u64,
    n_static: u64,
    board: Arc<Board>,
    timer: Option<(Instant, Task<()>)>,
    finished: Option<ExitReason>,
    /// Askers that wait for the removal of a child.
    removals: BTreeMap<u64, Vec<crate::mailbox::Reply<()>>>,
}

impl Core {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        let mut core = Self {
            tree: Tree::new(parts.cfg),
            specs: BTreeMap::new(),
            keys: BTreeMap::new(),
            key_next: 0,
            n_static: 0,
            board: Arc::default(),
            timer: None,
            finished: None,
            removals: BTreeMap::new(),
            parts,
        };
        for spec in core.parts.children.clone() {
            core.add(spec).expect("static children have different names and fit");
        }
        core.n_static = core.key_next;
        core
    }

    fn add(&mut self, spec: ChildSpec) -> Result<(), AddError> {
        if self.keys.contains_key(&spec.name) {
            return Err(AddError::Exists { name: spec.name });
        }
        let n_max = self.parts.cfg.n_children_max;
        if self.specs.len() >= n_max {
            return Err(AddError::TooMany { n_max });
        }
        let key = self.key_next;
        if !self.tree.add(key, spec.restart, spec.stop_max) {
            return Err(AddError::Stopping);
        }
        self.key_next += 1;
        self.keys.insert(spec.name.clone(), key);
        self.specs.insert(key, spec);
        Ok(())
    }

    fn read_board(&mut self) {
        let now = Instant::now();
        for board::Note { key, incarnation, lifecycle } in self.board.take() {
            match lifecycle {
                Lifecycle::Started => self.tree.started(key, incarnation, now),
                Lifecycle::Exited(reason) => {
                    let random = self.parts.clock.random();
                    self.tree.exited(key, incarnation, reason, now, random);
                }
            }
        }
    }

    /// Does what is due. Afterwards the timer stands at the next due time.
    fn advance(&mut self, me: &Handle<Message>) {
        let due = loop {
            self.read_board();
            let (actions, due) = self.tree.advance(Instant::now());
            if actions.is_empty() {
                break due;
            }
            for action in actions {
                self.act(action, me);
            }
        };
        self.set_timer(due, me);
    }

    fn act(&mut self, action: Action, me: &Handle<Message>) {
        match action {
            Action::Launch { key, incarnation } => {
                let report = self.board.report(key, incarnation, me.clone());
                self.specs[&key].child.launch(&self.parts.spawner, report);
            }
            Action::Stop { key } => self.specs[&key].child.stop(),
            Action::Kill { key } => self.specs[&key].child.kill(),
            Action::Close { key, why } => self.specs[&key].child.close(why),
            Action::Forget { key } => {
                if let Some(spec) = self.specs.remove(&key) {
                    self.keys.remove(&spec.name);
                }
                for reply in self.removals.remove(&key).into_iter().flatten() {
                    reply.send(());
                }
            }
            Action::Note { key, note } => self.note(key, note),
            Action::Finish(why) => self.finish(why),
        }
    }

    fn note(&self, key: u64, note: Note) {
        let Some(spec) = self.specs.get(&key) else { return };
        let (supervisor, child) = (&self.parts.name, &spec.name);
        let event = match note {
            Note::Started => ChildEvent::Started,
            Note::Exited(reason) => {
                tracing::info!(%supervisor, %child, %reason, "child exited");
                ChildEvent::Exited(reason)
            }
            Note::Restarting { after } => {
                tracing::warn!(%supervisor, %child, ?after, "restarting child");
                ChildEvent::Restarting { after }
            }
            Note::Quarantined(reason) => {
                let alert = Alert::Quarantined { child: child.clone(), reason: reason.to_string() };
                self.parts.alerts.raise(alert);
                ChildEvent::Quarantined(reason)
            }
        };
        (self.parts.observer)(child, &event);
    }

    fn finish(&mut self, why: ExitReason) {
        // Dynamic children are not part of the factory: the next incarnation does not know them.
        for (_, spec) in self.specs.range(self.n_static..) {
            spec.child.close(why.clone());
        }
        self.finished = Some(why);
    }

    fn set_timer(&mut self, due: Option<Instant>, me: &Handle<Message>) {
        let Some(due) = due else {
            self.timer = None;
            return;
        };
        if self.timer.as_ref().is_some_and(|(at, task)| *at == due && !task.is_finished()) {
            return;
        }
        let me = me.clone();
        let wake = async move {
            tokio::time::sleep_until(due).await;
            // A full lane does no harm: every message makes the supervisor look at the time.
            drop(me.control(Message::Look));
        };
        self.timer = Some((due, task::spawn_local(Kind::Work, "supervisor:timer", wake)));
    }

    /// Waits for the next note or due time without reading the mailbox.
    async fn wait(&mut self, me: &Handle<Message>) {
        let due = self.timer.as_ref().map(|(due, _)| *due);
        match due {
            Some(due) => drop(tokio::time::timeout_at(due, self.board.posted()).await),
            None => self.board.posted().await,
        }
        self.advance(me);
    }

    fn statuses(&self) -> Vec<ChildStatus> {
        let status = |node: &crate::supervisor::tree::Node| {
            let spec = self.specs.get(&node.key)?;
            Some(ChildStatus {
                name: spec.name.clone(),
                phase: node.phase.name(),
                incarnation: node.incarnation,
                n_restarts: node.n_restarts,
                last_exit: node.last_exit.as_ref().map(ExitReason::to_string),
            })
        };
        self.tree.nodes().iter().filter_map(status).collect()
    }
}

impl Behaviour for Core {
    type Message = Message;

    async fn started(&mut self, me: &Handle<Message>) -> Result<(), ExitReason> {
        self.advance(me);
        // In turn, whatever starts after this supervisor may rely on its children. One whose first
        // start fails is not waited for.
        while self.parts.cfg.order == Order::InTurn && self.tree.is_starting() {
            self.wait(me).await;
        }
        self.finished.clone().map_or(Ok(()), Err)
    }

    async fn handle(&mut self, message: Message, me: &Handle<Message>) -> Result<(), ExitReason> {
        match message {
            Message::Look => {}
            Message::Add { spec, reply } => reply.send(self.add(*spec)),
            Message::Remove { name, reply } => match self.keys.get(&name) {
                Some(key) => {
                    self.removals.entry(*key).or_default().push(reply);
                    self.tree.remove(*key);
                }
                None => reply.send(()),
            },
            Message::Revive { name } => {
                if let Some(key) = self.keys.get(&name) {
                    self.tree.revive(*key);
                }
            }
            Message::Children { reply } => reply.send(self.statuses()),
        }
        self.advance(me);
        self.finished.clone().map_or(Ok(()), Err)
    }

    async fn stopped(&mut self, why: &ExitReason) {
        if self.finished.is_some() {
            return;
        }
        self.tree.close(why.clone());
        let me = Handle::new("supervisor:stopping", crate::mailbox::Config::default());
        me.close(ExitReason::Normal);
        // Ends: every child has a deadline, after which it is killed, and then given up.
        self.advance(&me);
        while self.finished.is_none() {
            self.wait(&me).await;
        }
    }

    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.parts.name,
            "escalates": self.parts.cfg.on_storm == OnStorm::Escalate,
            "children": self.statuses(),
        })
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // A supervisor that is killed or panicked takes its children with it.
        if self.finished.is_none() {
            for node in self.tree.nodes() {
                if let Some(spec) = self.specs.get(&node.key) {
                    spec.child.kill();
                }
            }
        }
    }
}
