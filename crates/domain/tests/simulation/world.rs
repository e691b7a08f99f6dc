//! The queue of what happens next, and who it happens to.

use std::collections::BTreeMap;

use callboard_domain::agent::{self, Agent, SessionFact};
use callboard_domain::id::{AgentId, ProjectId};
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use callboard_domain::{EffectKey, Entity};
use chrono::{DateTime, Duration, Utc};

use crate::judge::Judge;
use crate::node::{Node, Rng};

/// Who.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Orchestrator,
    Project(ProjectId),
    Agent(AgentId),
}

/// A command to somebody.
#[derive(Debug, Clone)]
pub(crate) enum To {
    Orchestrator(orchestrator::Command),
    Project(ProjectId, project::Command),
    Agent(AgentId, agent::Command),
}

/// The run of an effect.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) who: Who,
    pub(crate) key: EffectKey,
    pub(crate) run: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// The run does its work.
    Work(Job),
    /// The run ended with these commands, or is to be tried again.
    Ended(Job, Vec<To>),
    /// A late or repeated word between actors; nobody waits for the answer.
    Late(To),
    /// A program says something, if it still runs.
    Fact(Job, SessionFact),
    /// A person does something.
    Person,
    /// Somebody loses power.
    Crash,
}

/// How a question to another actor ended.
pub(crate) enum Asked {
    Done,
    Archived,
    Later,
    Refused(String),
    Gone,
}

pub(crate) const FAULTS_S: i64 = 240;
const END_S: i64 = 40_000;
const ITEMS_MAX: u64 = 200_000;

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now: DateTime<Utc>,
    queue: BTreeMap<(DateTime<Utc>, u64), Item>,
    n_items: u64,
    n_runs: u64,
    pub(crate) orchestrator: Node<Orchestrator>,
    pub(crate) projects: BTreeMap<ProjectId, Node<Project>>,
    pub(crate) agents: BTreeMap<AgentId, Node<Agent>>,
    /// When a program's next word may come, so that its words keep their order.
    pub(crate) said_at: BTreeMap<AgentId, DateTime<Utc>>,
    pub(crate) judge: Judge,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = Self {
            rng: Rng(seed),
            now: DateTime::UNIX_EPOCH,
            queue: BTreeMap::new(),
            n_items: 0,
            n_runs: 0,
            orchestrator: Node::new(),
            projects: BTreeMap::new(),
            agents: BTreeMap::new(),
            said_at: BTreeMap::new(),
            judge: Judge::default(),
        };
        world.orchestrator.activate(&mut world.rng, world.now);
        world
    }

    pub(crate) fn has_faults(&self) -> bool {
        self.now < DateTime::UNIX_EPOCH + Duration::seconds(FAULTS_S)
    }

    /// Whether this fault happens now.
    pub(crate) fn fault(&mut self, percent: u64) -> bool {
        self.has_faults() && self.rng.percent(percent)
    }

    pub(crate) fn after(&mut self, ms_max: u64, item: Item) {
        let at = self.now + Duration::milliseconds(1 + self.rng.below(ms_max).cast_signed());
        self.at(at, item);
    }

    pub(crate) fn at(&mut self, at: DateTime<Utc>, item: Item) {
        self.n_items += 1;
        self.queue.insert((at, self.n_items), item);
    }

    pub(crate) fn run_until_quiet(&mut self) {
        let end = DateTime::UNIX_EPOCH + Duration::seconds(END_S);
        while let Some(((at, _), item)) = self.queue.pop_first() {
            assert!(self.n_items < ITEMS_MAX, "the world never gets quiet: {item:?}");
            assert!(at < end, "the world is not quiet in time: {item:?}");
            self.now = at;
            self.step(item);
        }
    }

    fn step(&mut self, item: Item) {
        match item {
            Item::Work(job) if self.is_current(&job) => self.work(job),
            Item::Ended(job, commands) if self.is_current(&job) => {
                for command in commands {
                    // A command of an effect may be refused.
                    let _ = self.ask(command);
                }
                if self.is_current(&job) {
                    self.after(3_000, Item::Work(job));
                }
            }
            // The request of a dropped effect may still be on its way.
            Item::Work(job) => self.late(&job),
            Item::Ended(..) => {}
            Item::Late(to) => {
                let _ = self.ask(to);
            }
            Item::Fact(job, fact) => self.fact(&job, fact),
            Item::Person => self.person(),
            Item::Crash => self.crash(),
        }
    }

    pub(crate) fn is_current(&self, job: &Job) -> bool {
        match &job.who {
            Who::Orchestrator => self.orchestrator.is_current(&job.key, job.run),
            Who::Project(id) => {
                self.projects.get(id).is_some_and(|n| n.is_current(&job.key, job.run))
            }
            Who::Agent(id) => self.agents.get(id).is_some_and(|n| n.is_current(&job.key, job.run)),
        }
    }

    /// Gives a command to whom it is for, and begins what follows.
    pub(crate) fn ask(&mut self, to: To) -> Asked {
        let Self { rng, now, judge, .. } = self;
        let (who, asked) = match to {
            To::Orchestrator(command) => {
                let done = self.orchestrator.command(command, rng, *now, &mut |_, _| {});
                let asked = done.map_or_else(|r| Asked::Refused(r.to_string()), |()| Asked::Done);
                (Who::Orchestrator, asked)
            }
            To::Project(id, command) => {
                let Some(node) = self.projects.get_mut(&id).filter(|node| !node.is_gone) else {
                    return Asked::Gone;
                };
                let mut see = |state: &_, event: &_| judge.project(state, event);
                let asked = match node.command(command, rng, *now, &mut see) {
                    Ok(()) => Asked::Done,
                    Err(project::Rejection::Archived) => Asked::Archived,
                    Err(project::Rejection::NotCreated) => Asked::Later,
                    Err(rejection) => Asked::Refused(rejection.to_string()),
                };
                (Who::Project(id), asked)
            }
            To::Agent(id, command) => {
                let Some(node) = self.agents.get_mut(&id).filter(|node| !node.is_gone) else {
                    return Asked::Gone;
                };
                let asked = match node.command(command, rng, *now, &mut |_, _| {}) {
                    Ok(()) => Asked::Done,
                    Err(agent::Rejection::Archived) => Asked::Archived,
                    Err(agent::Rejection::Busy(_) | agent::Rejection::NotCreated) => Asked::Later,
                    Err(rejection) => Asked::Refused(rejection.to_string()),
                };
                judge.agent(&id, &node.state);
                (Who::Agent(id), asked)
            }
        };
        self.begin(who);
        asked
    }

    /// Begins the effects that are new.
    pub(crate) fn begin(&mut self, who: Who) {
        let n_runs = &mut self.n_runs;
        let mut jobs = Vec::new();
        match &who {
            Who::Orchestrator => {
                let begun = self.orchestrator.reconcile(n_runs);
                jobs.extend(begun.into_iter().map(|b| (b.key, b.run, None)));
            }
            Who::Project(id) => {
                let begun = self.projects.get_mut(id).map(|node| node.reconcile(n_runs));
                let due = |key: &_, effect: &_| Project::timer(key, effect).map(|(due, _)| due);
                for b in begun.into_iter().flatten() {
                    let due = due(&b.key, &b.effect);
                    jobs.push((b.key, b.run, due));
                }
            }
            Who::Agent(id) => {
                let begun = self.agents.get_mut(id).map(|node| node.reconcile(n_runs));
                for b in begun.into_iter().flatten() {
                    let due = Agent::timer(&b.key, &b.effect).map(|(due, _)| due);
                    jobs.push((b.key, b.run, due));
                }
            }
        }
        for (key, run, due) in jobs {
            let job = Job { who: who.clone(), key, run };
            match due {
                Some(due) => self.at(due.max(self.now), Item::Work(job)),
                None => self.after(300, Item::Work(job)),
            }
        }
    }

    fn crash(&mut self) {
        if !self.has_faults() {
            return;
        }
        let n = self.rng.below((1 + self.projects.len() + self.agents.len()) as u64) as usize;
        let (now, rng) = (self.now, &mut self.rng);
        let mut projects = self.projects.iter_mut().filter(|(_, node)| !node.is_gone);
        let agents = self.agents.iter_mut().filter(|(_, node)| !node.is_gone);
        let who = if n == 0 {
            self.orchestrator.activate(rng, now);
            Who::Orchestrator
        } else if let Some((id, node)) = projects.nth(n - 1) {
            node.activate(rng, now);
            Who::Project(id.clone())
        } else if let Some((id, node)) = agents.last() {
            node.activate(rng, now);
            Who::Agent(id.clone())
        } else {
            Who::Orchestrator
        };
        self.begin(who);
        self.after(20_000, Item::Crash);
    }
}
