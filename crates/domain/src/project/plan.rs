//! Turns submitted tasks into tasks of the project: names, dependencies, no circle.

use std::collections::BTreeMap;

use crate::entity::Ctx;
use crate::id::TaskId;
use crate::project::command::{NewTask, Rejection};
use crate::project::state::{State, Task, TaskState};

/// Names the tasks and resolves what they depend on.
pub(super) fn tasks(
    state: &State,
    new: Vec<NewTask>,
    ctx: &mut Ctx,
) -> Result<Vec<Task>, Rejection> {
    let tasks_max = state.limits().tasks_max;
    let n_tasks = state.tasks.len() + new.len();
    if n_tasks > tasks_max {
        return Err(Rejection::TooManyTasks { n_tasks, tasks_max });
    }
    let mut names = BTreeMap::new();
    let mut ids = Vec::new();
    for (idx, task) in new.iter().enumerate() {
        let id = task_id(state, state.n_tasks + 1 + idx as u64);
        if let Some(label) = &task.label
            && names.insert(label.clone(), id.clone()).is_some()
        {
            return Err(Rejection::DuplicateLabel(label.clone()));
        }
        ids.push(id);
    }
    let mut tasks = Vec::new();
    for (id, task) in ids.into_iter().zip(new) {
        tasks.push(build(state, &names, id, task, ctx)?);
    }
    match find_cycle(&tasks) {
        Some(cycle) => Err(Rejection::Cycle(cycle)),
        None => Ok(tasks),
    }
}

/// The name of the project's n-th task.
pub(super) fn task_id(state: &State, n: u64) -> TaskId {
    let project = state.spec.as_ref().map_or("task", |spec| spec.id.as_str());
    let project: String = project.chars().take(48).collect();
    TaskId::new(format!("{project}-{n}")).expect("a cut project name and a number are legal")
}

fn build(
    state: &State,
    names: &BTreeMap<String, TaskId>,
    id: TaskId,
    new: NewTask,
    ctx: &mut Ctx,
) -> Result<Task, Rejection> {
    let NewTask {
        label: _,
        title,
        text,
        role,
        runtime,
        priority,
        depends_on,
        check,
        deadline_s,
        attempts_max,
    } = new;
    let mut resolved = Vec::new();
    for dependency in depends_on {
        let found = names
            .get(&dependency)
            .cloned()
            .or_else(|| dependency.parse().ok().filter(|id: &TaskId| state.tasks.contains_key(id)));
        let Some(found) = found else {
            return Err(Rejection::UnknownDependency { task: title, dependency });
        };
        if let Some(task) = state.tasks.get(&found)
            && matches!(task.state, TaskState::Failed | TaskState::Cancelled)
        {
            let state = super::report::state_word(task.state).to_owned();
            return Err(Rejection::DeadDependency { task: title, dependency: found, state });
        }
        resolved.push(found);
    }
    resolved.sort();
    resolved.dedup();
    Ok(Task {
        id,
        title,
        text,
        role,
        runtime,
        priority,
        depends_on: resolved,
        check,
        deadline_s,
        attempts_max,
        state: TaskState::Pending,
        stage: None,
        agent: None,
        attempts: 0,
        failures: 0,
        not_before: None,
        reason: None,
        because: None,
        feedback: None,
        commits: Vec::new(),
        evidence: None,
        from: None,
        conflict: None,
        resolves: None,
        created_at: ctx.now,
        started_at: None,
        ended_at: None,
    })
}

/// A circle among new tasks as `a → b → a`, by title. Old tasks cannot depend on new ones.
fn find_cycle(tasks: &[Task]) -> Option<String> {
    let by_id: BTreeMap<_, _> = tasks.iter().map(|task| (&task.id, task)).collect();
    let mut settled = std::collections::BTreeSet::new();
    for task in tasks {
        let mut path: Vec<&Task> = Vec::new();
        let mut stack = vec![(task, 0_usize)];
        while let Some((task, depth)) = stack.pop() {
            for done in path.drain(depth..) {
                settled.insert(&done.id);
            }
            if let Some(start) = path.iter().position(|other| other.id == task.id) {
                let titles: Vec<_> =
                    path[start..].iter().chain([&task]).map(|task| task.title.as_str()).collect();
                return Some(titles.join(" → "));
            }
            if settled.contains(&task.id) {
                continue;
            }
            path.push(task);
            let next = task.depends_on.iter().filter_map(|id| by_id.get(id));
            stack.extend(next.map(|task| (*task, depth + 1)));
        }
        settled.extend(path.iter().map(|task| &task.id));
    }
    None
}
