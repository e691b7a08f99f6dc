//! How a project answers a message: a report in plain words.

use std::fmt::Write as _;

use crate::project::state::{State, Status, TaskState};

/// The word for a task's state.
pub(super) fn state_word(state: TaskState) -> &'static str {
    match state {
        TaskState::Pending => "pending",
        TaskState::Ready => "ready",
        TaskState::Running => "running",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Cancelled => "cancelled",
    }
}

/// Where the project stands, and what comes next.
pub(super) fn text(state: &State) -> String {
    let Some(spec) = &state.spec else {
        return "The project was never created.".to_owned();
    };
    let count = |wanted| state.tasks.values().filter(|task| task.state == wanted).count();
    let status = match state.status {
        Status::New => "new",
        Status::Open if state.fleet_stopped => "stopped with the fleet",
        Status::Open => "open",
        Status::Stopped => "stopped",
        Status::Archived => "archived",
    };
    let mut text = format!(
        "Project {} is {status}: {} of {} tasks are done, {} running, {} ready, {} pending, {} failed, {} cancelled; {} agents.",
        spec.id,
        count(TaskState::Done),
        state.tasks.len(),
        count(TaskState::Running),
        count(TaskState::Ready),
        count(TaskState::Pending),
        count(TaskState::Failed),
        count(TaskState::Cancelled),
        state.seats.len(),
    );
    for task in state.tasks.values() {
        let line = match task.state {
            TaskState::Running => {
                let agent = task.agent.as_ref().map_or_else(String::new, |id| format!(" by {id}"));
                format!("running{agent}")
            }
            TaskState::Failed => {
                format!("failed: {}", task.reason.as_deref().unwrap_or("no reason"))
            }
            TaskState::Ready => "next".to_owned(),
            TaskState::Pending | TaskState::Done | TaskState::Cancelled => continue,
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n- {} ({}): {line}", task.title, task.id);
    }
    text
}
