//! The words of the tables: what each tells the agent, and how to look at it.

use callboard_domain::agent::{
    Agent, Command, Effect, Limits, Rejection, SeatStatus, SessionFact, Spec, State, Verdict,
};
use callboard_domain::fleet::{Priority, Source};
use callboard_domain::id::{ApprovalId, MessageId};
use callboard_domain::message::Message;
use callboard_domain::task::{Attempt, Brief, Outcome, Published};
use callboard_domain::{Ctx, Entity};
use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

/// Tells a new agent the words of `script`, one after the other. Only the last may be refused: then its
/// refusal is what is seen, else what `look` finds.
pub(crate) fn check(script: &str, look: fn(&State) -> String, expected: &str) {
    let mut scene = Scene { state: State::default(), now: DateTime::UNIX_EPOCH, n_words: 0 };
    let mut refused = None;
    for word in script.split_whitespace() {
        assert_eq!(refused, None, "{script}: only the last word may be refused");
        refused = scene.say(word).err();
    }
    let seen = refused.map_or_else(|| look(&scene.state), |refused| refused.to_string());
    assert_eq!(seen, expected, "{script}");
}

struct Scene {
    state: State,
    now: DateTime<Utc>,
    n_words: u128,
}

impl Scene {
    fn say(&mut self, word: &str) -> Result<(), Rejection> {
        self.n_words += 1;
        let (word, arg) = word.split_once(':').unwrap_or((word, "1"));
        let mut ctx = Ctx::new(self.now, 1, "n1", 0.5, Uuid::from_u128(self.n_words));
        let events = match word {
            "wait" => {
                self.now += Duration::seconds(arg.parse().expect("a number of seconds"));
                return Ok(());
            }
            "moved" => vec![Agent::activated(&self.state, &mut ctx)],
            _ => Agent::decide(&self.state, self.command(word, arg), &mut ctx)?,
        };
        for event in &events {
            Agent::apply(&mut self.state, event);
        }
        Ok(())
    }

    fn command(&self, word: &str, arg: &str) -> Command {
        let state = &self.state;
        let prompt = state.turn.as_ref().map(|turn| turn.prompt).unwrap_or_default();
        let attempt = state.brief.as_ref().map_or_else(|| attempt("1/1"), |b| b.attempt.clone());
        match word {
            "create" => Command::Create { spec: Box::new(spec()) },
            "task" => Command::Assign { brief: Box::new(brief(arg)) },
            "cancel" => Command::CancelTask { attempt },
            "message" | "urgent" | "brief_message" => self.message(word, arg),
            "allow" | "deny" => {
                let open = state.approvals.values().find(|approval| approval.request == arg);
                let id = open.map_or(ApprovalId(Uuid::nil()), |approval| approval.id);
                let (allow, reason) = (word == "allow", "as asked".to_owned());
                Command::AnswerApproval { id, allow, reason, by: "anna".to_owned() }
            }
            "stop" => Command::Stop { reason: "by anna".to_owned(), fleet: false },
            "start" => Command::Start { fleet: false },
            "fleet_stop" => Command::Stop { reason: "fleet".to_owned(), fleet: true },
            "fleet_start" => Command::Start { fleet: true },
            "archive" => Command::Archive,
            "published" => Command::Published { published: Some(published(&attempt)), attempt },
            "unpublished" => Command::Published { published: None, attempt },
            "reported" => Command::Reported { attempt },
            "restart" => Command::RestartDue { run: state.run },
            "overdue" => Command::TurnOverdue { prompt },
            "start_overdue" => Command::StartOverdue { run: state.run },
            "expire" => Command::MessageExpired { id: message_id(arg) },
            "old_ready" => {
                Command::Session { run: state.run - 1, fact: fact("ready", arg, prompt) }
            }
            _ => Command::Session { run: state.run, fact: fact(word, arg, prompt) },
        }
    }

    fn message(&self, word: &str, arg: &str) -> Command {
        let priority = if word == "urgent" { Priority::High } else { Priority::Normal };
        let expires_at = (word == "brief_message").then(|| self.now + Duration::seconds(10));
        let (id, from, text) = (message_id(arg), "anna".to_owned(), format!("hello {arg}"));
        let message = Message { id, from, text, priority, conversation: None, expires_at };
        Command::Deliver { message }
    }
}

fn fact(word: &str, arg: &str, prompt: Uuid) -> SessionFact {
    let gone = |retryable, session_gone| SessionFact::Lost {
        reason: "it broke".to_owned(),
        retryable,
        session_gone,
    };
    let (failure, summary) = (None, "I am done".to_owned());
    match word {
        "launched" => SessionFact::Launched { pid: 7, workspace: "new".to_owned() },
        "ready" => SessionFact::Ready { session: "s-1".to_owned(), in_flight: None },
        "begin" => SessionFact::TurnStarted { prompt },
        "prompt_failed" => SessionFact::PromptFailed { prompt, reason: "no pipe".to_owned() },
        "end" => SessionFact::TurnEnded { prompt, failure, summary },
        "fail" => SessionFact::TurnEnded { prompt, failure: Some("no key".to_owned()), summary },
        "tool" => SessionFact::ToolStarted { detail: "cargo test".to_owned() },
        "tool_end" => SessionFact::ToolEnded { detail: "cargo test".to_owned(), failed: false },
        "withdrawn" => SessionFact::PermissionCancelled { request: arg.to_owned() },
        "ask" => permission(arg, Verdict::Ask),
        "ask_allowed" => permission(arg, Verdict::Allow { rule: "git".to_owned() }),
        "ask_denied" => permission(arg, Verdict::Deny { rule: "rm".to_owned() }),
        "lost" => gone(true, false),
        "forgotten" => gone(true, true),
        "broken" => gone(false, false),
        _ => panic!("no word of these tables: {word}"),
    }
}

fn permission(request: &str, verdict: Verdict) -> SessionFact {
    SessionFact::PermissionRequested {
        request: request.to_owned(),
        tool: "shell".to_owned(),
        command: Some("make".to_owned()),
        files: Vec::new(),
        folder: "/w".to_owned(),
        description: "to build".to_owned(),
        verdict,
    }
}

fn spec() -> Spec {
    let limits = Limits {
        inbox_max: 2,
        restarts_max: 4,
        restart_delays_ms: vec![0, 1_000, 5_000],
        approvals_max: 2,
        ..Limits::default()
    };
    Spec {
        id: "p-dev-1".parse().expect("legal"),
        role: "dev".parse().expect("legal"),
        project: Some("p".parse().expect("legal")),
        runtime: "scripted".parse().expect("legal"),
        model: None,
        limits,
    }
}

/// `1/2` is the second try of task `p-1`, `1` the first.
fn attempt(text: &str) -> Attempt {
    let (task, n) = text.split_once('/').unwrap_or((text, "1"));
    Attempt { task: format!("p-{task}").parse().expect("legal"), n: n.parse().expect("a number") }
}

fn brief(text: &str) -> Brief {
    Brief {
        attempt: attempt(text),
        title: "Build it".to_owned(),
        text: "Build all of it.".to_owned(),
        source: Source::Path { path: "/r".to_owned() },
        start: "c0".to_owned(),
        from: None,
        conflict: None,
    }
}

fn published(attempt: &Attempt) -> Published {
    let [blob, head, base] = ["b", "c1", "c0"].map(ToOwned::to_owned);
    Published { attempt: attempt.clone(), blob, head, base, n_commits: 1 }
}

fn message_id(n: &str) -> MessageId {
    MessageId(Uuid::from_u128(n.parse().expect("a number")))
}

pub(crate) fn phase(state: &State) -> String {
    state.phase.as_str().to_owned()
}

pub(crate) fn seat(state: &State) -> String {
    match &state.seat {
        None => "untold".to_owned(),
        Some(SeatStatus::Idle) => "idle".to_owned(),
        Some(SeatStatus::Lost { reason }) => format!("lost: {reason}"),
        Some(SeatStatus::Archived) => "archived".to_owned(),
    }
}

/// How the project is told that its task ended.
pub(crate) fn report(state: &State) -> String {
    let outcome = state.outbox.values().find_map(|effect| match effect {
        Effect::Report { outcome, .. } => Some(outcome),
        _ => None,
    });
    match outcome {
        None => "none".to_owned(),
        Some(Outcome::Published(published)) => format!("published {}", published.head),
        Some(Outcome::NoCommit { summary }) => format!("no commit: {summary}"),
        Some(Outcome::Failed { reason }) => format!("failed: {reason}"),
    }
}

/// Milliseconds from the loss to the restart.
pub(crate) fn delay(state: &State) -> String {
    let lost_at = state.active_at.expect("something happened");
    let due = state.outbox.values().find_map(|effect| match effect {
        Effect::Timer { due, command } => match **command {
            Command::RestartDue { .. } => Some(*due),
            _ => None,
        },
        _ => None,
    });
    due.map_or_else(|| "never".to_owned(), |due| (due - lost_at).num_milliseconds().to_string())
}

/// The text that the program is to be given.
pub(crate) fn prompt(state: &State) -> String {
    let text = state.outbox.values().find_map(|effect| match effect {
        Effect::Prompt { text, .. } => Some(text.clone()),
        _ => None,
    });
    text.unwrap_or_else(|| "none".to_owned())
}

/// The conversation that the program goes on with.
pub(crate) fn resumes(state: &State) -> String {
    let run = state.outbox.values().find_map(|effect| match effect {
        Effect::Run { resume, .. } => resume.clone(),
        _ => None,
    });
    run.unwrap_or_else(|| "a new one".to_owned())
}

/// What the program is to be answered.
pub(crate) fn answers(state: &State) -> String {
    let answers = state.outbox.values().filter_map(|effect| match effect {
        Effect::Answer { request, allow, reason, .. } => {
            Some(format!("{request} {allow} {reason}").trim().to_owned())
        }
        _ => None,
    });
    answers.collect::<Vec<_>>().join("; ")
}

/// Every receipt: its steps, and what it ended with.
pub(crate) fn receipts(state: &State) -> String {
    let shown = state.inbox.receipts().map(|(_, receipt)| {
        let steps: Vec<_> =
            receipt.history.iter().map(|step| format!("{:?}", step.state)).collect();
        let answer = receipt.answer.as_deref().map_or(String::new(), |text| format!(": {text}"));
        format!("{}{answer}", steps.join(" ").to_lowercase())
    });
    shown.collect::<Vec<_>>().join("; ")
}
