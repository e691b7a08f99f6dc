//! `--wait`: tells what happens until the work has an outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use callboard_api::agent::Approval;
use callboard_api::error::Code;
use callboard_api::project::ProjectDetail;
use callboard_api::task::Task;
use tokio::time::Instant;

use crate::Error;
use crate::call::{DONE, WORK_FAILED};
use crate::host::{Session, pause};
use crate::show::look::tone;
use crate::show::text::{cut, line};
use crate::show::{self, Look};
use crate::terminal::Terminal;

/// How often the project is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a node may be away, to be started again, say, before waiting ends.
const AWAY_MAX: Duration = Duration::from_secs(15);
/// Where a title or command is cut in a line of progress.
const TITLE_CHARS_MAX: usize = 60;
/// Where a reason is cut; `task show` has all of it.
const REASON_CHARS_MAX: usize = 120;

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal<'a> {
    /// The end of these tasks.
    Tasks(&'a [String]),
    /// That nothing more happens by itself, once these tasks are there.
    Settled {
        /// The tasks.
        after: &'a [String],
    },
}

/// What was said already.
#[derive(Default)]
struct Said {
    /// Whether the project was looked at: what had ended before is no news.
    begun: bool,
    tasks: BTreeMap<String, String>,
    approvals: BTreeSet<String>,
}

/// Waits and tells; prints the project as data at the end.
pub(super) fn until(
    project: &str,
    goal: Goal<'_>,
    timeout: Option<Duration>,
    session: &mut Session<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Error> {
    let end = timeout.map(|timeout| Instant::now() + timeout);
    let mut said = Said::default();
    loop {
        let (detail, approvals) = look(project, session)?;
        said.tell(&detail, &approvals, terminal);
        if let Some(code) = outcome(&detail, goal) {
            terminal.data(&detail, show::project::detail)?;
            if code == DONE {
                next_steps(&detail, terminal);
            }
            return Ok(code);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            let seconds = timeout.unwrap_or_default().as_secs();
            let text = format!(
                "project {project} is not done after {seconds} s and goes on; look by: callboard \
                 project show {project}"
            );
            return Err(Error::new(Code::TimedOut, text));
        }
        pause(LOOK_EVERY);
    }
}

/// The project and who waits for a person; a node that is away for a moment is waited for.
fn look(project: &str, session: &mut Session<'_>) -> Result<(ProjectDetail, Vec<Approval>), Error> {
    let end = Instant::now() + AWAY_MAX;
    loop {
        let both = session
            .client
            .project(project)
            .and_then(|detail| Ok((detail, session.client.approvals()?)))
            .map_err(Error::from);
        match both {
            Err(error) if error.code == Code::Unreachable && Instant::now() < end => {
                pause(LOOK_EVERY);
                match session.reopen() {
                    // None runs at this moment: the next look tells, until the time is over.
                    Ok(()) | Err(Error { code: Code::Unreachable, .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            both => return both,
        }
    }
}

/// The exit code, once there is an outcome.
fn outcome(detail: &ProjectDetail, goal: Goal<'_>) -> Option<u8> {
    let tasks: BTreeMap<&str, &Task> =
        detail.task_list.iter().map(|task| (task.id.as_str(), task)).collect();
    let of_goal = match goal {
        Goal::Tasks(ids) | Goal::Settled { after: ids } => ids,
    };
    let found: Vec<_> = of_goal.iter().filter_map(|id| tasks.get(id.as_str())).collect();
    if found.len() < of_goal.len() {
        return None;
    }
    let is_over = match goal {
        // A stopped project, or a dependency that failed, ends the waiting too.
        Goal::Tasks(_) => found.iter().all(|task| is_ended(task)) || is_stuck(detail),
        Goal::Settled { .. } => is_stuck(detail),
    };
    if !is_over {
        return None;
    }
    let is_done = match goal {
        Goal::Tasks(_) => found.iter().all(|task| task.state == "done"),
        Goal::Settled { .. } => detail.task_list.iter().all(|task| task.state == "done"),
    };
    Some(if is_done { DONE } else { WORK_FAILED })
}

fn is_ended(task: &Task) -> bool {
    matches!(task.state.as_str(), "done" | "failed" | "cancelled")
}

fn is_stuck(detail: &ProjectDetail) -> bool {
    detail.project.settled || detail.project.state != "open"
}

impl Said {
    fn tell(
        &mut self,
        detail: &ProjectDetail,
        approvals: &[Approval],
        terminal: &mut Terminal<'_>,
    ) {
        for task in &detail.task_list {
            let text = progress(task, terminal.err_look);
            if self.tasks.get(&task.id) != Some(&text) {
                if self.begun || !is_ended(task) {
                    terminal.say(&text);
                }
                self.tasks.insert(task.id.clone(), text);
            }
        }
        self.begun = true;
        for approval in approvals {
            let is_ours = approval.project.as_deref() == Some(detail.project.id.as_str());
            if is_ours && self.approvals.insert(approval.id.clone()) {
                let Approval { id, agent, tool, command, .. } = approval;
                let what = command.as_deref().map_or_else(|| line(tool), line);
                terminal.say(&format!(
                    "waiting for you: callboard approvals approve {id} ({agent}: {}; all of it: \
                     callboard approvals list)",
                    cut(&what, TITLE_CHARS_MAX)
                ));
            }
        }
    }
}

fn progress(task: &Task, look: Look) -> String {
    let state = show::task::staged(task);
    let padded = look.paint(tone(&task.state), &format!("{state:<20}"));
    let reason = task.reason.as_deref().filter(|_| task.state != "done");
    let reason = reason.map(|reason| format!(": {}", cut(&line(reason), REASON_CHARS_MAX)));
    let reason = reason.unwrap_or_default();
    format!("{:<10} {padded} {}{reason}", task.id, cut(&line(&task.title), TITLE_CHARS_MAX))
}

fn next_steps(detail: &ProjectDetail, terminal: &mut Terminal<'_>) {
    let id = &detail.project.id;
    if detail.project.head.is_some() {
        terminal.say(&format!(
            "read the result by: callboard project diff {id}; take it by: callboard project accept {id}"
        ));
    }
}
