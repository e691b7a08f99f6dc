//! What a run is asked to do: projects and tasks, from the seed.

use callboard_domain::agent;
use callboard_domain::fleet::{Priority, Source};
use callboard_domain::id::{MessageId, ProjectId, Role};
use callboard_domain::message::Message;
use callboard_domain::project::{self, NewTask};
use uuid::Uuid;

use crate::dice::Dice;
use crate::program::{self, MESSAGE_MARK};
use crate::workspaces::commit;

/// How much is asked, and what may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Projects at most.
    pub n_projects_max: u64,
    /// Tasks of a project at most.
    pub n_tasks_max: u64,
    /// For how long faults happen, in seconds; 0 for none at all.
    pub faults_s: u64,
}

impl Scale {
    /// The usual run.
    pub const USUAL: Self = Self { n_projects_max: 3, n_tasks_max: 20, faults_s: 60 };
    /// One project, three tasks, nothing goes wrong.
    pub const HAPPY: Self = Self { n_projects_max: 1, n_tasks_max: 3, faults_s: 0 };
}

/// A project to open.
#[must_use]
pub fn project(dice: &mut Dice, idx: u64) -> project::Spec {
    let limits = project::Limits {
        retry_delays_ms: vec![500, 2_000],
        attempt_s_max: 300,
        check_s_max: 60,
        idle_s_max: 20,
        inbox_max: 5,
        ..project::Limits::default()
    };
    let agent_limits = agent::Limits {
        inbox_max: 5,
        turn_s_max: 60,
        prompt_s_max: 10,
        checkpoint_every_s: 5,
        approvals_max: 4,
        ..agent::Limits::default()
    };
    project::Spec {
        id: ProjectId::new(format!("p{idx}")).expect("a legal name"),
        goal: "something".to_owned(),
        source: Source::Path { path: format!("/sim/p{idx}") },
        start: commit("base").to_string(),
        check: dice.happens(0.7).then(|| "make check".to_owned()),
        runtime: program::name(),
        model: None,
        agents_max: u32::try_from(dice.between(1, 4)).unwrap_or(1),
        limits,
        agent_limits,
    }
}

/// Tasks without a circle: each depends on some of those before it.
#[must_use]
pub fn tasks(dice: &mut Dice, n: u64) -> Vec<NewTask> {
    let roles = ["engineer", "qa-engineer"];
    let mut tasks: Vec<NewTask> = Vec::new();
    for idx in 0..n {
        let mut depends_on: Vec<String> = Vec::new();
        for before in idx.saturating_sub(4)..idx {
            if dice.happens(0.3) {
                depends_on.push(format!("t{before}"));
            }
        }
        let role = dice.pick(&roles).copied().unwrap_or("engineer");
        let priority = if dice.happens(0.2) { Priority::High } else { Priority::Normal };
        tasks.push(NewTask {
            label: Some(format!("t{idx}")),
            title: format!("task {idx}"),
            text: format!("do task {idx}"),
            role: Role::new(role).expect("a legal name"),
            runtime: None,
            priority,
            depends_on,
            check: None,
            deadline_s: None,
            attempts_max: None,
        });
    }
    tasks
}

/// A message with an id of its own.
#[must_use]
pub fn message(dice: &mut Dice, id: Uuid) -> Message {
    Message {
        id: MessageId(id),
        from: "anna".to_owned(),
        text: format!("{MESSAGE_MARK} how is it going?"),
        priority: if dice.happens(0.3) { Priority::High } else { Priority::Normal },
        conversation: None,
        expires_at: None,
    }
}
