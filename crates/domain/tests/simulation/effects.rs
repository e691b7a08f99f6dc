//! What effects do in this world, after the executors of `orchestration`.

use callboard_domain::agent::{self, Checkpoint, SessionFact, Usage, Verdict};
use callboard_domain::id::{AgentId, ProjectId};
use callboard_domain::orchestrator;
use callboard_domain::project::{self, Evidence, Integration, ReviewOutcome};
use callboard_domain::task::Published;
use callboard_domain::{EffectKey, Entity};
use chrono::Duration;

use crate::node::Node;
use crate::world::{Asked, Item, Job, To, Who, World};

impl World {
    pub(crate) fn work(&mut self, job: Job) {
        match job.who.clone() {
            Who::Orchestrator => self.work_orchestrator(job),
            Who::Project(id) => self.work_project(&id, job),
            Who::Agent(id) => self.work_agent(&id, job),
        }
    }

    fn ended(&mut self, job: Job, commands: Vec<To>) {
        self.after(200, Item::Ended(job, commands));
    }

    /// Asks over a network that loses words on both ways, and repeats them.
    fn tell(&mut self, job: Job, to: To, done: To) {
        match self.ask_over(&to) {
            Asked::Done | Asked::Gone | Asked::Archived => self.ended(job, vec![done]),
            Asked::Later | Asked::Refused(_) => self.ended(job, Vec::new()),
        }
    }

    fn ask_over(&mut self, to: &To) -> Asked {
        if self.fault(10) {
            return Asked::Later;
        }
        // Switch and quota have an order that the network of a node keeps.
        let is_ordered = matches!(
            to,
            To::Agent(_, agent::Command::Stop { .. } | agent::Command::Start { .. })
                | To::Project(_, project::Command::Fleet { .. } | project::Command::Quota { .. })
        );
        if !is_ordered && self.fault(10) {
            self.after(30_000, Item::Late(to.clone()));
        }
        let asked = self.ask(to.clone());
        if self.fault(10) { Asked::Later } else { asked }
    }

    fn work_orchestrator(&mut self, job: Job) {
        let Some((effect, _)) = self.orchestrator.running.get(&job.key).cloned() else { return };
        match effect {
            orchestrator::Effect::Open { spec } => {
                if self.fault(20) {
                    return self.ended(job, Vec::new());
                }
                let project = spec.id.clone();
                if !self.projects.contains_key(&project) {
                    let mut node = Node::new();
                    node.activate(&mut self.rng, self.now);
                    self.projects.insert(project.clone(), node);
                }
                let create = project::Command::Create { spec };
                self.ask(To::Project(project.clone(), create));
                let opened = orchestrator::Command::Opened { project };
                self.ended(job, vec![To::Orchestrator(opened)]);
            }
            orchestrator::Effect::Quota { project, agents_max } => {
                let to = To::Project(project.clone(), project::Command::Quota { agents_max });
                let done = orchestrator::Command::QuotaTold { project, agents_max };
                self.tell(job, to, To::Orchestrator(done));
            }
            orchestrator::Effect::Switch { project, stopped } => {
                let to = To::Project(project.clone(), project::Command::Fleet { stopped });
                let done = orchestrator::Command::SwitchTold { project, stopped };
                self.tell(job, to, To::Orchestrator(done));
            }
            orchestrator::Effect::Archive { project } => {
                let to = To::Project(project.clone(), project::Command::Archive);
                let done = orchestrator::Command::Archived { project };
                self.tell(job, to, To::Orchestrator(done));
            }
        }
    }

    fn place(&mut self, spec: Box<agent::Spec>) {
        let id = spec.id.clone();
        if !self.agents.contains_key(&id) {
            let mut node = Node::new();
            node.activate(&mut self.rng, self.now);
            self.agents.insert(id.clone(), node);
        }
        self.ask(To::Agent(id, agent::Command::Create { spec }));
    }

    /// The effect was dropped, but what it sent may come all the same.
    pub(crate) fn late(&mut self, job: &Job) {
        let Who::Project(id) = &job.who else { return };
        if !self.fault(30) {
            return;
        }
        let Some(spec) = self.projects.get(id).and_then(|node| node.state.spec.clone()) else {
            return;
        };
        if let Some(agent) = job.key.0.strip_prefix("place/").and_then(|id| id.parse().ok()) {
            let agent = agent::Spec {
                id: agent,
                role: "dev".parse().expect("legal"),
                project: Some(spec.id),
                runtime: spec.runtime,
                model: None,
                limits: spec.agent_limits,
            };
            self.place(Box::new(agent));
        }
    }

    fn work_project(&mut self, id: &ProjectId, job: Job) {
        let effect = self.projects.get(id).and_then(|node| node.running.get(&job.key).cloned());
        let Some((effect, _)) = effect else { return };
        if let Some((_, command)) = callboard_domain::project::Project::timer(&job.key, &effect) {
            return self.step_timer(job, To::Project(id.clone(), command));
        }
        let own = |command| To::Project(id.clone(), command);
        match effect {
            project::Effect::Place { agent, .. } => {
                if self.fault(20) {
                    return self.ended(job, Vec::new());
                }
                let name = agent.id.clone();
                if self.fault(5) {
                    let reason = "no runtime".to_owned();
                    let failed = project::Command::PlaceFailed { agent: name, reason };
                    return self.ended(job, vec![own(failed)]);
                }
                self.place(agent);
                self.ended(job, vec![own(project::Command::Placed { agent: name })]);
            }
            project::Effect::Assign { agent, brief } => {
                let attempt = brief.attempt.clone();
                let to = To::Agent(agent, agent::Command::Assign { brief });
                let command = match self.ask_over(&to) {
                    Asked::Later => return self.ended(job, Vec::new()),
                    Asked::Done => project::Command::Assigned { attempt },
                    Asked::Refused(reason) => project::Command::AssignRefused { attempt, reason },
                    Asked::Gone | Asked::Archived => {
                        let reason = "the agent is gone".to_owned();
                        project::Command::AssignRefused { attempt, reason }
                    }
                };
                self.ended(job, vec![own(command)]);
            }
            project::Effect::CancelTask { agent, attempt } => {
                let cancel = agent::Command::CancelTask { attempt: attempt.clone() };
                let done = project::Command::TaskCancelled { attempt };
                self.tell(job, To::Agent(agent, cancel), own(done));
            }
            project::Effect::Dismiss { agent } => {
                let to = To::Agent(agent.clone(), agent::Command::Archive);
                self.tell(job, to, own(project::Command::Dismissed { agent }));
            }
            project::Effect::Switch { agent, on: true } => {
                let to = To::Agent(agent.clone(), agent::Command::Start { fleet: true });
                self.tell(job, to, own(project::Command::Switched { agent, on: true }));
            }
            project::Effect::Switch { agent, on: false } => {
                let reason = "stop".to_owned();
                let to = To::Agent(agent.clone(), agent::Command::Stop { reason, fleet: true });
                self.tell(job, to, own(project::Command::Switched { agent, on: false }));
            }
            other => self.work_result(id, job, other),
        }
    }

    fn work_result(&mut self, id: &ProjectId, job: Job, effect: project::Effect) {
        let own = |command| To::Project(id.clone(), command);
        match effect {
            project::Effect::Integrate { published, .. } => {
                let attempt = published.attempt.clone();
                let integration = match self.rng.below(10) {
                    0 if self.has_faults() => Integration::Conflict { files: vec!["a".to_owned()] },
                    1 if self.has_faults() => Integration::CheckFailed { output: "red".to_owned() },
                    2 if self.has_faults() => return self.ended(job, Vec::new()),
                    _ => Integration::Merged {
                        evidence: Evidence {
                            commit: format!("m-{attempt}"),
                            ..Evidence::default()
                        },
                    },
                };
                self.ended(job, vec![own(project::Command::Integrated { attempt, integration })]);
            }
            project::Effect::Review { id, .. } => {
                let outcome = ReviewOutcome::Refused { reason: "dirty".to_owned() };
                self.ended(job, vec![own(project::Command::Reviewed { id, outcome })]);
            }
            project::Effect::Cleanup => self.ended(job, vec![own(project::Command::CleanedUp)]),
            project::Effect::Release => {
                self.ask(own(project::Command::Released));
                if let Some(node) = self.projects.get_mut(id) {
                    node.is_gone = true;
                }
            }
            _ => {}
        }
    }

    /// A timer's command goes through the shell like the answer of any effect.
    fn step_timer(&mut self, job: Job, command: To) {
        self.judge.fired(&job.who, &job.key);
        self.ended(job, vec![command]);
    }

    fn work_agent(&mut self, id: &AgentId, job: Job) {
        let effect = self.agents.get(id).and_then(|node| node.running.get(&job.key).cloned());
        let Some((effect, _)) = effect else { return };
        if let Some((_, command)) = agent::Agent::timer(&job.key, &effect) {
            return self.step_timer(job, To::Agent(id.clone(), command));
        }
        let own = |command| To::Agent(id.clone(), command);
        match effect {
            agent::Effect::Run { run, .. } => self.launch(job, run),
            agent::Effect::Prompt { run, prompt, .. } => self.turn(id, job, run, prompt),
            agent::Effect::Interrupt { run } => self.interrupt(id, run),
            agent::Effect::Answer { approval, .. } => {
                self.ended(job, vec![own(agent::Command::AnswerGiven { id: approval })]);
            }
            agent::Effect::Checkpoint { seq, session } => {
                let taken = Checkpoint {
                    blob: format!("c{seq}"),
                    seq,
                    commit: "c".to_owned(),
                    bytes: 1,
                    sha256: "s".to_owned(),
                    session,
                    at: self.now,
                };
                let checkpoint = self.rng.percent(80).then(|| Box::new(taken));
                self.ended(job, vec![own(agent::Command::CheckpointTaken { seq, checkpoint })]);
            }
            agent::Effect::Publish { brief } => {
                let is_live = self.agents.get(id).is_some_and(|node| node.state.pid.is_some());
                if !is_live {
                    return self.ended(job, Vec::new());
                }
                let attempt = brief.attempt.clone();
                let published = (!self.fault(10)).then(|| Published {
                    attempt: attempt.clone(),
                    blob: attempt.to_string(),
                    head: format!("h-{attempt}"),
                    base: "b".to_owned(),
                    n_commits: 1,
                });
                self.ended(job, vec![own(agent::Command::Published { attempt, published })]);
            }
            agent::Effect::Report { project, attempt, outcome } => {
                let ended = project::Command::TaskEnded { attempt: attempt.clone(), outcome };
                let done = agent::Command::Reported { attempt };
                self.tell(job, To::Project(project, ended), own(done));
            }
            agent::Effect::Seat { project, status } => {
                let seat = project::Command::Seat { agent: id.clone(), status };
                let told = own(agent::Command::SeatTold);
                match self.ask_over(&To::Project(project, seat)) {
                    Asked::Done | Asked::Archived => self.ended(job, vec![told]),
                    // An agent that was placed late outlives nothing: its project is gone for good.
                    Asked::Gone => self.ended(job, vec![told, own(agent::Command::Archive)]),
                    Asked::Later | Asked::Refused(_) => self.ended(job, Vec::new()),
                }
            }
            agent::Effect::Release => {
                self.ask(own(agent::Command::Released));
                if let Some(node) = self.agents.get_mut(id) {
                    node.is_gone = true;
                }
            }
            agent::Effect::Timer { .. } => {}
        }
    }

    /// The program says something after what it said before.
    fn say(&mut self, job: &Job, ms_max: u64, fact: SessionFact) {
        let Who::Agent(id) = &job.who else { return };
        let after = self.said_at.get(id).copied().unwrap_or(self.now).max(self.now);
        let at = after + Duration::milliseconds(1 + self.rng.below(ms_max).cast_signed());
        self.said_at.insert(id.clone(), at);
        self.at(at, Item::Fact(job.clone(), fact));
    }

    fn launch(&mut self, job: Job, run: u64) {
        let lost = |retryable| SessionFact::Lost {
            reason: "it crashed".to_owned(),
            retryable,
            session_gone: run.is_multiple_of(2),
        };
        if self.fault(3) {
            return self.say(&job, 500, lost(false));
        }
        if self.fault(3) {
            // It hangs.
            return;
        }
        self.say(&job, 500, SessionFact::Launched { pid: 7, workspace: "new".to_owned() });
        if self.fault(10) {
            return self.say(&job, 500, lost(true));
        }
        let ready = SessionFact::Ready { session: format!("s{run}"), in_flight: None };
        self.say(&job, 2_000, ready);
    }

    fn turn(&mut self, id: &AgentId, job: Job, run: u64, prompt: uuid::Uuid) {
        let key = EffectKey(format!("run/{run}"));
        let running = self.agents.get(id).and_then(|node| node.running.get(&key));
        let Some((_, number)) = running else { return self.ended(job, Vec::new()) };
        let program = Job { key, run: *number, ..job };
        if self.fault(5) {
            return;
        }
        if self.fault(5) {
            let reason = "busy".to_owned();
            return self.say(&program, 500, SessionFact::PromptFailed { prompt, reason });
        }
        self.say(&program, 500, SessionFact::TurnStarted { prompt });
        if self.rng.percent(20) {
            self.say(&program, 5_000, permission(prompt));
        }
        self.say(&program, 9_000, SessionFact::Used(Usage { input_tokens: 1, ..Usage::default() }));
        if self.fault(10) {
            let reason = "killed".to_owned();
            let lost = SessionFact::Lost { reason, retryable: true, session_gone: false };
            return self.say(&program, 9_000, lost);
        }
        if self.fault(4) {
            // The turn hangs.
            return;
        }
        let failure = self.fault(10).then(|| "overloaded".to_owned());
        let summary = "done".to_owned();
        self.say(&program, 9_000, SessionFact::TurnEnded { prompt, failure, summary });
    }

    fn interrupt(&mut self, id: &AgentId, run: u64) {
        let key = EffectKey(format!("run/{run}"));
        let Some(node) = self.agents.get(id) else { return };
        let Some((_, number)) = node.running.get(&key) else { return };
        let Some(turn) = &node.state.turn else { return };
        let prompt = turn.prompt;
        let program = Job { who: Who::Agent(id.clone()), key, run: *number };
        if !self.fault(30) {
            let failure = Some("it was interrupted".to_owned());
            let fact = SessionFact::TurnEnded { prompt, failure, summary: String::new() };
            self.say(&program, 500, fact);
        }
    }

    /// The words of a program that was ended are still on their way sometimes.
    pub(crate) fn fact(&mut self, job: &Job, fact: SessionFact) {
        let Who::Agent(id) = &job.who else { return };
        let run = job.key.0.trim_start_matches("run/").parse().expect("a run has a number");
        if !self.is_current(job) && !self.fault(20) {
            return;
        }
        self.ask(To::Agent(id.clone(), agent::Command::Session { run, fact }));
    }
}

fn permission(prompt: uuid::Uuid) -> SessionFact {
    SessionFact::PermissionRequested {
        request: prompt.to_string(),
        tool: "shell".to_owned(),
        command: Some("rm x".to_owned()),
        files: Vec::new(),
        folder: "/w".to_owned(),
        description: String::new(),
        verdict: if prompt.as_u128().is_multiple_of(2) {
            Verdict::Ask
        } else {
            Verdict::Allow { rule: "all".to_owned() }
        },
    }
}
