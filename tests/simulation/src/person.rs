//! The person: asks until it is acknowledged, and remembers what was.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use callboard_domain::agent::{self, Agent};
use callboard_domain::id::{ActorId, ApprovalId, MessageId, ProjectId};
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use callboard_domain::{Entity, id::AgentId};
use callboard_stdx::task::{self, Kind};
use tokio::time::sleep;
use uuid::Uuid;

use crate::dice::Dice;
use crate::scenario::{self, Scale};
use crate::views::Views;
use crate::world::World;

/// Something that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acknowledged {
    /// A project was opened.
    Opened(ProjectId),
    /// Tasks were submitted.
    Submitted(Uuid),
    /// A message was accepted.
    Message(MessageId),
    /// A permission request was decided.
    Decided(ApprovalId),
}

/// An acknowledgement, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Who acknowledged.
    pub actor: ActorId,
    /// What.
    pub what: Acknowledged,
}

/// Asks, in tasks of their own, so that one answer that is long in coming holds up nothing.
pub struct Person {
    world: Rc<World>,
    dice: RefCell<Dice>,
    acks: RefCell<Vec<Ack>>,
    n_under_way: Cell<u32>,
    answered: RefCell<Vec<ApprovalId>>,
}

impl Person {
    /// Somebody who talks to this world's node.
    #[must_use]
    pub fn new(world: Rc<World>) -> Rc<Self> {
        let dice = RefCell::new(Dice::new(world.seed ^ 0x9e0));
        Rc::new(Self {
            world,
            dice,
            acks: RefCell::default(),
            n_under_way: Cell::new(0),
            answered: RefCell::default(),
        })
    }

    /// Everything that was acknowledged.
    #[must_use]
    pub fn acks(&self) -> Vec<Ack> {
        self.acks.borrow().clone()
    }

    /// How many questions wait for their answer.
    #[must_use]
    pub fn n_under_way(&self) -> u32 {
        self.n_under_way.get()
    }

    /// Asks until it is done or refused.
    pub fn ask<E: Entity>(
        self: &Rc<Self>,
        actor: ActorId,
        command: E::Command,
        what: Option<Acknowledged>,
    ) {
        let me = Rc::clone(self);
        self.n_under_way.update(|n| n + 1);
        let asks = async move {
            let done = me.world.ask::<E>(&actor, command).await;
            if let (Some(Ok(())), Some(what)) = (done, what) {
                me.acks.borrow_mut().push(Ack { actor, what });
            }
            me.n_under_way.update(|n| n - 1);
        };
        task::spawn_local(Kind::Work, "asks", asks).detach();
    }

    /// Opens the projects of a run, and submits their tasks.
    pub fn begin(self: &Rc<Self>, scale: Scale) {
        let n_projects = self.dice.borrow_mut().between(1, scale.n_projects_max);
        for idx in 0..n_projects {
            let spec = scenario::project(&mut self.dice.borrow_mut(), idx);
            let project = spec.id.clone();
            let command = orchestrator::Command::OpenProject { spec: Box::new(spec) };
            let opened = Acknowledged::Opened(project.clone());
            self.ask::<Orchestrator>(ActorId::Orchestrator, command, Some(opened));
            let n_min = scale.n_tasks_max.min(5);
            let n_tasks = self.dice.borrow_mut().between(n_min, scale.n_tasks_max);
            self.submit(project, n_tasks);
        }
    }

    /// Submits some tasks.
    pub fn submit(self: &Rc<Self>, project: ProjectId, n_tasks: u64) {
        let id = self.world.clock.new_id();
        let tasks = scenario::tasks(&mut self.dice.borrow_mut(), n_tasks);
        let command = project::Command::Submit { id, tasks, agents_max: None };
        let submitted = Acknowledged::Submitted(id);
        self.ask::<Project>(ActorId::Project(project), command, Some(submitted));
    }

    /// Sends a message to somebody.
    pub fn write_to(self: &Rc<Self>, actor: ActorId) {
        let id = self.world.clock.new_id();
        let message = scenario::message(&mut self.dice.borrow_mut(), id);
        let accepted = Some(Acknowledged::Message(message.id));
        match &actor {
            ActorId::Project(_) => {
                self.ask::<Project>(actor, project::Command::Deliver { message }, accepted);
            }
            ActorId::Agent(_) => {
                self.ask::<Agent>(actor, agent::Command::Deliver { message }, accepted);
            }
            _ => {
                let command = orchestrator::Command::Deliver { message };
                self.ask::<Orchestrator>(actor, command, accepted);
            }
        }
    }

    /// Answers every permission request that is new, sooner or later.
    pub fn answer(self: &Rc<Self>, views: &Views) {
        for (agent, state) in &views.agents {
            for id in state.approvals.keys() {
                if !self.answered.borrow().contains(id) {
                    self.answered.borrow_mut().push(*id);
                    self.decide(agent.clone(), *id);
                }
            }
        }
    }

    fn decide(self: &Rc<Self>, agent: AgentId, id: ApprovalId) {
        let mut dice = self.dice.borrow_mut();
        let (later, allow) = (dice.millis(100, 15_000), dice.happens(0.9));
        let twice = dice.happens(0.2);
        drop(dice);
        let me = Rc::clone(self);
        self.n_under_way.update(|n| n + 1);
        let decides = async move {
            sleep(later).await;
            let (reason, by) = ("not today".to_owned(), "anna".to_owned());
            let command = agent::Command::AnswerApproval { id, allow, reason, by };
            for _ in 0..=u32::from(twice) {
                let decided = Some(Acknowledged::Decided(id));
                me.ask::<Agent>(ActorId::Agent(agent.clone()), command.clone(), decided);
            }
            me.n_under_way.update(|n| n - 1);
        };
        task::spawn_local(Kind::Work, "decides", decides).detach();
    }
}
