//! What a plan is: a goal and the tasks that reach it.

use callboard_domain::fleet::Priority;
use callboard_domain::id::{ProgramName, ProjectId, Role, TaskId};
use serde::{Deserialize, Serialize};

/// A goal and the tasks that reach it. [`crate::check::check`] says whether it can be worked off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is to be reached, in the person's words.
    pub goal: String,
    /// The project that does it.
    pub project: ProjectId,
    /// The repository: a path or a URL. Without one, the one in which the command was given.
    pub repo: Option<String>,
    /// The command that must succeed before a task counts as done, where the task has none.
    pub check: Option<String>,
    /// How many agents may work at once.
    pub max_agents: Option<u32>,
    /// The tasks, in the order in which they were written.
    pub tasks: Vec<PlannedTask>,
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Its name, unique in this plan; dependencies use it.
    pub id: TaskId,
    /// One line.
    pub title: String,
    /// Everything else that the agent is told; empty where the title says it all.
    pub text: String,
    /// Who is to do it. Without one, [`crate::route::role`] of the words.
    pub role: Option<Role>,
    /// The program that is to do it. Without one, the configuration's first choice.
    pub runtime: Option<ProgramName>,
    /// What goes first among tasks that are ready.
    pub priority: Priority,
    /// The tasks of this plan that must be done before.
    pub depends_on: Vec<TaskId>,
    /// The command that must succeed before this task counts as done.
    pub check: Option<String>,
    /// The longest time that one attempt may take, in seconds.
    pub deadline_s: Option<u64>,
    /// How often it is tried before it fails.
    pub attempts: Option<u32>,
}

impl PlannedTask {
    /// A task with defaults for everything but its name and title.
    #[must_use]
    pub fn new(id: TaskId, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            text: String::new(),
            role: None,
            runtime: None,
            priority: Priority::Normal,
            depends_on: Vec::new(),
            check: None,
            deadline_s: None,
            attempts: None,
        }
    }
}
