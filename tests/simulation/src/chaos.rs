//! What goes wrong while it works: the store, the node, actors, programs; and people who change their
//! minds.

use std::rc::Rc;

use callboard_domain::id::{ActorId, ProjectId, TaskId};
use callboard_domain::orchestrator::{self, Fleet, Orchestrator};
use callboard_domain::project::{self, Project, Status, TaskState};
use callboard_substrate_memory::{Delay, Plan};
use tokio::time::sleep;

use crate::dice::Dice;
use crate::person::Person;
use crate::views::Views;
use crate::world::World;

/// How probable it is that something happens in a tick.
const HAPPENS: f64 = 0.25;

/// The faults of one run.
pub struct Chaos {
    world: Rc<World>,
    person: Rc<Person>,
    dice: Dice,
}

impl Chaos {
    /// The faults of this world's seed.
    #[must_use]
    pub fn new(world: Rc<World>, person: Rc<Person>) -> Self {
        let dice = Dice::new(world.seed ^ 0xc4a05);
        Self { world, person, dice }
    }

    /// Maybe does something.
    pub async fn tick(&mut self, views: &Views) {
        if !self.dice.happens(HAPPENS) {
            return;
        }
        match self.dice.between(0, 15) {
            0..=2 => {
                let plan = plan(&mut self.dice);
                self.world.faults().set_plan(plan);
            }
            3 => {
                let for_ = self.dice.millis(4_000, 9_000);
                self.world.faults().freeze_log(for_);
            }
            4 => {
                self.world.crash().await;
                let down = self.dice.millis(100, 3_000);
                sleep(down).await;
                self.world.boot().await;
            }
            5 | 6 => self.world.kill_an_actor(),
            7 | 8 => self.world.host.kill_a_program(),
            9 | 10 => self.write_to_somebody(views),
            11 => self.switch_the_fleet(),
            12 => self.switch_a_project(views),
            13 => self.cancel_or_retry(views),
            14 => {
                if let Some(project) = self.a_project(views) {
                    let n_tasks = self.dice.between(1, 3);
                    self.person.submit(project, n_tasks);
                }
            }
            _ => self.world.faults().set_plan(Plan::default()),
        }
    }

    /// Ends every fault.
    pub async fn calm(&self) {
        self.world.faults().set_plan(Plan::default());
        self.world.host.disk().faulty = false;
        if !self.world.is_up() {
            self.world.crash().await;
            self.world.boot().await;
        }
    }

    /// Lets go on what is stopped. Asked again and again: a stop that was asked for long ago may
    /// still be on its way.
    pub fn start_again(&mut self, views: &Views) {
        if !self.dice.happens(0.1) {
            return;
        }
        if views.orchestrator.fleet != Fleet::Running {
            let resume = orchestrator::Command::ResumeFleet { by: "anna".to_owned() };
            self.person.ask::<Orchestrator>(ActorId::Orchestrator, resume, None);
        }
        for (project, state) in &views.projects {
            if state.status == Status::Stopped {
                let actor = ActorId::Project(project.clone());
                self.person.ask::<Project>(actor, project::Command::Start, None);
            }
        }
    }

    fn a_project(&mut self, views: &Views) -> Option<ProjectId> {
        let projects: Vec<_> = views.projects.keys().cloned().collect();
        self.dice.pick(&projects).cloned()
    }

    fn write_to_somebody(&mut self, views: &Views) {
        let projects = views.projects.keys().cloned().map(ActorId::Project);
        let agents = views.agents.keys().cloned().map(ActorId::Agent);
        let all: Vec<_> =
            std::iter::once(ActorId::Orchestrator).chain(projects).chain(agents).collect();
        if let Some(actor) = self.dice.pick(&all) {
            self.person.write_to(actor.clone());
        }
    }

    fn switch_the_fleet(&mut self) {
        let by = "anna".to_owned();
        let command = if self.dice.happens(0.5) {
            orchestrator::Command::StopFleet { by, reason: "lunch".to_owned() }
        } else {
            orchestrator::Command::ResumeFleet { by }
        };
        self.person.ask::<Orchestrator>(ActorId::Orchestrator, command, None);
    }

    fn switch_a_project(&mut self, views: &Views) {
        let Some(project) = self.a_project(views) else { return };
        let command = if self.dice.happens(0.5) {
            project::Command::Stop { reason: "lunch".to_owned() }
        } else {
            project::Command::Start
        };
        self.person.ask::<Project>(ActorId::Project(project), command, None);
    }

    fn cancel_or_retry(&mut self, views: &Views) {
        let Some(project) = self.a_project(views) else { return };
        let Some(state) = views.projects.get(&project) else { return };
        let dead = |state| matches!(state, TaskState::Failed | TaskState::Cancelled);
        let (dead, open): (Vec<_>, Vec<_>) = state
            .tasks
            .values()
            .filter(|task| task.state != TaskState::Done)
            .partition(|task| dead(task.state));
        let ids = |tasks: Vec<&project::Task>| -> Vec<TaskId> {
            tasks.into_iter().map(|task| task.id.clone()).collect()
        };
        let (dead, open) = (ids(dead), ids(open));
        let retried = self.dice.pick(&dead).cloned();
        let command = match retried {
            Some(task) if self.dice.happens(0.7) => project::Command::RetryTask { task },
            _ => match self.dice.pick(&open).cloned() {
                Some(task) => project::Command::CancelTask { task },
                None => return,
            },
        };
        self.person.ask::<Project>(ActorId::Project(project), command, None);
    }
}

/// A store that is bad in some way.
fn plan(dice: &mut Dice) -> Plan {
    let slow = dice.happens(0.2);
    let ms_max = if slow { 1_500 } else { dice.between(0, 50) };
    Plan {
        log: Delay::millis(0, ms_max),
        kv: Delay::millis(0, ms_max.min(300)),
        blobs: Delay::millis(0, ms_max.min(300)),
        bus: Delay::millis(0, 50),
        bus_drop: dice.unit() * 0.05,
        bus_duplicate: dice.unit() * 0.05,
        not_written: dice.unit() * 0.1,
        lost_ack: dice.unit() * 0.02,
        crash_after_append: dice.unit() * 0.003,
        ghost_write: dice.unit() * 0.01,
        ghost_delay: Delay::millis(0, 5_000),
        stale_read: dice.unit() * 0.2,
        stale_n_max: 3,
        storage_full: false,
    }
}
