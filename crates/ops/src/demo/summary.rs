//! What came out: one JSON object for programs, a page for people.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::folder::{BRANCH, Folder};
use super::story::Story;

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Summary {
    /// Nodes that ran.
    pub(super) nodes: u32,
    /// Agents that worked.
    pub(super) agents: usize,
    /// Tasks that are merged with their check passed.
    pub(super) tasks_done: usize,
    /// All others.
    pub(super) tasks_failed: usize,
    /// Whether the result is merged into the person's branch.
    pub(super) merged: bool,
    /// Whether the application's own tests pass on the result, and it runs.
    pub(super) app_tests_passed: bool,
    /// Programs that were lost and came back.
    pub(super) recoveries: Vec<Recovered>,
    /// Steps or commits that were done twice.
    pub(super) duplicates: usize,
    /// Commits that are missing.
    pub(super) lost: usize,
    /// How long all of it took.
    pub(super) seconds: f64,
}

/// A program that was lost and came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Recovered {
    /// What happened to it.
    pub(super) cause: String,
    /// From then until the loss was in the log, in milliseconds.
    pub(super) detected_ms: i64,
    /// From then until its next run was ready, in milliseconds; none where it never was.
    pub(super) running_again_ms: Option<i64>,
}

/// The recoveries of a story.
pub(super) fn recovered(story: &Story) -> Vec<Recovered> {
    let recovered = |it: &super::story::Recovery| Recovered {
        cause: match it.killed_at {
            Some(_) => "process tree killed and workspace removed".to_owned(),
            None => it.reason.clone(),
        },
        detected_ms: it.detected_ms(),
        running_again_ms: it.running_again_ms(),
    };
    story.recoveries.iter().map(recovered).collect()
}

/// The page for people.
pub(super) fn page(summary: &Summary, n_tests: u64, folder: &Folder) -> String {
    let Summary { nodes: _, agents, tasks_done, seconds, recoveries, .. } = summary;
    let mut text = String::new();
    let mut line = |it: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{it}");
    };
    line(format!(
        "\nDone in {seconds:.1} s: {agents} agents did {tasks_done} tasks, each merged after its check passed."
    ));
    for recovery in recoveries {
        let Recovered { cause, detected_ms, running_again_ms } = recovery;
        let again = running_again_ms.map_or("it did not run again".to_owned(), |ms| {
            format!("noticed after {detected_ms} ms, at work again after {ms} ms")
        });
        line(format!("One agent was lost ({cause}): {again}."));
    }
    line(format!(
        "Nothing was lost, nothing done twice; the log verifies; {n_tests} tests of the application pass."
    ));
    let (repository, data) = (quoted(&folder.repository()), quoted(&folder.data()));
    line(format!("\nWhere to look\n  repository  {repository} (branch {BRANCH})"));
    line(format!("  node's data {data}"));
    line(format!("  node's log  {}", quoted(&folder.log())));
    line("\nWhat to type next".to_owned());
    line(format!("  git -C {repository} log --graph --oneline"));
    line(format!("  cd {repository} && cargo run -q -- help"));
    let callboard = called();
    line(format!("  {callboard} --data-dir {data} up -d"));
    line(format!("  {callboard} --data-dir {data} tasks"));
    line(format!("  {callboard} --data-dir {data} down"));
    line(format!("  {callboard} init      # in a repository of your own"));
    line(format!("\nRemove all of it by: rm -r {}", quoted(folder.path())));
    text
}

/// How the person called this program.
fn called() -> String {
    let name = std::env::args_os().next();
    name.map_or_else(|| "callboard".to_owned(), |name| quoted(Path::new(&name)))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
