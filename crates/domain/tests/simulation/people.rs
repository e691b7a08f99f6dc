//! What people do: plans, messages, stops, cancellations, answers; in the end they let everything go on.

use callboard_domain::fleet::{Priority, Source};
use callboard_domain::id::{AgentId, MessageId, ProjectId, TaskId};
use callboard_domain::message::Message;
use callboard_domain::project::{self, NewTask};
use callboard_domain::{agent, orchestrator};
use chrono::Duration;
use uuid::Uuid;

use crate::world::{Item, To, World};

const ROLES: [&str; 2] = ["dev", "qa"];

impl World {
    pub(crate) fn open_projects(&mut self) {
        let limits = orchestrator::Limits { agents_max: 5, ..orchestrator::Limits::default() };
        self.ask(To::Orchestrator(orchestrator::Command::Create { limits }));
        for n in 0..=self.rng.below(2) {
            let spec = Box::new(self.spec(&format!("p{n}")));
            self.ask(To::Orchestrator(orchestrator::Command::OpenProject { spec }));
        }
        for _ in 0..25 {
            self.after(200_000, Item::Person);
        }
        for _ in 0..3 {
            self.after(10_000, Item::Person);
            self.after(200_000, Item::Crash);
        }
        // The last visits come after the faults and put everything right.
        for n in 0..40 {
            let at = self.now + Duration::seconds(crate::world::FAULTS_S + 1 + n * 60);
            self.at(at, Item::Person);
        }
    }

    fn spec(&mut self, id: &str) -> project::Spec {
        project::Spec {
            id: id.parse().expect("legal"),
            goal: "a calendar".to_owned(),
            source: Source::Path { path: format!("/src/{id}") },
            start: "s".to_owned(),
            check: None,
            runtime: "scripted".parse().expect("legal"),
            model: None,
            agents_max: 1 + u32::try_from(self.rng.below(3)).expect("small"),
            limits: project::Limits {
                attempt_s_max: 600,
                idle_s_max: 30,
                ..project::Limits::default()
            },
            agent_limits: agent::Limits {
                start_s_max: 60,
                turn_s_max: 120,
                prompt_s_max: 20,
                ..agent::Limits::default()
            },
        }
    }

    pub(crate) fn person(&mut self) {
        if !self.has_faults() {
            return self.put_right();
        }
        self.answer();
        let Some(id) = self.pick_project() else { return };
        let project = |command| To::Project(id.clone(), command);
        let to = match self.rng.below(12) {
            0..=3 => {
                let tasks = self.plan(&id);
                let submission = Uuid::from_u64_pair(1, self.rng.below(12));
                project(project::Command::Submit { id: submission, tasks, agents_max: None })
            }
            4 => project(project::Command::CancelTask { task: self.pick_task(&id) }),
            5 => project(project::Command::RetryTask { task: self.pick_task(&id) }),
            6 => project(project::Command::Stop { reason: "lunch".to_owned() }),
            7 => project(project::Command::Start),
            8 => To::Orchestrator(orchestrator::Command::StopFleet {
                by: "anna".to_owned(),
                reason: "fire".to_owned(),
            }),
            9 => To::Orchestrator(orchestrator::Command::ResumeFleet { by: "anna".to_owned() }),
            10 => self.with_agent(),
            _ if self.rng.percent(10) => {
                To::Orchestrator(orchestrator::Command::ArchiveProject { project: id.clone() })
            }
            _ => project(project::Command::Deliver { message: self.message() }),
        };
        let _ = self.ask(to);
    }

    /// The faults are over: people answer what is asked and let everything go on.
    fn put_right(&mut self) {
        self.answer();
        let resume = orchestrator::Command::ResumeFleet { by: "anna".to_owned() };
        self.ask(To::Orchestrator(resume));
        let projects: Vec<_> = self.projects.keys().cloned().collect();
        for id in projects {
            self.ask(To::Project(id, project::Command::Start));
        }
    }

    fn answer(&mut self) {
        let open: Vec<_> = self
            .agents
            .iter()
            .flat_map(|(id, node)| {
                node.state.approvals.keys().map(|request| (id.clone(), *request))
            })
            .collect();
        for (agent, id) in open {
            let (allow, reason, by) = (self.rng.percent(50), String::new(), "anna".to_owned());
            self.ask(To::Agent(agent, agent::Command::AnswerApproval { id, allow, reason, by }));
        }
    }

    fn with_agent(&mut self) -> To {
        let agents: Vec<AgentId> = self.agents.keys().cloned().collect();
        let Some(agent) = agents.get(self.rng.below(1 + agents.len() as u64) as usize) else {
            return To::Orchestrator(orchestrator::Command::Deliver { message: self.message() });
        };
        let command = match self.rng.below(6) {
            0 => agent::Command::Stop { reason: "odd".to_owned(), fleet: false },
            1 => agent::Command::Start { fleet: false },
            2 => agent::Command::Archive,
            _ => agent::Command::Deliver { message: self.message() },
        };
        To::Agent(agent.clone(), command)
    }

    fn message(&mut self) -> Message {
        let expires = self.rng.percent(30);
        let seconds = 1 + self.rng.below(60).cast_signed();
        Message {
            id: MessageId(Uuid::from_u64_pair(2, self.rng.below(40))),
            from: "anna".to_owned(),
            text: "how far are you?".to_owned(),
            priority: self.priority(),
            conversation: None,
            expires_at: expires.then(|| self.now + Duration::seconds(seconds)),
        }
    }

    fn priority(&mut self) -> Priority {
        [Priority::High, Priority::Normal, Priority::Low][self.rng.below(3) as usize]
    }

    fn pick_project(&mut self) -> Option<ProjectId> {
        let ids: Vec<_> = self.projects.keys().cloned().collect();
        ids.get(self.rng.below(ids.len().max(1) as u64) as usize).cloned()
    }

    fn pick_task(&mut self, project: &ProjectId) -> TaskId {
        let n = self.rng.below(12);
        format!("{project}-{}", n + 1).parse().expect("legal")
    }

    fn plan(&mut self, project: &ProjectId) -> Vec<NewTask> {
        let n_tasks = 1 + self.rng.below(5);
        let mut tasks = Vec::new();
        for n in 0..n_tasks {
            let mut depends_on = Vec::new();
            if n > 0 && self.rng.percent(50) {
                depends_on.push(format!("t{}", self.rng.below(n)));
            }
            if self.rng.percent(10) {
                depends_on.push(self.pick_task(project).to_string());
            }
            tasks.push(NewTask {
                label: Some(format!("t{n}")),
                title: format!("task {n}"),
                text: "do it".to_owned(),
                role: ROLES[self.rng.below(2) as usize].parse().expect("legal"),
                runtime: None,
                priority: self.priority(),
                depends_on,
                check: None,
                deadline_s: None,
                attempts_max: None,
            });
        }
        tasks
    }
}
