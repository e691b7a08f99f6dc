//! What the orchestrator is, may be asked, and owes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::entity::EffectKey;
use crate::id::ProjectId;
use crate::message::{self, Inbox, Message};
use crate::project;

/// The limits of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Projects that may be open at once; more are refused.
    pub projects_max: u32,
    /// Agents of all open projects together; each gets an equal share, at least one.
    pub agents_max: u32,
    /// Messages that may wait.
    pub inbox_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { projects_max: 100, agents_max: 1_000, inbox_max: 1_000 }
    }
}

/// The fleet switch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fleet", rename_all = "snake_case")]
pub enum Fleet {
    /// Agents work.
    #[default]
    Running,
    /// No agent works until a person resumes.
    Stopped {
        /// Who stopped it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: DateTime<Utc>,
    },
}

/// A project as the orchestrator knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it was created as.
    pub spec: project::Spec,
    /// Whether it is over.
    pub archived: bool,
    /// Whether its manager was created: before, it can be told nothing.
    #[serde(default)]
    pub placed: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The orchestrator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether it was created.
    pub created: bool,
    /// The limits in force.
    pub limits: Limits,
    /// The present incarnation.
    pub epoch: u64,
    /// Its node.
    pub node: String,
    /// The projects.
    pub projects: BTreeMap<ProjectId, Entry>,
    /// How many agents each open project may have.
    #[serde(default)]
    pub share: u32,
    /// The fleet switch.
    pub fleet: Fleet,
    /// The messages.
    pub inbox: Inbox,
    /// The effects not yet confirmed.
    pub outbox: BTreeMap<EffectKey, Effect>,
}

impl State {
    /// Whether it owes this effect.
    #[must_use]
    pub fn owes(&self, kind: &str, id: impl std::fmt::Display) -> bool {
        self.outbox.contains_key(&EffectKey(format!("{kind}/{id}")))
    }

    /// How many projects are open.
    #[must_use]
    pub fn n_open(&self) -> usize {
        self.projects.values().filter(|entry| !entry.archived).count()
    }
}

/// What the orchestrator owes to the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Have this project's manager placed and created.
    Open {
        /// The project.
        spec: Box<project::Spec>,
    },
    /// Tell a project how many agents it may have.
    Quota {
        /// The project.
        project: ProjectId,
        /// The number.
        agents_max: u32,
    },
    /// Tell a project the fleet switch.
    Switch {
        /// The project.
        project: ProjectId,
        /// Whether the fleet is stopped.
        stopped: bool,
    },
    /// Archive a project.
    Archive {
        /// The project.
        project: ProjectId,
    },
}

/// What the orchestrator may be asked to do, or told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Be the orchestrator, with these limits. Repeated at each activation.
    Create {
        /// The limits.
        limits: Limits,
    },
    /// Open a project. A repeat with the same source is the same project.
    OpenProject {
        /// The project.
        spec: Box<project::Spec>,
    },
    /// End a project for good.
    ArchiveProject {
        /// The project.
        project: ProjectId,
    },
    /// Stop every agent.
    StopFleet {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// Let agents work again.
    ResumeFleet {
        /// Who.
        by: String,
    },
    /// Take a message; it is answered with a report.
    Deliver {
        /// The message.
        message: Message,
    },
    /// A project's manager is created.
    Opened {
        /// The project.
        project: ProjectId,
    },
    /// A project knows its share.
    QuotaTold {
        /// The project.
        project: ProjectId,
        /// The number.
        agents_max: u32,
    },
    /// A project knows the switch.
    SwitchTold {
        /// The project.
        project: ProjectId,
        /// Whether the fleet is stopped.
        stopped: bool,
    },
    /// A project is archived.
    Archived {
        /// The project.
        project: ProjectId,
    },
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Rejection {
    /// It is just starting.
    #[error("failed to reach the orchestrator: it is not created yet; try again")]
    NotCreated,
    /// No project has this name.
    #[error("failed to find project {0}")]
    NoProject(ProjectId),
    /// The name is taken by another source.
    #[error(
        "failed to open project {project}: the name is taken by {source_of_other}; choose another with --project"
    )]
    NameTaken {
        /// The name.
        project: ProjectId,
        /// Where the other one's code comes from.
        source_of_other: String,
    },
    /// The name was used by a project that is archived.
    #[error(
        "failed to open project {0}: a project of this name is archived; choose another with --project"
    )]
    NameArchived(ProjectId),
    /// Too many projects are open.
    #[error(
        "failed to open project {project}: {n_open} projects are open of at most {projects_max}; archive one"
    )]
    TooManyProjects {
        /// The project.
        project: ProjectId,
        /// How many are open.
        n_open: usize,
        /// The limit.
        projects_max: usize,
    },
    /// The message was refused.
    #[error(transparent)]
    Message(#[from] message::Refusal),
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A new incarnation owns it.
    Activated {
        /// Its fencing number.
        epoch: u64,
        /// Its node.
        node: String,
    },
    /// It was created, or its limits were changed.
    Configured {
        /// The limits.
        limits: Limits,
    },
    /// A project was opened.
    ProjectOpened {
        /// The project.
        spec: Box<project::Spec>,
    },
    /// A project's manager is created.
    ProjectPlaced {
        /// The project.
        project: ProjectId,
    },
    /// A project is over.
    ProjectArchived {
        /// The project.
        project: ProjectId,
    },
    /// The project knows that it is over.
    ArchiveConfirmed {
        /// The project.
        project: ProjectId,
    },
    /// The shares changed.
    Shared {
        /// The share of every open project.
        agents_max: u32,
    },
    /// A project knows its share.
    QuotaConfirmed {
        /// The project.
        project: ProjectId,
        /// The number.
        agents_max: u32,
    },
    /// The fleet was stopped.
    FleetStopped {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The fleet works again.
    FleetResumed {
        /// Who.
        by: String,
    },
    /// A project knows the switch.
    SwitchConfirmed {
        /// The project.
        project: ProjectId,
        /// Whether the fleet is stopped.
        stopped: bool,
    },
    /// Something of its messages.
    Inbox {
        /// What.
        event: message::Event,
    },
}
