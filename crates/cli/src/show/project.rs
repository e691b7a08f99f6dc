//! `projects`, `project show` and `project diff`.

use callboard_api::project::{Diff, Project, ProjectDetail, Review};

use crate::show::look::{Look, Tone, tone};
use crate::show::status::counts;
use crate::show::table::{Table, plain};
use crate::show::text::{commit, count, line, lines, time};
use crate::show::{agent, task};

/// `projects`.
#[must_use]
pub fn projects(projects: &[Project], look: Look) -> String {
    if projects.is_empty() {
        return "no projects yet; begin by: callboard submit \"TEXT\"\n".to_owned();
    }
    let mut table = Table::new(["PROJECT", "STATE", "AGENTS", "TASKS", "SOURCE", "GOAL"]);
    for project in projects {
        table.row([
            plain(&project.id),
            (tone(&project.state), settled(project)),
            plain(format!("{} of {}", project.agents, project.agents_max)),
            plain(counts(&project.tasks)),
            plain(&project.source),
            plain(&project.goal),
        ]);
    }
    table.show(look)
}

fn settled(project: &Project) -> String {
    if project.settled && project.state == "open" {
        return "open, settled".to_owned();
    }
    project.state.clone()
}

/// `project show`.
#[must_use]
pub fn detail(detail: &ProjectDetail, look: Look) -> String {
    let ProjectDetail { project, check, task_list, agent_list, review } = detail;
    let mut shown = format!("{}  {}\n", look.paint(Tone::Strong, &project.id), line(&project.goal));
    let mut field = |name: &str, value: String| {
        shown.push_str(&format!("{}{value}\n", look.paint(Tone::Dim, &format!("{name:<12}"))));
    };
    field("state", look.paint(tone(&project.state), &settled(project)));
    field("source", line(&project.source));
    let head = project.head.as_deref().map_or("no commit yet", commit);
    field("branch", format!("{} at {head}", project.branch));
    if let Some(check) = check {
        field("check", line(check));
    }
    field("tasks", counts(&project.tasks));
    field("agents", format!("{} of at most {}", project.agents, project.agents_max));
    if let Some(made) = project.created_at {
        field("made", time(made));
    }
    if let Some(Review { action, state, text, .. }) = review {
        let text = text.as_deref().map(|text| format!(": {}", line(text))).unwrap_or_default();
        field("review", format!("{action}, {}{text}", look.paint(tone(state), state)));
    }
    shown.push_str(&format!("\n{}", task::tasks(task_list, look)));
    if !agent_list.is_empty() {
        shown.push_str(&format!("\n{}", agent::agents(agent_list, look)));
    }
    shown
}

/// `project diff`: what can be piped to a pager or to `git apply`.
#[must_use]
pub fn diff(diff: &Diff, look: Look) -> String {
    let Diff { project, base, head, commits, stat, patch, truncated } = diff;
    let mut shown = format!(
        "{} {}: the result, {} since {}\n",
        look.paint(Tone::Strong, project),
        commit(head),
        count(commits.len() as u64, "commit"),
        commit(base),
    );
    for line_of_commit in commits {
        shown.push_str(&format!("  {}\n", line(line_of_commit)));
    }
    shown.push_str(&format!("\n{}\n\n", lines(stat.trim_end())));
    for row in lines(patch).lines() {
        shown.push_str(&format!("{}\n", look.paint(row_tone(row), row)));
    }
    if *truncated {
        shown.push_str("the patch is longer; read it whole with git diff\n");
    }
    shown
}

fn row_tone(row: &str) -> Tone {
    match row.as_bytes().first() {
        _ if row.starts_with("+++") || row.starts_with("---") => Tone::Strong,
        _ if row.starts_with("diff --git") => Tone::Strong,
        Some(b'+') => Tone::Good,
        Some(b'-') => Tone::Bad,
        Some(b'@') => Tone::Dim,
        _ => Tone::Plain,
    }
}

/// `project accept` and `project discard`.
#[must_use]
pub fn review(review: &Review, look: Look) -> String {
    let Review { id: _, action, state, text } = review;
    let text = text.as_deref().map(|text| format!(": {}", line(text))).unwrap_or_default();
    format!("{action}: {}{text}\n", look.paint(tone(state), state))
}
