//! What the view shows of a small log, and that it depends on the events alone, not on how they were
//! cut into commits.

use callboard_domain::agent::{self, Agent, SessionFact, Verdict};
use callboard_domain::fleet::{Priority, Source};
use callboard_domain::id::{ActorId, MessageId};
use callboard_domain::message::Message;
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, NewTask, Project};
use callboard_domain::task::Brief;
use callboard_domain::{Ctx, Entity, record};
use callboard_views::{Config, Model};
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

/// A commit: whose it is, and its record.
type Commit = (ActorId, Vec<u8>);

/// The log, as the actors' own decisions write it; one second passes between two commits.
#[derive(Default)]
struct Log {
    orchestrator: orchestrator::State,
    project: project::State,
    agent: agent::State,
    commits: Vec<Commit>,
}

impl Log {
    fn orchestrator(&mut self, command: orchestrator::Command) {
        let body = commit::<Orchestrator>(&mut self.orchestrator, self.commits.len(), command);
        self.commits.push((ActorId::Orchestrator, body));
    }

    fn project(&mut self, command: project::Command) {
        let body = commit::<Project>(&mut self.project, self.commits.len(), command);
        self.commits.push(("project/p".parse().expect("legal"), body));
    }

    fn agent(&mut self, command: agent::Command) {
        let body = commit::<Agent>(&mut self.agent, self.commits.len(), command);
        self.commits.push(("agent/p-dev-1".parse().expect("legal"), body));
    }

    fn agent_activated(&mut self) {
        let event = Agent::activated(&self.agent, &mut ctx(self.commits.len()));
        Agent::apply(&mut self.agent, &event);
        let body = record::encode::<Agent>(&[event]).expect("events have a JSON form");
        self.commits.push(("agent/p-dev-1".parse().expect("legal"), body));
    }

    fn fact(&mut self, fact: SessionFact) {
        let run = self.agent.run;
        self.agent(agent::Command::Session { run, fact });
    }
}

fn ctx(n_commits: usize) -> Ctx {
    let n = u32::try_from(n_commits).expect("a short log") + 1;
    let now = DateTime::from_timestamp(i64::from(n), 0).expect("a legal time");
    Ctx::new(now, 1, "n1", 0.5, Uuid::from_u128(u128::from(n)))
}

fn commit<E: Entity>(state: &mut E::State, n_commits: usize, command: E::Command) -> Vec<u8> {
    let mut ctx = ctx(n_commits);
    let events = E::decide(state, command, &mut ctx).expect("the script is legal");
    for event in &events {
        E::apply(state, event);
    }
    record::encode::<E>(&events).expect("events have a JSON form")
}

/// A project of two tasks; its first agent waits for permission, its second for a node.
fn log() -> Vec<Commit> {
    let mut log = Log::default();
    log.orchestrator(orchestrator::Command::Create { limits: orchestrator::Limits::default() });
    log.orchestrator(orchestrator::Command::OpenProject { spec: Box::new(project_spec()) });
    log.project(project::Command::Create { spec: Box::new(project_spec()) });
    let tasks = vec![new_task("a", &[]), new_task("b", &["a"]), new_task("c", &[])];
    log.project(project::Command::Submit { id: Uuid::nil(), tasks, agents_max: None });
    log.agent_activated();
    log.agent(agent::Command::Create { spec: Box::new(agent_spec()) });
    let free = agent::SeatStatus::Idle;
    log.project(project::Command::Seat { agent: agent_spec().id, status: free });
    log.agent(agent::Command::Assign { brief: Box::new(ordered(&log.project)) });
    log.fact(SessionFact::Launched { pid: 7, workspace: "new".to_owned() });
    log.fact(SessionFact::Ready { session: "s-1".to_owned(), in_flight: None });
    let prompt = log.agent.turn.as_ref().expect("it was prompted").prompt;
    log.fact(SessionFact::TurnStarted { prompt });
    log.agent(agent::Command::Deliver { message: message(1) });
    log.fact(SessionFact::PermissionRequested {
        request: "r-1".to_owned(),
        tool: "shell".to_owned(),
        command: Some("make".to_owned()),
        files: vec!["out".to_owned()],
        folder: "/w".to_owned(),
        description: "to build".to_owned(),
        verdict: Verdict::Ask,
    });
    log.project(project::Command::Deliver { message: message(2) });
    log.orchestrator(orchestrator::Command::StopFleet {
        by: "anna".to_owned(),
        reason: "lunch".to_owned(),
    });
    log.commits
}

/// The task that the project gave to the agent.
fn ordered(project: &project::State) -> Brief {
    let order = project.outbox.values().find_map(|effect| match effect {
        project::Effect::Assign { brief, .. } => Some((**brief).clone()),
        _ => None,
    });
    order.expect("the task was assigned")
}

fn project_spec() -> project::Spec {
    project::Spec {
        id: "p".parse().expect("legal"),
        goal: "make it".to_owned(),
        source: Source::Path { path: "/r".to_owned() },
        start: "c0".to_owned(),
        check: Some("make test".to_owned()),
        runtime: "scripted".parse().expect("legal"),
        model: None,
        agents_max: 2,
        limits: project::Limits::default(),
        agent_limits: agent::Limits::default(),
    }
}

fn agent_spec() -> agent::Spec {
    agent::Spec {
        id: "p-dev-1".parse().expect("legal"),
        role: "dev".parse().expect("legal"),
        project: Some("p".parse().expect("legal")),
        runtime: "scripted".parse().expect("legal"),
        model: None,
        limits: agent::Limits::default(),
    }
}

fn new_task(label: &str, depends_on: &[&str]) -> NewTask {
    NewTask {
        label: Some(label.to_owned()),
        title: format!("Task {label}"),
        text: format!("Do {label}."),
        role: "dev".parse().expect("legal"),
        runtime: None,
        priority: Priority::Normal,
        depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
        check: None,
        deadline_s: None,
        attempts_max: None,
    }
}

fn message(n: u128) -> Message {
    Message {
        id: MessageId(Uuid::from_u128(n)),
        from: "anna".to_owned(),
        text: "how is it going?".to_owned(),
        priority: Priority::Normal,
        conversation: None,
        expires_at: None,
    }
}

fn fold(commits: &[Commit]) -> Model {
    let mut model = Model::new(Config::default());
    for (actor, body) in commits {
        model.feed(actor, body).expect("the log is readable");
    }
    model
}

/// Everything that the view shows.
fn shown(model: &Model) -> Value {
    let project = "p".parse().expect("legal");
    let agent = "p-dev-1".parse().expect("legal");
    let receipts = [1, 2].map(|n| model.show_receipt(MessageId(Uuid::from_u128(n))));
    json!({
        "task_counts": model.task_counts(),
        "agent_counts": model.agent_counts(),
        "fleet_stopped": model.fleet_stopped(),
        "projects": model.projects(),
        "project": model.project_detail(&project),
        "tasks": model.tasks(None),
        "agents": model.agents(None),
        "agent": model.agent_detail(&agent),
        "approvals": model.approvals(),
        "receipts": receipts,
    })
}

/// Each event in a record of its own.
fn split((actor, body): &Commit) -> Vec<Commit> {
    let record: Value = serde_json::from_slice(body).expect("a record is JSON");
    let events = record["events"].as_array().expect("a list");
    let alone = events.iter().map(|event| {
        let record = json!({ "version": record["version"], "events": [event] });
        (actor.clone(), record.to_string().into_bytes())
    });
    alone.collect()
}

#[test]
fn small_log_is_shown() {
    let mut shown = shown(&fold(&log()));
    for name in ["tasks", "agents", "projects", "approvals", "receipts"] {
        insta::assert_json_snapshot!(name, shown[name].take());
    }
}

#[test]
fn every_prefix_shows_the_same_however_it_was_cut() {
    let log = log();
    let mut one_by_one = Model::new(Config::default());
    for (idx, commit) in log.iter().enumerate() {
        for (actor, body) in split(commit) {
            one_by_one.feed(&actor, &body).expect("the log is readable");
        }
        assert_eq!(shown(&one_by_one), shown(&fold(&log[..=idx])), "after commit {idx}");
    }
}

#[test]
fn unreadable_commit_changes_nothing() {
    let mut model = fold(&log());
    let before = shown(&model);
    for body in ["", "{}", r#"{"version":9,"events":[{}]}"#, r#"{"version":1,"events":[{}]}"#] {
        for actor in ["orchestrator", "project/p", "agent/p-dev-1"] {
            let actor: ActorId = actor.parse().expect("legal");
            assert!(model.feed(&actor, body.as_bytes()).is_err(), "{actor}: {body:?}");
        }
    }
    assert_eq!(shown(&model), before);
}

#[test]
fn oldest_archived_agent_is_forgotten_first() {
    let mut model = Model::new(Config { archived_agents_max: 1 });
    for (n, name) in ["x", "y"].into_iter().enumerate() {
        let mut state = agent::State::default();
        let id = name.parse().expect("legal");
        let spec = agent::Spec { id, project: None, ..agent_spec() };
        let create = agent::Command::Create { spec: Box::new(spec) };
        for command in [create, agent::Command::Archive] {
            let body = commit::<Agent>(&mut state, n, command);
            let actor = format!("agent/{name}").parse().expect("legal");
            model.feed(&actor, &body).expect("readable");
        }
    }
    let left: Vec<_> = model.agents(None).into_iter().map(|agent| agent.id).collect();
    assert_eq!(left, ["y"]);
}
