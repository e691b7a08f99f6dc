//! The orchestrator's decisions as tables: what it was told, and what is seen of it then.

use callboard_domain::fleet::{Priority, Source};
use callboard_domain::id::MessageId;
use callboard_domain::message::Message;
use callboard_domain::orchestrator::{Command, Limits, Orchestrator, Rejection, State};
use callboard_domain::{Ctx, Entity, project};
use chrono::DateTime;
use uuid::Uuid;

/// Tells a new orchestrator the words of `script`, one after the other. Only the last may be refused:
/// then its refusal is what is seen, else what `look` finds.
fn check(script: &str, look: fn(&State) -> String, expected: &str) {
    let mut state = State::default();
    let mut refused = None;
    for word in script.split_whitespace() {
        assert_eq!(refused, None, "{script}: only the last word may be refused");
        refused = say(&mut state, word).err();
    }
    let seen = refused.map_or_else(|| look(&state), |refused| refused.to_string());
    assert_eq!(seen, expected, "{script}");
}

fn say(state: &mut State, word: &str) -> Result<(), Rejection> {
    let mut ctx = Ctx::new(DateTime::UNIX_EPOCH, 1, "n1", 0.5, Uuid::nil());
    for event in Orchestrator::decide(state, command(word), &mut ctx)? {
        Orchestrator::apply(state, &event);
    }
    Ok(())
}

fn command(word: &str) -> Command {
    let (word, arg) = word.split_once(':').unwrap_or((word, "a"));
    let (name, value) = arg.split_once('=').unwrap_or((arg, "r"));
    let project = name.parse().expect("a legal name");
    let by = "anna".to_owned();
    match word {
        "create" => Command::Create {
            limits: Limits { projects_max: 2, agents_max: 10, ..Limits::default() },
        },
        "few" => Command::Create {
            limits: Limits { projects_max: 2, agents_max: 1, ..Limits::default() },
        },
        "open" => Command::OpenProject { spec: Box::new(spec(name, value)) },
        "opened" => Command::Opened { project },
        "archive" => Command::ArchiveProject { project },
        "archived" => Command::Archived { project },
        "share_told" => {
            Command::QuotaTold { project, agents_max: value.parse().expect("a number") }
        }
        "switch_told" => Command::SwitchTold { project, stopped: value == "true" },
        "stop" => Command::StopFleet { by, reason: "lunch".to_owned() },
        "resume" => Command::ResumeFleet { by },
        "message" => Command::Deliver { message: message() },
        _ => panic!("no word of these tables: {word}"),
    }
}

fn spec(name: &str, repository: &str) -> project::Spec {
    project::Spec {
        id: name.parse().expect("a legal name"),
        goal: format!("make {name}"),
        source: Source::Path { path: format!("/{repository}") },
        start: "c0".to_owned(),
        check: None,
        runtime: "scripted".parse().expect("legal"),
        model: None,
        agents_max: 4,
        limits: project::Limits::default(),
        agent_limits: callboard_domain::agent::Limits::default(),
    }
}

fn message() -> Message {
    Message {
        id: MessageId(Uuid::nil()),
        from: "anna".to_owned(),
        text: "how is it going?".to_owned(),
        priority: Priority::Normal,
        conversation: None,
        expires_at: None,
    }
}

/// The open projects.
fn open(state: &State) -> String {
    let open = state.projects.iter().filter(|(_, entry)| !entry.archived);
    open.map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" ")
}

fn share(state: &State) -> String {
    state.share.to_string()
}

/// What it owes to the world.
fn owes(state: &State) -> String {
    state.outbox.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn answer(state: &State) -> String {
    let receipt = state.inbox.receipt(MessageId(Uuid::nil())).expect("it came");
    format!("{:?}: {}", receipt.state, receipt.answer.as_deref().unwrap_or_default())
}

#[test]
fn projects_are_opened_once_by_name_and_source() {
    for (script, expected) in [
        ("create", ""),
        ("open:a", "failed to reach the orchestrator: it is not created yet; try again"),
        ("create open:a", "a"),
        ("create open:a open:a", "a"),
        ("create open:a open:b", "a b"),
        (
            "create open:a open:a=other",
            "failed to open project a: the name is taken by /r; choose another with --project",
        ),
        ("create open:a archive:a", ""),
        ("create open:a archive:a archive:a", ""),
        (
            "create open:a archive:a open:a",
            "failed to open project a: a project of this name is archived; choose another with --project",
        ),
        ("create archive:a", "failed to find project a"),
        (
            "create open:a open:b open:c",
            "failed to open project c: 2 projects are open of at most 2; archive one",
        ),
        ("create open:a open:b archive:a open:c", "b c"),
        // Every project has at least one agent.
        (
            "few open:a open:b",
            "failed to open project b: 1 projects are open of at most 1; archive one",
        ),
    ] {
        check(script, open, expected);
    }
}

#[test]
fn open_projects_share_the_agents() {
    for (script, expected) in [
        ("create open:a", "10"),
        ("create open:a open:b", "5"),
        ("create open:a open:b archive:a", "10"),
        ("create open:a open:b few", "1"),
    ] {
        check(script, share, expected);
    }
    for (script, expected) in [
        ("create open:a", "open/a"),
        ("create open:a opened:a", "quota/a/10"),
        ("create open:a opened:a share_told:a=10", ""),
        // One word after the other: the next waits until the last is confirmed.
        ("create open:a opened:a open:b", "open/b quota/a/10"),
        ("create open:a opened:a open:b share_told:a=10", "open/b quota/a/5"),
        ("create open:a opened:a archive:a", "archive/a"),
        ("create open:a archive:a archived:a", ""),
    ] {
        check(script, owes, expected);
    }
}

#[test]
fn fleet_switch_reaches_every_project_also_those_opened_meanwhile() {
    for (script, expected) in [
        ("create open:a opened:a share_told:a=10 stop", "switch/a/true"),
        ("create open:a opened:a share_told:a=10 stop stop", "switch/a/true"),
        ("create open:a opened:a share_told:a=10 stop switch_told:a=true", ""),
        ("create open:a opened:a share_told:a=10 stop switch_told:a=true resume", "switch/a/false"),
        ("create open:a opened:a share_told:a=10 stop resume", "switch/a/true"),
        ("create open:a opened:a share_told:a=10 stop resume switch_told:a=true", "switch/a/false"),
        ("create stop open:a", "open/a"),
        ("create stop open:a opened:a", "quota/a/10 switch/a/true"),
        ("create stop open:a resume opened:a", "quota/a/10"),
        ("create open:a opened:a share_told:a=10 stop archive:a", "archive/a"),
        ("create resume", ""),
    ] {
        check(script, owes, expected);
    }
}

#[test]
fn message_is_answered_with_a_report() {
    for (script, expected) in [
        ("create message", "Answered: The fleet is running. 0 projects are open."),
        (
            "create open:a open:b message message",
            "Answered: The fleet is running. 2 projects are open.\n- a: make a\n- b: make b",
        ),
        (
            "create open:a stop message",
            "Answered: The fleet was stopped by anna (lunch); `callboard resume` lets it go on. \
             1 projects are open.\n- a: make a",
        ),
    ] {
        check(script, answer, expected);
    }
}
