//! Programs that misbehave: shell scripts in the place of an agent program.

use std::time::Duration;

use callboard_agent::description::{self, Description};
use callboard_agent::event::{Event, TurnOutcome};
use callboard_agent::runtime::{Runtime, SessionError, StartError};
use callboard_runtimes::session;
use callboard_runtimes::stdio::{Config, stream_json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::Stage;

/// Answers that it is ready, as soon as it is greeted.
const GREET: &str = r#"
    read -r hello
    echo '{"type":"control_response","response":{"subtype":"success","request_id":"initialize"}}'
"#;
/// Takes a prompt.
const PROMPTED: &str = "read -r prompt\n";
const RESULT: &str = r#"echo '{"type":"result","subtype":"success","result":"fin"}'
"#;

fn description(script: &str) -> Description {
    let text = "name = 'fake'\nabout = 'a script'\nprotocol = 'stream-json'\ncommand = ['x']";
    let mut description = description::parse("fake.toml", text).expect("good");
    description.command = ["/bin/sh", "-c", script].map(str::to_owned).into();
    description
}

fn stage(cfg: Config, parts: &[&str]) -> Stage {
    Stage::new(cfg, description(&parts.concat()))
}

#[tokio::test]
async fn endless_line_is_cut_and_the_turn_ends() {
    let codec = stream_json::Config { line_len_max: 1 << 20, ..stream_json::Config::default() };
    let cfg = Config { codec, ..Config::default() };
    let flood = "head -c 50000000 /dev/zero | tr '\\0' x; echo\n";
    let stage = stage(cfg, &[GREET, PROMPTED, flood, RESULT]);
    let (mut program, _) = stage.start(None).await;
    program.prompt("go").await;
    assert_eq!(program.turn_ended().await.1, TurnOutcome::Completed);
    let texts = program.events.iter().filter(|event| matches!(event, Event::Output { .. }));
    assert_eq!(texts.count(), 1);
}

#[tokio::test]
async fn slow_reader_loses_no_event() {
    let word = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"w"}]}}"#;
    let flood = format!("yes '{word}' | head -n 20000\n");
    let session = session::Config { events_max: 4, ..session::Config::default() };
    let cfg = Config { session, ..Config::default() };
    let stage = stage(cfg, &[GREET, PROMPTED, &flood, RESULT]);
    let (mut program, _) = stage.start(None).await;
    program.prompt("go").await;
    program.turn_ended().await;
    let texts = program.events.iter().filter(|event| matches!(event, Event::Output { .. }));
    assert_eq!(texts.count(), 20_000);
}

#[tokio::test]
async fn program_that_does_not_read_gets_its_prompt_later() {
    let session = session::Config { write_within_ms: 200, ..session::Config::default() };
    let cfg = Config { session, ..Config::default() };
    let reads_late = "until [ -e go ]; do sleep 0.05; done; head -n 1 | wc -c > got\n";
    let stage = stage(cfg, &[GREET, reads_late]);
    let (mut program, _) = stage.start(None).await;
    let text = "x".repeat(1 << 20);
    let given = program.session.prompt(Uuid::nil(), &text).await;
    assert!(matches!(given, Err(SessionError::TimedOut(_))), "{given:?}");
    std::fs::write(stage.work("go"), "").expect("writable");
    program.exited().await;
    let got = std::fs::read_to_string(stage.work("got")).expect("written");
    assert!(got.trim().parse::<usize>().expect("a number") > text.len(), "{got}");
    assert!(matches!(program.session.interrupt().await, Err(SessionError::Gone)));
}

#[tokio::test]
async fn program_that_ends_at_once_leaves_its_last_words() {
    let stage = stage(Config::default(), &["echo 'no licence' >&2; exit 3"]);
    let error = stage.runtime.start(stage.launch(None)).await.err().expect("refused");
    let StartError::EndedAtOnce { reason, .. } = &error else { panic!("{error}") };
    assert_eq!(reason, "exit code 3: no licence");
    assert!(error.retryable());
}

#[tokio::test]
async fn program_that_dies_in_a_turn_says_how() {
    let stage = stage(Config::default(), &[GREET, PROMPTED, "echo half a word; kill -SEGV $$"]);
    let (mut program, _) = stage.start(None).await;
    program.prompt("go").await;
    let exited = program.exited().await;
    assert!(matches!(exited, Event::Exited { code: None, signal: Some(11), .. }), "{exited:?}");
    let texts = program.events.iter().filter(|event| matches!(event, Event::Output { .. }));
    assert_eq!(texts.count(), 1, "what it wrote before comes before");
    assert_eq!(program.session.next().await, None, "nothing follows");
}

#[tokio::test]
async fn stubborn_program_is_gone_after_the_grace() {
    let stubborn = "trap '' TERM HUP; setsid sh -c 'trap \"\" TERM; sleep 60' & exec >&-\n";
    let waits = "while :; do sleep 60; done\n";
    let stage = stage(Config::default(), &[GREET, stubborn, waits]);
    let (mut program, _) = stage.start(None).await;
    let stopped = program.session.stop(Duration::from_millis(400));
    timeout(Duration::from_secs(5), stopped).await.expect("stopped within the grace");
    program.exited().await;
    assert_eq!(stage.processes(), [] as [String; 0]);
}
