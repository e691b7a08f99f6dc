//! Whether a plan can be worked off, and in which phases.
//!
//! Invariants: a plan that passes [`check`] has at least one task, names without duplicates,
//! dependencies that exist, and no cycle; then [`phases`] holds every task exactly once, after all
//! that it depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use callboard_domain::id::TaskId;

use crate::plan::{Plan, PlannedTask};

/// The most tasks of one plan.
pub const TASKS_MAX: usize = 1_000;
/// The longest text of a task, of a goal or of a check command, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The longest title, in bytes.
pub const TITLE_BYTES_MAX: usize = 512;

/// Why a plan cannot be worked off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is nothing to do.
    #[error("the plan has no task")]
    NoTask,
    /// More than [`TASKS_MAX`].
    #[error("the plan has {n_tasks} tasks, at most {TASKS_MAX} are allowed")]
    TooManyTasks {
        /// How many there are.
        n_tasks: usize,
    },
    /// Two tasks have one name.
    #[error("two tasks are called {task}")]
    Duplicate {
        /// The name.
        task: TaskId,
    },
    /// A dependency names no task of the plan.
    #[error("task {task} depends on {dependency}, which is not in the plan")]
    UnknownDependency {
        /// The task that waits.
        task: TaskId,
        /// What it waits for.
        dependency: TaskId,
    },
    /// Tasks wait for each other.
    #[error("the tasks wait for each other: {0}")]
    Cycle(Cycle),
    /// A field is empty that must say something.
    #[error("{field} of {of} is empty")]
    Empty {
        /// Which field.
        field: &'static str,
        /// Of which task, or `the plan`.
        of: String,
    },
    /// A field is longer than it may be.
    #[error("{field} of {of} has {n_bytes} bytes, at most {n_bytes_max} are allowed")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// Of which task, or `the plan`.
        of: String,
        /// Its size.
        n_bytes: usize,
        /// The limit.
        n_bytes_max: usize,
    },
    /// A number is zero that must be at least one.
    #[error("{field} of {of} must be at least 1")]
    Zero {
        /// Which field.
        field: &'static str,
        /// Of which task, or `the plan`.
        of: String,
    },
}

impl Problem {
    /// The task to look at, where it is about one.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::NoTask | Self::TooManyTasks { .. } => None,
            Self::Duplicate { task } | Self::UnknownDependency { task, .. } => Some(task.as_str()),
            Self::Cycle(cycle) => cycle.0.first().map(TaskId::as_str),
            Self::Empty { of, .. } | Self::TooLong { of, .. } | Self::Zero { of, .. } => Some(of),
        }
    }
}

/// Tasks that wait for each other: each depends on the next, and the last on the first. It is shown
/// as `a → b → c → a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle(pub Vec<TaskId>);

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for task in &self.0 {
            write!(f, "{task} → ")?;
        }
        self.0.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

/// Checks a plan.
///
/// # Errors
/// The first [`Problem`], in the order of the file; cycles last.
pub fn check(plan: &Plan) -> Result<(), Problem> {
    check_text("goal", "the plan", &plan.goal, TEXT_BYTES_MAX)?;
    check_command("the plan", plan.check.as_deref())?;
    check_number("max_agents", "the plan", plan.max_agents.map(u64::from))?;
    let n_tasks = plan.tasks.len();
    if n_tasks == 0 {
        return Err(Problem::NoTask);
    }
    if n_tasks > TASKS_MAX {
        return Err(Problem::TooManyTasks { n_tasks });
    }
    let mut names = BTreeSet::new();
    for task in &plan.tasks {
        if !names.insert(&task.id) {
            return Err(Problem::Duplicate { task: task.id.clone() });
        }
        check_task(task)?;
    }
    for task in &plan.tasks {
        if let Some(dependency) = task.depends_on.iter().find(|id| !names.contains(id)) {
            let dependency = dependency.clone();
            return Err(Problem::UnknownDependency { task: task.id.clone(), dependency });
        }
    }
    phases(plan).map(|_| ()).map_err(Problem::Cycle)
}

fn check_task(task: &PlannedTask) -> Result<(), Problem> {
    let of = task.id.as_str();
    check_text("title", of, &task.title, TITLE_BYTES_MAX)?;
    check_length("text", of, &task.text, TEXT_BYTES_MAX)?;
    check_command(of, task.check.as_deref())?;
    check_number("deadline_s", of, task.deadline_s)?;
    check_number("attempts", of, task.attempts.map(u64::from))
}

fn check_command(of: &str, command: Option<&str>) -> Result<(), Problem> {
    command.map_or(Ok(()), |command| check_text("check", of, command, TEXT_BYTES_MAX))
}

fn check_text(
    field: &'static str,
    of: &str,
    text: &str,
    n_bytes_max: usize,
) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::Empty { field, of: of.to_owned() });
    }
    check_length(field, of, text, n_bytes_max)
}

fn check_length(
    field: &'static str,
    of: &str,
    text: &str,
    n_bytes_max: usize,
) -> Result<(), Problem> {
    if text.len() > n_bytes_max {
        return Err(Problem::TooLong {
            field,
            of: of.to_owned(),
            n_bytes: text.len(),
            n_bytes_max,
        });
    }
    Ok(())
}

fn check_number(field: &'static str, of: &str, number: Option<u64>) -> Result<(), Problem> {
    if number == Some(0) {
        return Err(Problem::Zero { field, of: of.to_owned() });
    }
    Ok(())
}

/// The tasks in phases: each phase holds what can start when all phases before are done. Within a
/// phase the order of the plan is kept. Dependencies that are not in the plan are left out.
///
/// # Errors
/// A [`Cycle`] where tasks wait for each other.
pub fn phases(plan: &Plan) -> Result<Vec<Vec<TaskId>>, Cycle> {
    let known: BTreeSet<&TaskId> = plan.tasks.iter().map(|task| &task.id).collect();
    let mut waiting: BTreeMap<&TaskId, BTreeSet<&TaskId>> = BTreeMap::new();
    for task in &plan.tasks {
        let needs = task.depends_on.iter().filter(|id| known.contains(id));
        waiting.entry(&task.id).or_default().extend(needs);
    }
    let mut phases = Vec::new();
    while !waiting.is_empty() {
        let ready: BTreeSet<&TaskId> =
            waiting.iter().filter(|(_, needs)| needs.is_empty()).map(|(id, _)| *id).collect();
        if ready.is_empty() {
            return Err(cycle(&waiting));
        }
        waiting.retain(|id, _| !ready.contains(id));
        for needs in waiting.values_mut() {
            needs.retain(|id| !ready.contains(id));
        }
        let in_order = plan.tasks.iter().filter(|task| ready.contains(&task.id));
        phases.push(in_order.map(|task| task.id.clone()).collect());
    }
    Ok(phases)
}

/// Every task here waits for another one here, so following any of them must come round.
fn cycle(waiting: &BTreeMap<&TaskId, BTreeSet<&TaskId>>) -> Cycle {
    let mut path: Vec<&TaskId> = Vec::new();
    let mut next = waiting.keys().next().copied();
    while let Some(task) = next {
        if let Some(start) = path.iter().position(|seen| *seen == task) {
            return Cycle(path[start..].iter().map(|id| (*id).clone()).collect());
        }
        path.push(task);
        next = waiting.get(task).and_then(|needs| needs.iter().next().copied());
    }
    unreachable!("a task that waits for nothing was ready");
}
