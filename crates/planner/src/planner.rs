//! The entry point to planning, however it is done.

use callboard_domain::id::ProjectId;

use crate::check::Problem;
use crate::plan::Plan;

/// What a planner knows besides the goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The project that will do it.
    pub project: ProjectId,
    /// The repository: a path or a URL.
    pub repo: Option<String>,
    /// The command that must succeed before a task counts as done.
    pub check: Option<String>,
    /// How many agents may work at once.
    pub max_agents: Option<u32>,
}

/// Makes a plan from a goal.
///
/// Contract: the plan passes [`crate::check::check`]; nothing is started, stored or asked here. A
/// planner that needs an answer from a model is given that answer; it does not fetch it.
pub trait Planner {
    /// Makes a plan from a goal.
    ///
    /// # Errors
    /// A [`Problem`] with the goal itself: it is empty or too long.
    fn plan(&self, goal: &str, context: &Context) -> Result<Plan, Problem>;
}
