//! Folds the events of the log into the story, and says what a person should read of each.

use callboard_api::message::Event;
use callboard_domain::agent::{Event as AgentEvent, EventKind as AgentKind};
use callboard_domain::project::{Event as ProjectEvent, EventKind as ProjectKind};
use callboard_domain::task::Outcome;
use chrono::{DateTime, Utc};

use super::story::{Agent, Recovery, Stage, Steps, Story, Task};

impl Story {
    /// Takes one event in. Returns what a person should read of it, if anything.
    pub(super) fn take(&mut self, event: &Event) -> Option<String> {
        let (kind, id) = event.actor.split_once('/')?;
        match kind {
            "project" => {
                let event: ProjectEvent = serde_json::from_value(event.data.clone()).ok()?;
                self.of_project(event.kind)
            }
            "agent" => {
                let AgentEvent { at, kind } = serde_json::from_value(event.data.clone()).ok()?;
                self.of_run(id, at, &kind).or_else(|| self.of_work(id, &kind))
            }
            _ => None,
        }
    }

    fn of_project(&mut self, kind: ProjectKind) -> Option<String> {
        match kind {
            ProjectKind::Submitted { tasks, .. } => {
                self.tasks.extend(tasks.into_iter().map(|task| new_task(&task)));
                None
            }
            ProjectKind::SeatOpened { agent, .. } => {
                let n = self.agents.len() + 1;
                let now = "is placed".to_owned();
                self.agents.insert(agent.id.to_string(), Agent { n, now, ..Agent::default() });
                None
            }
            ProjectKind::TaskAssigned { agent, brief, .. } => {
                let (agent, id) = (agent.to_string(), brief.attempt.task.to_string());
                let name = self.name(&agent);
                let task = self.task_mut(&id)?;
                (task.stage, task.agent) = (Stage::Working, Some(agent));
                task.now.clear();
                Some(format!("{name} begins: {}", task.title))
            }
            ProjectKind::IntegrationStarted { published, .. } => {
                let task = self.task_mut(published.attempt.task.as_str())?;
                (task.stage, task.now) = (Stage::Merging, "is merged and checked".to_owned());
                None
            }
            ProjectKind::TaskDone { task, evidence } => {
                let task = self.task_mut(task.as_str())?;
                let commit: String = evidence.commit.chars().take(8).collect();
                (task.stage, task.now) = (Stage::Done, format!("merged as {commit}"));
                Some(format!("merged as {commit}, its check passed: {}", task.title))
            }
            ProjectKind::TaskFailed { task, reason } => {
                let task = self.task_mut(task.as_str())?;
                task.stage = Stage::Failed;
                task.now.clone_from(&reason);
                Some(format!("{} failed: {reason}", task.title))
            }
            ProjectKind::AttemptFailed { attempt, reason, .. } => {
                let task = self.task_mut(attempt.task.as_str())?;
                (task.stage, task.agent) = (Stage::Waiting, None);
                task.now = format!("is tried again: {reason}");
                Some(format!("{} is tried again: {reason}", task.title))
            }
            ProjectKind::ConflictFound { task, by } => {
                let text = format!("{task} conflicts; {} resolves it", by.id);
                self.tasks.push(new_task(&by));
                Some(text)
            }
            _ => None,
        }
    }

    /// What has to do with the agent's program.
    fn of_run(&mut self, id: &str, at: DateTime<Utc>, kind: &AgentKind) -> Option<String> {
        let name = self.name(id);
        let recovery = self.recoveries.iter_mut().rev().find(|it| it.agent == id);
        let pending = recovery.filter(|it| it.ready_at.is_none());
        let agent = self.agents.get_mut(id)?;
        match kind {
            AgentKind::Launched { pid, workspace, .. } => {
                (agent.pid, agent.now) = (Some(*pid), "starts".to_owned());
                pending?.workspace = Some(workspace.clone());
                None
            }
            AgentKind::Ready { .. } => {
                agent.now = "is ready".to_owned();
                let recovery = pending?;
                recovery.ready_at = Some(at);
                let ms = recovery.running_again_ms().unwrap_or_default();
                let from = match recovery.workspace.as_deref() {
                    Some("restored") => ", its workspace restored from the checkpoint",
                    _ => "",
                };
                Some(format!("{name} runs again after {ms} ms{from}"))
            }
            AgentKind::ProgramLost { reason, .. } => {
                (agent.pid, agent.is_working) = (None, false);
                agent.now = "was lost, comes back".to_owned();
                agent.steps.go_back();
                let killed = self.killed.take_if(|(killed, _)| killed == id);
                let recovery = Recovery {
                    agent: id.to_owned(),
                    killed_at: killed.map(|(_, at)| at),
                    lost_at: at,
                    ready_at: None,
                    reason: reason.clone(),
                    workspace: None,
                };
                let text = format!("{name} is lost, noticed after {} ms", recovery.detected_ms());
                self.recoveries.push(recovery);
                Some(text)
            }
            _ => None,
        }
    }

    /// What has to do with the agent's task.
    fn of_work(&mut self, id: &str, kind: &AgentKind) -> Option<String> {
        let agent = self.agents.get_mut(id)?;
        match kind {
            AgentKind::Assigned { brief } => {
                agent.task = Some(brief.attempt.task.to_string());
                agent.steps = Steps::default();
                None
            }
            AgentKind::TurnStarted { .. } => {
                agent.is_working = true;
                None
            }
            AgentKind::TurnEnded { .. } => {
                agent.is_working = false;
                None
            }
            AgentKind::ToolStarted { detail } => {
                agent.now.clone_from(detail);
                let is_repeated = agent.steps.begin(detail);
                self.n_repeated += usize::from(is_repeated);
                None
            }
            AgentKind::ToolEnded { .. } => {
                agent.steps.end();
                None
            }
            AgentKind::CheckpointRequested { .. } => {
                agent.steps.n_asked = agent.steps.completed.len();
                None
            }
            AgentKind::CheckpointTaken { checkpoint, .. } => {
                let steps = &mut agent.steps;
                // Without a checkpoint of this try, nothing changed means nothing is held.
                if checkpoint.is_some() || steps.n_covered.is_some() {
                    steps.n_covered = Some(steps.n_asked);
                }
                None
            }
            AgentKind::Progressed { text } => {
                let (text, task) = (text.clone(), agent.task.clone()?);
                self.task_mut(&task)?.now.clone_from(&text);
                Some(format!("{}: {text}", self.name(id)))
            }
            AgentKind::TaskEnded { attempt, outcome } => {
                (agent.task, agent.now) = (None, "is idle".to_owned());
                let Outcome::Published(published) = outcome else { return None };
                let name = self.name(id);
                let task = self.task_mut(attempt.task.as_str())?;
                task.now = "waits to be merged".to_owned();
                Some(format!("{name} is done, {} commits: {}", published.n_commits, task.title))
            }
            AgentKind::Archived => {
                agent.now = "is gone".to_owned();
                None
            }
            _ => None,
        }
    }
}

impl Steps {
    /// Whether the step was never to be begun again.
    fn begin(&mut self, detail: &str) -> bool {
        self.in_flight = Some(detail.to_owned());
        self.never_again.iter().any(|step| step == detail)
    }

    fn end(&mut self) {
        self.completed.extend(self.in_flight.take());
    }

    /// The program is gone: it goes on from the checkpoint.
    fn go_back(&mut self) {
        let n_covered = self.n_covered.unwrap_or_default();
        self.completed.truncate(n_covered);
        self.never_again.clone_from(&self.completed);
        self.in_flight = None;
    }
}

fn new_task(task: &callboard_domain::project::Task) -> Task {
    Task {
        id: task.id.to_string(),
        title: task.title.clone(),
        stage: Stage::Waiting,
        agent: None,
        now: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn take(story: &mut Story, actor: &str, ms: i64, mut data: Value) -> Option<String> {
        let at = DateTime::from_timestamp_millis(1_700_000_000_000 + ms).expect("a time");
        data["at"] = json!(at);
        let kind = data["type"].as_str().unwrap_or_default().to_owned();
        let seq = 1;
        let event = Event { seq, actor: actor.to_owned(), at: Some(at), epoch: 1, kind, data };
        story.take(&event)
    }

    fn begun() -> Story {
        let mut story = Story::default();
        story.agents.insert("a".to_owned(), Agent { n: 1, ..Agent::default() });
        for data in [
            json!({"type": "launched", "run": 1, "pid": 7, "workspace": "new"}),
            json!({"type": "ready", "session": "s", "in_flight": null}),
            json!({"type": "turn_started", "prompt": uuid()}),
            json!({"type": "tool_started", "detail": "Bash: git commit -m \"x\""}),
        ] {
            assert_eq!(take(&mut story, "agent/a", 0, data), None);
        }
        story
    }

    fn uuid() -> &'static str {
        "0190a0b0-0000-7000-8000-000000000000"
    }

    fn checkpoint(story: &mut Story) {
        let taken = json!({
            "blob": "b", "seq": 1, "commit": "c", "bytes": 1, "sha256": "d", "session": "s",
            "at": "2026-01-01T00:00:00Z",
        });
        for data in [
            json!({"type": "checkpoint_requested", "seq": 1}),
            json!({"type": "checkpoint_taken", "seq": 1, "checkpoint": taken}),
        ] {
            take(story, "agent/a", 0, data);
        }
    }

    #[test]
    fn victim_has_a_checkpoint_with_a_commit() {
        let mut story = begun();
        checkpoint(&mut story);
        assert_eq!(story.victim(), None);
        take(
            &mut story,
            "agent/a",
            0,
            json!({"type": "tool_ended", "detail": "1", "failed": false}),
        );
        assert_eq!(story.victim(), None);
        checkpoint(&mut story);
        let victim = story.victim().expect("all is in the checkpoint");
        assert_eq!((victim.agent.as_str(), victim.pid), ("a", 7));
    }

    #[test]
    fn recovery_is_measured_from_the_kill() {
        let mut story = begun();
        let lost = json!({
            "type": "program_lost", "run": 1, "reason": "signal 9", "session_gone": false,
            "restart_at": null,
        });
        let at = DateTime::from_timestamp_millis(1_700_000_000_000).expect("a time");
        story.note_kill("a", at);
        take(&mut story, "agent/a", 12, lost);
        take(
            &mut story,
            "agent/a",
            30,
            json!({
                "type": "launched", "run": 2, "pid": 8, "workspace": "restored",
            }),
        );
        take(
            &mut story,
            "agent/a",
            40,
            json!({"type": "ready", "session": "s", "in_flight": null}),
        );
        let [recovery] = story.recoveries.as_slice() else { panic!("one recovery") };
        assert_eq!((recovery.detected_ms(), recovery.running_again_ms()), (12, Some(40)));
        assert_eq!(recovery.workspace.as_deref(), Some("restored"));
    }

    #[test]
    fn step_of_the_checkpoint_that_begins_again_is_counted() {
        let mut story = begun();
        take(
            &mut story,
            "agent/a",
            0,
            json!({"type": "tool_ended", "detail": "1", "failed": false}),
        );
        checkpoint(&mut story);
        let begin = |story: &mut Story, detail: &str| {
            take(story, "agent/a", 0, json!({"type": "tool_started", "detail": detail}));
        };
        begin(&mut story, "Sleep: 900ms");
        take(
            &mut story,
            "agent/a",
            0,
            json!({
                "type": "program_lost", "run": 1, "reason": "", "session_gone": false,
                "restart_at": null,
            }),
        );
        begin(&mut story, "Sleep: 900ms");
        assert_eq!(story.n_repeated, 0);
        begin(&mut story, "Bash: git commit -m \"x\"");
        assert_eq!(story.n_repeated, 1);
    }
}
