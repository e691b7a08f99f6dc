//! Puts the pieces of a goal together to a plan.

use callboard_domain::fleet::Priority;
use callboard_domain::id::{Role, TaskId};

use super::kinds::{self, Step};
use super::split::{self, Piece};
use crate::check::{Problem, TEXT_BYTES_MAX, check};
use crate::plan::{Plan, PlannedTask};
use crate::planner::{Context, Planner};
use crate::route;

/// A title longer than this is cut; the text then holds the whole.
const TITLE_CHARS_MAX: usize = 100;
/// How much of the goal each task quotes.
const QUOTE_CHARS_MAX: usize = 4_000;

/// Plans by words alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heuristic;

impl Planner for Heuristic {
    fn plan(&self, goal: &str, context: &Context) -> Result<Plan, Problem> {
        let goal = goal.trim();
        let of = || "the plan".to_owned();
        if goal.is_empty() {
            return Err(Problem::Empty { field: "goal", of: of() });
        }
        if goal.len() > TEXT_BYTES_MAX {
            let (n_bytes, n_bytes_max) = (goal.len(), TEXT_BYTES_MAX);
            return Err(Problem::TooLong { field: "goal", of: of(), n_bytes, n_bytes_max });
        }
        let pieces = split::split(goal);
        let steps = if pieces.len() == 1 { kinds::steps(goal) } else { None };
        let tasks = match steps {
            Some(steps) => tasks_of_kind(goal, steps),
            None => tasks_of_pieces(goal, &pieces),
        };
        let Context { project, repo, check: command, max_agents } = context.clone();
        let plan = Plan { goal: goal.to_owned(), project, repo, check: command, max_agents, tasks };
        check(&plan)?;
        Ok(plan)
    }
}

fn tasks_of_kind(goal: &str, steps: &[Step]) -> Vec<PlannedTask> {
    let parts = split::parts(goal);
    let priority = route::priority(goal);
    let mut tasks: Vec<PlannedTask> = Vec::new();
    // The tasks that each step became: a step with parts becomes several.
    let mut of_step: Vec<(&str, Vec<TaskId>)> = Vec::new();
    for step in steps {
        let titles: Vec<(String, String)> = match step.parts {
            None => vec![(step.id.to_owned(), step.title.to_owned())],
            Some(defaults) => {
                let defaults = defaults.iter().map(|part| (*part).to_owned()).collect();
                let parts: Vec<String> = if parts.is_empty() { defaults } else { parts.clone() };
                let named = |part: &String| {
                    (format!("{}-{}", step.id, slug(part)), step.title.replace("{part}", part))
                };
                parts.iter().map(named).collect()
            }
        };
        let depends_on: Vec<TaskId> = of_step
            .iter()
            .filter(|(id, _)| step.after.contains(id))
            .flat_map(|(_, ids)| ids.clone())
            .collect();
        let mut ids = Vec::new();
        for (name, title) in titles {
            let id = unique_id(&name, &tasks);
            let role = step.role.map_or_else(|| route::role(&title), known_role);
            ids.push(id.clone());
            let depends_on = depends_on.clone();
            let text = quote(goal);
            tasks.push(PlannedTask {
                text,
                role: Some(role),
                priority,
                depends_on,
                ..PlannedTask::new(id, title)
            });
        }
        of_step.push((step.id, ids));
    }
    tasks
}

fn tasks_of_pieces(goal: &str, pieces: &[Piece]) -> Vec<PlannedTask> {
    let mut tasks: Vec<PlannedTask> = Vec::new();
    for piece in pieces {
        let id = unique_id(&format!("task-{}", tasks.len() + 1), &tasks);
        let words = route::without_urgency(&piece.text);
        let title = cut(words.lines().next().unwrap_or(words), TITLE_CHARS_MAX);
        let whole = (title != words).then(|| words.to_owned());
        let context = (pieces.len() > 1).then(|| quote(goal));
        let text = [whole, context].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        let role = route::role(&piece.text);
        let depends_on = dependencies(piece, &role, &tasks);
        let priority: Priority = route::priority(&piece.text);
        tasks.push(PlannedTask {
            text,
            role: Some(role),
            priority,
            depends_on,
            ..PlannedTask::new(id, capitalised(&title))
        });
    }
    tasks
}

/// A piece waits for the one before where the words say so; tests and reviews wait for everything
/// that came before them.
fn dependencies(piece: &Piece, role: &Role, before: &[PlannedTask]) -> Vec<TaskId> {
    let judges = ["qa-engineer", "code-reviewer"];
    if judges.contains(&role.as_str()) {
        let same = |task: &&PlannedTask| task.role.as_ref() != Some(role);
        return before.iter().filter(same).map(|task| task.id.clone()).collect();
    }
    if piece.after_previous {
        return before.last().map(|task| task.id.clone()).into_iter().collect();
    }
    Vec::new()
}

fn known_role(name: &str) -> Role {
    Role::new(name).expect("the roles in the table of kinds are legal")
}

fn quote(goal: &str) -> String {
    format!("It is part of this goal: {}", cut(goal, QUOTE_CHARS_MAX))
}

fn cut(text: &str, n_chars_max: usize) -> String {
    match text.char_indices().nth(n_chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Lower case, digits and single dashes, at most 40 characters.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_lowercase();
    slug.chars().take(40).collect::<String>().trim_matches('-').to_owned()
}

fn unique_id(name: &str, taken: &[PlannedTask]) -> TaskId {
    let name = name.trim_matches('-');
    let is_free = |id: &TaskId| taken.iter().all(|task| task.id != *id);
    let candidates = std::iter::once(name.to_owned())
        .chain((2..).map(|n: u32| format!("{name}-{n}")))
        .map(|name| TaskId::new(name).expect("made of a short slug, so it is legal"));
    candidates.into_iter().find(is_free).expect("there are more numbers than tasks")
}
