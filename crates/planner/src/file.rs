//! Plans as TOML files; `deploy/docs/plans.md` describes them to people.

use callboard_domain::fleet::Priority;
use callboard_domain::id::{ProgramName, ProjectId, Role, TaskId};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::check::{Problem, check};
use crate::plan::{Plan, PlannedTask};

/// The largest plan file, in bytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a plan file was refused, and where to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the plan at line {line}, column {column}: {what}")]
pub struct Error {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: What,
}

/// What is wrong with a plan file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// It is no TOML, has an unknown key, lacks one, or a value has the wrong form.
    #[error("{0}")]
    Form(String),
    /// It says something that cannot be done.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("the file has {0} bytes, at most {FILE_BYTES_MAX} are allowed")]
    TooLong(usize),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    plan: Head,
    #[serde(default, rename = "task")]
    tasks: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    goal: String,
    project: ProjectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_agents: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<TaskId>,
    title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<ProgramName>,
    #[serde(default)]
    priority: Priority,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<Spanned<TaskId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
}

/// Reads and checks a plan.
///
/// # Errors
/// The first thing that is wrong, with its line and column.
pub fn parse(text: &str) -> Result<Plan, Error> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Error { line: 1, column: 1, what: What::TooLong(text.len()) });
    }
    let file: PlanFile = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        at(text, offset, What::Form(error.message().to_owned()))
    })?;
    let spots: Vec<Spot> = file.tasks.iter().map(Spot::of).collect();
    let plan = into_plan(file);
    check(&plan).map_err(|problem| {
        let offset = offset_of(&problem, &spots);
        at(text, offset, What::Problem(problem))
    })?;
    Ok(plan)
}

/// Writes a plan as a file that [`parse`] reads back.
///
/// # Errors
/// Where a value has no form in TOML; none of today's fields can be such a value.
pub fn to_toml(plan: &Plan) -> Result<String, toml::ser::Error> {
    let Plan { goal, project, repo, check, max_agents, tasks } = plan.clone();
    let head = Head { goal, project, repo, check, max_agents };
    let tasks = tasks.into_iter().map(into_entry).collect();
    toml::to_string(&PlanFile { plan: head, tasks })
}

/// Where a task stands in the file.
struct Spot {
    id: TaskId,
    offset: usize,
    depends_on: Vec<(TaskId, usize)>,
}

impl Spot {
    fn of(entry: &Entry) -> Self {
        let spot = |name: &Spanned<TaskId>| (name.get_ref().clone(), name.span().start);
        let (id, offset) = spot(&entry.id);
        Self { id, offset, depends_on: entry.depends_on.iter().map(spot).collect() }
    }
}

fn offset_of(problem: &Problem, spots: &[Spot]) -> usize {
    let named = |spot: &&Spot| problem.task() == Some(spot.id.as_str());
    match problem {
        Problem::UnknownDependency { dependency, .. } => spots
            .iter()
            .find(named)
            .and_then(|spot| spot.depends_on.iter().find(|(id, _)| id == dependency))
            .map_or(0, |(_, offset)| *offset),
        Problem::Duplicate { .. } => spots.iter().rev().find(named).map_or(0, |spot| spot.offset),
        _ => spots.iter().find(named).map_or(0, |spot| spot.offset),
    }
}

fn at(text: &str, offset: usize, what: What) -> Error {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error { line, column, what }
}

fn into_plan(file: PlanFile) -> Plan {
    let Head { goal, project, repo, check, max_agents } = file.plan;
    let tasks = file.tasks.into_iter().map(into_task).collect();
    Plan { goal, project, repo, check, max_agents, tasks }
}

fn into_task(entry: Entry) -> PlannedTask {
    PlannedTask {
        id: entry.id.into_inner(),
        title: entry.title,
        text: entry.text,
        role: entry.role,
        runtime: entry.runtime,
        priority: entry.priority,
        depends_on: entry.depends_on.into_iter().map(Spanned::into_inner).collect(),
        check: entry.check,
        deadline_s: entry.deadline_s,
        attempts: entry.attempts,
    }
}

fn into_entry(task: PlannedTask) -> Entry {
    let nowhere = |id: TaskId| Spanned::new(0..0, id);
    Entry {
        id: nowhere(task.id),
        title: task.title,
        text: task.text,
        role: task.role,
        runtime: task.runtime,
        priority: task.priority,
        depends_on: task.depends_on.into_iter().map(nowhere).collect(),
        check: task.check,
        deadline_s: task.deadline_s,
        attempts: task.attempts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[plan]\ngoal = \"g\"\nproject = \"p\"\n";

    fn refused(tasks: &str) -> String {
        parse(&format!("{HEAD}{tasks}")).expect_err("refused").to_string()
    }

    #[test]
    fn full_plan_is_read_and_written_back() {
        let text = r#"
[plan]
goal = "A calendar"
project = "calendar"
repo = "."
check = "cargo test"
max_agents = 3

[[task]]
id = "model"
title = "Write the model"
text = "Events have a start and an end."
role = "backend-systems-engineer"
runtime = "scripted"
priority = "high"
deadline_s = 600
attempts = 2

[[task]]
id = "cli"
title = "Write the command line"
depends_on = ["model"]
check = "cargo run -- --help"
"#;
        let plan = parse(text).expect("a good plan");
        assert_eq!(plan.tasks.len(), 2);
        assert_eq!(plan.tasks[0].priority, Priority::High);
        assert_eq!(plan.tasks[1].depends_on, [plan.tasks[0].id.clone()]);
        assert_eq!(parse(&to_toml(&plan).expect("writable")), Ok(plan));
    }

    #[test]
    fn cycle_is_refused_and_shown() {
        let tasks = "[[task]]\nid = \"a\"\ntitle = \"A\"\ndepends_on = [\"b\"]\n\
                     [[task]]\nid = \"b\"\ntitle = \"B\"\ndepends_on = [\"c\"]\n\
                     [[task]]\nid = \"c\"\ntitle = \"C\"\ndepends_on = [\"a\"]\n";
        assert_eq!(
            refused(tasks),
            "failed to read the plan at line 5, column 6: \
             the tasks wait for each other: a → b → c → a"
        );
    }

    #[test]
    fn unknown_dependency_is_refused_with_its_place() {
        assert_eq!(
            refused("[[task]]\nid = \"a\"\ntitle = \"A\"\ndepends_on = [\"a1\", \"b\"]\n"),
            "failed to read the plan at line 7, column 15: \
             task a depends on a1, which is not in the plan"
        );
    }

    #[test]
    fn duplicate_is_refused_at_the_second() {
        let task = "[[task]]\nid = \"a\"\ntitle = \"A\"\n";
        assert_eq!(
            refused(&format!("{task}{task}")),
            "failed to read the plan at line 8, column 6: two tasks are called a"
        );
    }

    #[test]
    fn form_is_refused_with_its_place() {
        for (tasks, place, word) in [
            ("[[task]]\nid = \"a b\"\ntitle = \"A\"\n", "line 5, column 6", "task"),
            ("[[task]]\nid = \"a\"\ntitel = \"A\"\n", "line 6, column 1", "titel"),
            ("[[task]]\nid = \"a\"\n", "line 4, column 1", "title"),
            ("[[task]]\nid = \"a\"\ntitle = 1\n", "line 6, column 9", "string"),
            ("[[task]\n", "line 4", ""),
            ("[[task]]\nid = \"a\"\ntitle = \"A\"\npriority = \"hihg\"\n", "line 7", "high"),
            ("[[task]]\nid = \"a\"\ntitle = \" \"\n", "line 5", "title of a is empty"),
            ("[[task]]\nid = \"a\"\ntitle = \"A\"\nattempts = 0\n", "line 5", "at least 1"),
            ("", "line 1", "no task"),
        ] {
            let error = refused(tasks);
            assert!(error.contains(place) && error.contains(word), "{tasks}: {error}");
        }
    }

    #[test]
    fn limits_are_enforced() {
        let many: String =
            (0..=1_000).map(|n| format!("[[task]]\nid = \"t{n}\"\ntitle = \"T\"\n")).collect();
        assert!(refused(&many).contains("1001 tasks, at most 1000"));
        let long = format!(
            "[[task]]\nid = \"a\"\ntitle = \"A\"\ntext = \"{}\"\n",
            "x".repeat(64 * 1024 + 1)
        );
        assert!(refused(&long).contains("text of a has 65537 bytes"));
        let huge = format!("# {}\n", "x".repeat(FILE_BYTES_MAX));
        assert!(refused(&huge).contains("at most 4194304"));
    }
}
