//! The promises, as predicates: some after every event, the others when all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use callboard_domain::EffectKey;
use callboard_domain::agent::{self, Phase};
use callboard_domain::id::{AgentId, TaskId};
use callboard_domain::message::Inbox;
use callboard_domain::project::{self, EventKind, SeatState, Stage, Status, Task, TaskState};
use callboard_domain::task::Attempt;

use crate::world::{Who, World};

/// How often one timer may fire without anything following from it.
const FIRED_MAX: u32 = 3;

#[derive(Default)]
pub(crate) struct Judge {
    integrated: BTreeSet<Attempt>,
    done: BTreeSet<TaskId>,
    works: BTreeMap<AgentId, Attempt>,
    fired: BTreeMap<(Who, EffectKey), u32>,
}

impl Judge {
    /// A timer whose firing changes nothing would fire for ever.
    pub(crate) fn fired(&mut self, who: &Who, key: &EffectKey) {
        let n = self.fired.entry((who.clone(), key.clone())).or_default();
        *n += 1;
        assert!(*n <= FIRED_MAX, "{who:?} {key} fires again and again");
    }

    pub(crate) fn project(&mut self, state: &project::State, event: &project::Event) {
        match &event.kind {
            EventKind::TaskAssigned { brief, .. } => assigned(state, &brief.attempt.task),
            EventKind::IntegrationStarted { published, .. } => {
                let is_new = self.integrated.insert(published.attempt.clone());
                assert!(is_new, "{} is integrated once", published.attempt);
            }
            EventKind::TaskDone { task, .. } => {
                assert!(self.done.insert(task.clone()), "{task} is done once");
            }
            EventKind::SeatOpened { .. } => {
                assert!(state.seats.len() <= state.agents_max() as usize, "agents ≤ limit");
            }
            _ => {}
        }
        let integrating = |task: &&Task| matches!(task.stage, Some(Stage::Integrating { .. }));
        assert!(state.tasks.values().filter(integrating).count() <= 1, "one integration at a time");
        let mut busy = BTreeSet::new();
        for seat in state.seats.values() {
            if let SeatState::Busy { task } = &seat.state {
                assert!(busy.insert(task), "{task} is in two seats");
            }
        }
    }

    pub(crate) fn agent(&mut self, id: &AgentId, state: &agent::State) {
        match &state.work {
            Some(work) => self.works.insert(id.clone(), work.brief.attempt.clone()),
            None => self.works.remove(id),
        };
        let all: BTreeSet<_> = self.works.values().collect();
        assert_eq!(all.len(), self.works.len(), "no try is with two agents: {:?}", self.works);
    }
}

fn order(task: &Task) -> (callboard_domain::fleet::Priority, chrono::DateTime<chrono::Utc>) {
    (task.priority, task.created_at)
}

fn assigned(state: &project::State, id: &TaskId) {
    let task = &state.tasks[id];
    for dependency in &task.depends_on {
        assert_eq!(
            state.tasks[dependency].state,
            TaskState::Done,
            "{id} starts after {dependency}"
        );
    }
    let earlier = state.tasks.values().find(|other| {
        other.state == TaskState::Ready && other.role == task.role && order(other) < order(task)
    });
    assert!(earlier.is_none(), "{id} was given before {:?}", earlier.map(|task| &task.id));
}

fn check_inbox(inbox: &Inbox, who: &str) {
    for (id, receipt) in inbox.receipts() {
        assert!(receipt.state.is_final(), "{who}: message {id} is {:?}", receipt.state);
        let n_final = receipt.history.iter().filter(|step| step.state.is_final()).count();
        assert_eq!(n_final, 1, "{who}: message {id} ends once");
        let forward = receipt.history.windows(2).all(|two| two[0].state < two[1].state);
        assert!(forward, "{who}: message {id} went back: {:?}", receipt.history);
    }
}

impl World {
    /// All is quiet: everything has an end.
    pub(crate) fn judge(&self) {
        self.orchestrator.check_replay();
        assert!(self.orchestrator.state.outbox.is_empty(), "{:?}", self.orchestrator.state.outbox);
        check_inbox(&self.orchestrator.state.inbox, "orchestrator");
        for (id, node) in &self.projects {
            let state = &node.state;
            for task in state.tasks.values() {
                check_task(state, task);
            }
            assert!(state.outbox.is_empty(), "{id} owes {:?}", state.outbox);
            assert!(state.seats.is_empty(), "{id} keeps {:?}", state.seats);
            assert_eq!(state.status == Status::Archived, node.is_gone, "{id}");
            check_inbox(&state.inbox, id.as_str());
            node.check_replay();
        }
        for (id, node) in &self.agents {
            let state = &node.state;
            assert_eq!(state.phase, Phase::Archived, "{id} was dismissed");
            assert!(state.outbox.is_empty(), "{id} owes {:?}", state.outbox);
            check_inbox(&state.inbox, id.as_str());
            node.check_replay();
        }
    }
}

fn check_task(state: &project::State, task: &Task) {
    assert!(
        task.is_settled(),
        "{} is {:?}, {:?}, {:?}",
        task.id,
        task.state,
        task.stage,
        task.reason
    );
    let is_dead =
        |id: &TaskId| matches!(state.tasks[id].state, TaskState::Failed | TaskState::Cancelled);
    if task.depends_on.iter().any(is_dead) {
        assert!(matches!(task.state, TaskState::Failed | TaskState::Cancelled), "{}", task.id);
        assert!(task.reason.is_some(), "{} says why", task.id);
    }
    assert_eq!(task.state == TaskState::Done, task.evidence.is_some(), "{}", task.id);
}
