//! `tasks`, `task show`, and what a submission came to.

use callboard_api::request::Submitted;
use callboard_api::task::{Evidence, Task, TaskDetail};

use crate::show::look::{Look, Tone, tone};
use crate::show::table::{Table, plain, state};
use crate::show::text::{commit, count, line, lines, or_dash, span, time};

/// `tasks`.
#[must_use]
pub fn tasks(tasks: &[Task], look: Look) -> String {
    if tasks.is_empty() {
        return "no tasks yet; hand one in by: callboard submit \"TEXT\"\n".to_owned();
    }
    let mut table = Table::new(["TASK", "STATE", "PROJECT", "ROLE", "PRIORITY", "AGENT", "TITLE"]);
    for task in tasks {
        table.row([
            plain(&task.id),
            (tone(&task.state), staged(task)),
            plain(&task.project),
            plain(&task.role),
            plain(&task.priority),
            plain(or_dash(task.agent.as_deref())),
            plain(&task.title),
        ]);
    }
    table.show(look)
}

/// The state, with the stage where it says more.
pub(crate) fn staged(task: &Task) -> String {
    match task.stage.as_deref() {
        Some(stage) if stage != "working" => format!("{} ({stage})", task.state),
        _ => task.state.clone(),
    }
}

/// `task show`.
#[must_use]
pub fn detail(detail: &TaskDetail, look: Look) -> String {
    let TaskDetail { task, text, check, resolves, feedback } = detail;
    let mut shown = format!("{}  {}\n", look.paint(Tone::Strong, &task.id), line(&task.title));
    let mut field = |name: &str, value: String| {
        shown.push_str(&format!("{}{value}\n", look.paint(Tone::Dim, &format!("{name:<12}"))));
    };
    field("state", look.paint(tone(&task.state), &staged(task)));
    if let Some(reason) = &task.reason {
        field("reason", line(reason));
    }
    field("project", task.project.clone());
    field("role", format!("{}, priority {}", task.role, task.priority));
    if !task.depends_on.is_empty() {
        field("depends on", task.depends_on.join(", "));
    }
    if let Some(resolves) = resolves {
        field("resolves", format!("the merge conflict of {resolves}"));
    }
    field("agent", format!("{}, {}", or_dash(task.agent.as_deref()), tries(task.attempts)));
    field("branch", task.branch.clone());
    if !task.commits.is_empty() {
        let commits: Vec<_> = task.commits.iter().map(|id| commit(id)).collect();
        field("commits", commits.join(" "));
    }
    if let Some(check) = check {
        field("check", line(check));
    }
    if let Some(started) = task.started_at {
        field("started", time(started));
        if let Some(ended) = task.ended_at {
            field("took", span(started, ended));
        }
    }
    shown.push_str(&format!("\n{}\n", indent(text)));
    if let Some(feedback) = feedback {
        shown.push_str(&format!("\ntold to the next try:\n{}\n", indent(feedback)));
    }
    if let Some(evidence) = &task.evidence {
        shown.push_str(&proof(evidence));
    }
    shown
}

fn tries(n: u32) -> String {
    let noun = if n == 1 { "try" } else { "tries" };
    format!("{n} {noun}")
}

fn proof(evidence: &Evidence) -> String {
    let Evidence { commit: merge, check, output, check_ms } = evidence;
    let mut shown = format!("\nmerged as {}", commit(merge));
    if let Some(check) = check {
        shown.push_str(&format!("; `{}` passed in {check_ms} ms", line(check)));
    }
    shown.push('\n');
    if !output.trim().is_empty() {
        shown.push_str(&format!("{}\n", indent(output)));
    }
    shown
}

fn indent(text: &str) -> String {
    let cleaned = lines(text.trim_end());
    cleaned.lines().map(|it| format!("  {it}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// What a submission came to, as data.
#[must_use]
pub fn submitted(submitted: &Submitted, look: Look) -> String {
    let Submitted { project, tasks, notes: _ } = submitted;
    let n_tasks = count(tasks.len() as u64, "task");
    let mut table = Table::new(["TASK", "STATE"]);
    for task in tasks {
        table.row([plain(task), state("accepted")]);
    }
    format!("project {project}: {n_tasks}\n{}", table.show(look))
}
