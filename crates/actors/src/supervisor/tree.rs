//! The rules of supervision, pure: inputs in, actions out; the caller brings time and randomness.
//!
//! ```text
//!  Waiting ──launch──▶ Starting ──▶ Running ──exit──▶ Backoff ──due──▶ Waiting
//!                          │           │ doomed            │ storm, no restart
//!                          └─────────▶ Stopping ──exit──▶ Waiting | Ended
//! ```
//!
//! Invariants: at most one incarnation of a child is alive; under a group strategy nothing is launched
//! while a doomed sibling lives; in turn, a child is stopped only after all later doomed ones are gone.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::exit::ExitReason;
use crate::supervisor::config::{Config, OnStorm, Order, Restart, Strategy};

/// How long a killed child may take to be gone. Only a handler that blocks its thread takes longer.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// What the caller shall do. Children are named by a key that is never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Launch {
        key: u64,
        incarnation: u64,
    },
    Stop {
        key: u64,
    },
    Kill {
        key: u64,
    },
    /// No incarnation will follow.
    Close {
        key: u64,
        why: ExitReason,
    },
    /// The child is no longer known.
    Forget {
        key: u64,
    },
    Note {
        key: u64,
        note: Note,
    },
    /// All children are gone; the supervisor ends for this reason.
    Finish(ExitReason),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    Started,
    Exited(ExitReason),
    Restarting { after: Duration },
    Quarantined(ExitReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Backoff { until: Instant },
    Starting { deadline: Instant, is_killed: bool },
    Running { since: Instant },
    Stopping { deadline: Instant, is_killed: bool },
    Ended,
    Quarantined,
}

impl Phase {
    fn is_alive(self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Running { .. } | Self::Stopping { .. })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Backoff { .. } => "backoff",
            Self::Starting { .. } => "starting",
            Self::Running { .. } => "running",
            Self::Stopping { .. } => "stopping",
            Self::Ended => "ended",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What becomes of a child once it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doom {
    Restart,
    End,
    Quarantine,
    Remove,
}

pub(crate) struct Node {
    pub(crate) key: u64,
    pub(crate) restart: Restart,
    pub(crate) stop_max: Duration,
    pub(crate) phase: Phase,
    pub(crate) incarnation: u64,
    /// Restarts since it was added.
    pub(crate) n_restarts: u64,
    pub(crate) last_exit: Option<ExitReason>,
    /// Failures not yet forgiven.
    n_failures: u32,
    recent: VecDeque<Instant>,
    doom: Option<Doom>,
}

/// The children of one supervisor, in the order of their start.
pub(crate) struct Tree {
    cfg: Config,
    nodes: Vec<Node>,
    recent: VecDeque<Instant>,
    closing: Option<ExitReason>,
    is_finished: bool,
    actions: Vec<Action>,
}

impl Tree {
    pub(crate) fn new(cfg: Config) -> Self {
        Self {
            cfg,
            nodes: Vec::new(),
            recent: VecDeque::new(),
            closing: None,
            is_finished: false,
            actions: Vec::new(),
        }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether some child has not had its first start behind it.
    pub(crate) fn is_starting(&self) -> bool {
        let is_first = |node: &Node| {
            node.incarnation <= 1 && matches!(node.phase, Phase::Waiting | Phase::Starting { .. })
        };
        self.nodes.iter().any(is_first)
    }

    /// Adds a child after all others. Refused (`false`) while the supervisor ends.
    pub(crate) fn add(&mut self, key: u64, restart: Restart, stop_max: Duration) -> bool {
        if self.closing.is_some() {
            return false;
        }
        self.nodes.push(Node {
            key,
            restart,
            stop_max,
            phase: Phase::Waiting,
            incarnation: 0,
            n_restarts: 0,
            last_exit: None,
            n_failures: 0,
            recent: VecDeque::new(),
            doom: None,
        });
        true
    }

    /// Stops a child for good and forgets it.
    pub(crate) fn remove(&mut self, key: u64) {
        if let Some(idx) = self.idx(key) {
            self.doom(idx, Doom::Remove);
        }
    }

    /// Starts a quarantined child again, its past forgiven.
    pub(crate) fn revive(&mut self, key: u64) {
        let Some(node) = self.nodes.iter_mut().find(|node| node.key == key) else { return };
        let is_hopeless = node.last_exit.as_ref().is_some_and(|exit| !exit.may_restart());
        if node.phase == Phase::Quarantined && !is_hopeless {
            node.phase = Phase::Waiting;
            node.n_failures = 0;
            node.recent.clear();
        }
    }

    /// Stops all children, then finishes for this reason.
    pub(crate) fn close(&mut self, why: ExitReason) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(why);
        for idx in 0..self.nodes.len() {
            self.doom(idx, Doom::End);
        }
    }

    pub(crate) fn started(&mut self, key: u64, incarnation: u64, now: Instant) {
        let Some(node) = self.nodes.iter_mut().find(|node| node.key == key) else { return };
        if node.incarnation == incarnation && matches!(node.phase, Phase::Starting { .. }) {
            node.phase = Phase::Running { since: now };
            self.actions.push(Action::Note { key, note: Note::Started });
        }
    }

    pub(crate) fn exited(
        &mut self,
        key: u64,
        incarnation: u64,
        reason: ExitReason,
        now: Instant,
        random: f64,
    ) {
        let Some(idx) = self.idx(key) else { return };
        let node = &mut self.nodes[idx];
        if node.incarnation != incarnation || !node.phase.is_alive() {
            return;
        }
        if let Phase::Running { since } = node.phase
            && now - since >= self.cfg.healthy()
        {
            node.n_failures = 0;
        }
        node.last_exit = Some(reason.clone());
        self.actions.push(Action::Note { key, note: Note::Exited(reason.clone()) });
        if let Some(doom) = self.nodes[idx].doom.take() {
            return self.fulfil(idx, doom, &reason);
        }
        let is_restarted = match self.nodes[idx].restart {
            Restart::Permanent => true,
            Restart::Transient => reason.is_abnormal(),
            Restart::Temporary => false,
        };
        if is_restarted && reason.may_restart() {
            self.failed(idx, reason, now, random);
        } else {
            self.ended(idx, reason);
        }
    }

    /// Advances what is due. Returns what to do, and when to call again at the latest.
    pub(crate) fn advance(&mut self, now: Instant) -> (Vec<Action>, Option<Instant>) {
        self.enforce_deadlines(now);
        self.stop_doomed(now);
        self.launch_waiting(now);
        let is_over = self.nodes.iter().all(|node| !node.phase.is_alive());
        if is_over
            && !self.is_finished
            && let Some(why) = self.closing.clone()
        {
            self.is_finished = true;
            self.actions.push(Action::Finish(why));
        }
        (std::mem::take(&mut self.actions), self.next_due())
    }

    fn idx(&self, key: u64) -> Option<usize> {
        self.nodes.iter().position(|node| node.key == key)
    }

    fn is_group(&self) -> bool {
        self.cfg.strategy != Strategy::OneForOne
    }

    /// Not restarted: it did what it should, or nothing can be done.
    fn ended(&mut self, idx: usize, reason: ExitReason) {
        let Node { key, restart, .. } = self.nodes[idx];
        self.nodes[idx].phase = Phase::Ended;
        if !reason.may_restart() {
            self.nodes[idx].phase = Phase::Quarantined;
            self.actions.push(Action::Note { key, note: Note::Quarantined(reason.clone()) });
        }
        if restart == Restart::Temporary {
            self.forget(idx, reason);
        } else if !self.is_group() {
            // In a group a sibling's failure may still bring it back.
            self.actions.push(Action::Close { key, why: reason });
        }
    }

    fn failed(&mut self, idx: usize, reason: ExitReason, now: Instant, random: f64) {
        let period = self.cfg.period();
        let recent = match self.cfg.strategy {
            Strategy::OneForOne => &mut self.nodes[idx].recent,
            Strategy::RestForOne | Strategy::OneForAll => &mut self.recent,
        };
        while recent.front().is_some_and(|at| now - *at > period) {
            recent.pop_front();
        }
        recent.push_back(now);
        if recent.len() > self.cfg.n_restarts_max {
            return self.storm(idx, &reason);
        }
        let node = &mut self.nodes[idx];
        let after = self.cfg.backoff.delay(node.n_failures, random);
        node.n_failures = node.n_failures.saturating_add(1);
        node.n_restarts += 1;
        node.phase = Phase::Backoff { until: now + after };
        let key = node.key;
        self.actions.push(Action::Note { key, note: Note::Restarting { after } });
        self.doom_group(idx, Doom::Restart);
    }

    fn storm(&mut self, idx: usize, reason: &ExitReason) {
        let key = self.nodes[idx].key;
        match self.cfg.on_storm {
            OnStorm::Escalate => {
                self.nodes[idx].phase = Phase::Ended;
                let why = format!("a child failed too often, at last it {reason}");
                self.close(ExitReason::Failed(why));
            }
            OnStorm::Quarantine => {
                self.nodes[idx].phase = Phase::Quarantined;
                self.actions.push(Action::Note { key, note: Note::Quarantined(reason.clone()) });
                self.doom_group(idx, Doom::Quarantine);
            }
        }
    }

    fn doom_group(&mut self, failed: usize, doom: Doom) {
        let first = match self.cfg.strategy {
            Strategy::OneForOne => return,
            Strategy::RestForOne => failed + 1,
            Strategy::OneForAll => 0,
        };
        // Backwards, for a temporary one is forgotten at once where it is not alive.
        for idx in (first..self.nodes.len()).rev().filter(|idx| *idx != failed) {
            let is_temporary = self.nodes[idx].restart == Restart::Temporary;
            let doom = if is_temporary && doom == Doom::Restart { Doom::Remove } else { doom };
            self.doom(idx, doom);
        }
    }

    fn doom(&mut self, idx: usize, doom: Doom) {
        let node = &mut self.nodes[idx];
        if !node.phase.is_alive() {
            if doom == Doom::Restart && node.phase == Phase::Quarantined {
                return;
            }
            let last = node.last_exit.clone().unwrap_or(ExitReason::Normal);
            return self.fulfil(idx, doom, &last);
        }
        // Removal is never taken back.
        if node.doom != Some(Doom::Remove) {
            node.doom = Some(doom);
        }
    }

    /// The doomed child is gone.
    fn fulfil(&mut self, idx: usize, doom: Doom, reason: &ExitReason) {
        let node = &mut self.nodes[idx];
        match doom {
            Doom::Restart if !reason.may_restart() => self.ended(idx, reason.clone()),
            Doom::Restart => node.phase = Phase::Waiting,
            Doom::End => node.phase = Phase::Ended,
            Doom::Quarantine => node.phase = Phase::Quarantined,
            Doom::Remove => self.forget(idx, ExitReason::Normal),
        }
    }

    fn forget(&mut self, idx: usize, why: ExitReason) {
        let key = self.nodes.remove(idx).key;
        self.actions.push(Action::Close { key, why });
        self.actions.push(Action::Forget { key });
    }

    fn enforce_deadlines(&mut self, now: Instant) {
        let mut abandoned = Vec::new();
        for node in &mut self.nodes {
            match &mut node.phase {
                Phase::Starting { deadline, is_killed }
                | Phase::Stopping { deadline, is_killed }
                    if *deadline <= now =>
                {
                    if *is_killed {
                        abandoned.push(node.key);
                    } else {
                        *is_killed = true;
                        *deadline = now + KILL_GRACE;
                        self.actions.push(Action::Kill { key: node.key });
                    }
                }
                _ => {}
            }
        }
        for key in abandoned {
            // Its thread is blocked. A second incarnation beside it would break the first invariant.
            let why = ExitReason::Parked("it blocks its thread and cannot be killed".to_owned());
            self.actions.push(Action::Note { key, note: Note::Quarantined(why.clone()) });
            let Some(idx) = self.idx(key) else { continue };
            let node = &mut self.nodes[idx];
            node.phase = Phase::Quarantined;
            node.incarnation += 1;
            node.last_exit = Some(why.clone());
            if node.doom.take() == Some(Doom::Remove) {
                self.forget(idx, why);
            }
        }
    }

    fn stop_doomed(&mut self, now: Instant) {
        let is_in_turn = self.cfg.order == Order::InTurn;
        for node in self.nodes.iter_mut().rev() {
            if matches!(node.phase, Phase::Stopping { .. }) {
                if is_in_turn {
                    return;
                }
                continue;
            }
            if node.doom.is_none() || !node.phase.is_alive() {
                continue;
            }
            node.phase = Phase::Stopping { deadline: now + node.stop_max, is_killed: false };
            self.actions.push(Action::Stop { key: node.key });
            if is_in_turn {
                return;
            }
        }
    }

    fn launch_waiting(&mut self, now: Instant) {
        let is_group = self.is_group();
        let is_doomed_alive = self.nodes.iter().any(|node| node.doom.is_some());
        if self.closing.is_some() || (is_group && is_doomed_alive) {
            return;
        }
        let deadline = now + self.cfg.start_max();
        let is_in_turn = self.cfg.order == Order::InTurn;
        let mut is_blocked = false;
        for node in &mut self.nodes {
            if let Phase::Backoff { until } = node.phase
                && until <= now
            {
                node.phase = Phase::Waiting;
            }
            // Alone, a restart waits for nobody.
            let waits = is_blocked && (is_group || node.incarnation == 0);
            if node.phase == Phase::Waiting && !waits {
                node.incarnation += 1;
                node.phase = Phase::Starting { deadline, is_killed: false };
                let (key, incarnation) = (node.key, node.incarnation);
                self.actions.push(Action::Launch { key, incarnation });
            }
            is_blocked |= match node.phase {
                Phase::Starting { .. } | Phase::Waiting => is_in_turn,
                Phase::Backoff { .. } => is_group,
                _ => false,
            };
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let due = self.nodes.iter().filter_map(|node| match node.phase {
            Phase::Backoff { until } => Some(until),
            Phase::Starting { deadline, .. } | Phase::Stopping { deadline, .. } => Some(deadline),
            _ => None,
        });
        due.min()
    }
}
