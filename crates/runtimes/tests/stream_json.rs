//! The stream-json codec over recorded transcripts and broken input.

use callboard_agent::event::{Event, PermissionAnswer, TurnOutcome, Usage};
use callboard_runtimes::codec::{Codec as _, Fed};
use callboard_runtimes::stdio::stream_json::{Codec, Config, in_flight};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

const PERMISSIONS: &str = include_str!("fixtures/claude-permissions.jsonl");
const DENIED: &str = include_str!("fixtures/claude-default-denied.jsonl");
const QWEN: &str = include_str!("fixtures/qwen-yolo.jsonl");
const SESSION: &str = "11111111-2222-4333-8444-555555555551";
const READY: &str = r#"{"type":"control_response","response":{"subtype":"success","request_id":"initialize","response":{}}}
"#;

fn codec(cfg: Config) -> Codec {
    Codec::new(cfg, SESSION.to_owned(), "/home/dev/repo".to_owned())
}

/// A codec that is ready, in a turn that was not confirmed.
fn prompted(cfg: Config) -> Codec {
    let mut codec = codec(cfg);
    codec.feed(READY.as_bytes());
    codec.prompt(Uuid::nil(), "x").expect("idle");
    codec
}

/// Plays a recording: does what was done to the program when it was recorded, and returns the
/// events. The first permission request is allowed, all others are denied.
fn replay(transcript: &str, codec: &mut Codec) -> Vec<Event> {
    let mut events = Vec::new();
    let mut answer = PermissionAnswer::Allow;
    for line in transcript.lines() {
        let message: Value = serde_json::from_str(line).expect("JSON");
        if message["state"] == "queued" {
            let prompt = message["command_uuid"].as_str().expect("an id").parse().expect("a uuid");
            assert!(!codec.prompt(prompt, "x").expect("idle").is_empty());
        }
        if message["response"]["request_id"].as_str().is_some_and(|id| id.starts_with("interrupt"))
        {
            assert!(!codec.interrupt().is_empty());
        }
        let fed = codec.feed(format!("{line}\n").as_bytes());
        assert_eq!(fed.replies, b"");
        for event in fed.events {
            if let Event::PermissionRequested(request) = &event
                && request.command.as_deref() != Some("touch c.txt")
            {
                assert!(!codec.answer(&request.id, &answer).is_empty());
                assert!(codec.answer(&request.id, &answer).is_empty(), "answered once");
                answer = PermissionAnswer::Deny { reason: "no".to_owned() };
            }
            events.push(event);
        }
    }
    events
}

fn total(events: &[Event]) -> Usage {
    let mut total = Usage::default();
    for event in events {
        if let Event::Usage(usage) = event {
            total.input_tokens += usage.input_tokens;
            total.output_tokens += usage.output_tokens;
            total.cached_tokens += usage.cached_tokens;
            total.cost_micro_usd += usage.cost_micro_usd;
        }
    }
    total
}

fn message(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

fn ask(id: &str) -> Vec<u8> {
    message(&json!({
        "type": "control_request",
        "request_id": id,
        "request": {"subtype": "can_use_tool", "tool_name": "Write",
            "input": {"file_path": "a", "n": 1.0}, "blocked_path": "/b"},
    }))
}

#[test]
fn recorded_session_gives_these_events() {
    let events = replay(PERMISSIONS, &mut codec(Config::default()));
    insta::assert_json_snapshot!(events);
}

#[test]
fn usage_adds_up_to_what_the_program_reports() {
    let events = replay(PERMISSIONS, &mut codec(Config::default()));
    // Seven calls to the model; one was interrupted after its first token.
    let wanted = Usage {
        input_tokens: 7 * (1_111 + 44),
        output_tokens: 6 * 22 + 1,
        cached_tokens: 7 * 333,
        cost_micro_usd: 35_774,
    };
    let got = total(&events);
    assert!(got.cost_micro_usd.abs_diff(wanted.cost_micro_usd) <= 5, "rounded per turn: {got:?}");
    assert_eq!(Usage { cost_micro_usd: wanted.cost_micro_usd, ..got }, wanted);
}

#[test]
fn cumulative_cost_is_reported_once() {
    let result = |cost: f64| {
        message(&json!({"type": "result", "subtype": "success", "total_cost_usd": cost,
            "usage": {"input_tokens": 5}}))
    };
    let cost = |codec: &mut Codec| {
        [0.25, 0.75].map(|cost| total(&codec.feed(&result(cost)).events).cost_micro_usd)
    };
    assert_eq!(cost(&mut codec(Config::default())), [250_000, 500_000]);
    let mut resumed = Codec::resumed(Config::default(), SESSION.to_owned(), String::new(), None);
    assert_eq!(cost(&mut resumed), [0, 500_000], "the earlier cost was reported before");
}

#[test]
fn denied_calls_are_named_though_the_turn_succeeded() {
    let mut codec = prompted(Config::default());
    let events = codec.feed(DENIED.as_bytes()).events;
    let Some(Event::TurnEnded { outcome, summary, .. }) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(*outcome, TurnOutcome::Completed);
    assert_eq!(
        summary,
        "all done [not permitted: Bash echo hi > hello.txt; Write /home/dev/repo/w.txt]"
    );
}

#[test]
fn program_without_lifecycle_messages_starts_its_turn_by_speaking() {
    let events = prompted(Config::default()).feed(QWEN.as_bytes()).events;
    assert!(matches!(events.first(), Some(Event::TurnStarted { .. })), "{events:?}");
    assert!(matches!(events.last(), Some(Event::TurnEnded { .. })), "{events:?}");
}

#[test]
fn turn_of_the_program_itself_does_not_end_a_prompt() {
    let mut codec = prompted(Config::default());
    let prompt = Uuid::nil();
    let life = |state| {
        message(&json!({"type": "command_lifecycle", "command_uuid": prompt, "state": state}))
    };
    let result = message(&json!({"type": "result", "subtype": "success", "result": "r"}));
    assert_eq!(codec.feed(&life("queued")).events, []);
    assert_eq!(codec.feed(&result).events, []);
    assert_eq!(codec.feed(&life("started")).events, [Event::TurnStarted { prompt }]);
    assert!(matches!(codec.prompt(prompt, "y"), Err(error) if error.to_string().contains("busy")));
    assert_eq!(codec.feed(&result).events.len(), 1);
    assert!(codec.prompt(prompt, "y").is_ok());
}

#[test]
fn prompt_waits_until_the_program_is_ready() {
    let mut codec = codec(Config::default());
    assert!(codec.prompt(Uuid::nil(), "x").is_err());
    let ready = Event::Ready { session: SESSION.to_owned(), in_flight: None };
    assert_eq!(codec.feed(READY.as_bytes()).events, [ready]);
    assert_eq!(codec.feed(READY.as_bytes()).events, [], "ready once");
    let line = codec.prompt(Uuid::nil(), "x\ny").expect("ready");
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
}

#[test]
fn prompt_that_looks_like_a_command_is_text() {
    let mut codec = codec(Config::default());
    codec.feed(READY.as_bytes());
    let line = codec.prompt(Uuid::nil(), "/clear all").expect("ready");
    let message: Value = serde_json::from_slice(&line).expect("JSON");
    assert_eq!(message["message"]["content"][0]["text"], " /clear all");
}

#[test]
fn permission_is_allowed_for_exactly_what_was_asked() {
    let mut codec = prompted(Config::default());
    let events = codec.feed(&ask("r")).events;
    let [Event::PermissionRequested(request)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (&request.files[..], &request.folder[..]),
        (&["a".into(), "/b".into()][..], "/home/dev/repo")
    );
    let answer = codec.answer("r", &PermissionAnswer::Allow);
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.contains(r#""updatedInput":{"file_path":"a","n":1.0}"#), "{answer}");
}

#[test]
fn open_requests_end_with_the_turn_and_have_a_limit() {
    let mut codec = prompted(Config { open_requests_max: 1, ..Config::default() });
    codec.feed(&ask("first"));
    let Fed { events, replies } = codec.feed(&ask("second"));
    assert_eq!(events, []);
    assert!(String::from_utf8_lossy(&replies).contains("deny"), "{replies:?}");
    let events = codec.feed(&message(&json!({"type": "result", "subtype": "success"}))).events;
    let cancelled = Event::PermissionCancelled { id: "first".to_owned() };
    assert!(events.contains(&cancelled), "{events:?}");
    assert!(codec.answer("first", &PermissionAnswer::Allow).is_empty());
}

#[test]
fn unknown_control_request_is_refused() {
    let request = json!({"type": "control_request", "request_id": "q",
        "request": {"subtype": "hook_callback"}});
    let fed = codec(Config::default()).feed(&message(&request));
    let reply: Value = serde_json::from_slice(&fed.replies).expect("JSON");
    assert_eq!(reply["response"]["subtype"], "error");
    assert_eq!(reply["response"]["request_id"], "q");
}

#[test]
fn provider_trouble_is_told_apart() {
    let retry = |status: Value| {
        message(&json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 10,
            "retry_delay_ms": 1_500.5, "error_status": status, "error": "overloaded"}))
    };
    let mut codec = codec(Config::default());
    let limited = codec.feed(&retry(json!(429))).events;
    assert!(matches!(limited[..], [Event::RateLimited { retry_after_s: Some(2), .. }]));
    assert!(matches!(codec.feed(&retry(json!(500))).events[..], [Event::Output { .. }]));
    assert!(matches!(codec.feed(&retry(Value::Null)).events[..], [Event::Output { .. }]));
    let used_up = json!({"type": "rate_limit_event",
        "rate_limit_info": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": 1}});
    assert!(matches!(codec.feed(&message(&used_up)).events[..], [Event::RateLimited { .. }]));
}

#[test]
fn failed_turn_carries_the_words_of_the_program() {
    let mut codec = prompted(Config::default());
    let result = json!({"type": "result", "subtype": "error_max_turns", "is_error": true,
        "errors": ["too many turns"]});
    let events = codec.feed(&message(&result)).events;
    let Some(Event::TurnEnded { outcome: TurnOutcome::Failed { reason }, .. }) = events.last()
    else {
        panic!("{events:?}");
    };
    assert_eq!(reason, "too many turns");
}

#[test]
fn broken_output_is_reported_and_harms_nothing() {
    let cfg = Config { line_len_max: 200, text_len_max: 64, ..Config::default() };
    let mut codec = prompted(cfg);
    for broken in [
        &b"plain words\n"[..],
        b"\xff\xfe\n",
        b"{\"type\":\"assistant\"}\n",
        b"{\"type\":\"control_request\"}\n",
        b"[1]\n",
        &[b'x'; 10_000],
        b"\n",
    ] {
        let events = codec.feed(broken).events;
        for event in &events {
            let Event::Output { text } = event else { panic!("{event:?}") };
            assert!(text.len() <= 64, "{text:?}");
        }
        assert_eq!(events.len(), usize::from(broken.ends_with(b"\n")), "{broken:?}");
    }
    assert_eq!(codec.feed(b"{\"type\":\"new_kind\",\"x\":1}\n").events, []);
    let result = b"{\"type\":\"result\",\"subtype\":\"success\"}\n";
    assert!(matches!(codec.feed(result).events.last(), Some(Event::TurnEnded { .. })));
}

#[test]
fn call_without_a_result_was_in_flight() {
    let call = |id: &str| {
        json!({"type": "assistant", "message": {"content": [
            {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": format!("run {id}")}}]}})
    };
    let result = json!({"type": "user", "message": {"content": [
        {"type": "tool_result", "tool_use_id": "a"}]}});
    let record = format!("cut\":1}}\n{}\n{result}\n{}\n", call("a"), call("b"));
    let told = in_flight(&record).expect("a call");
    assert_eq!(told, "the outcome is unknown of: Bash run b");
    assert_eq!(in_flight(&format!("{}\n{result}", call("a"))), None);
    assert_eq!(in_flight(""), None);
}

proptest! {
    #[test]
    fn splitting_the_stream_changes_no_event(at in 0_usize..DENIED.len()) {
        let whole = prompted(Config::default()).feed(DENIED.as_bytes()).events;
        let mut codec = prompted(Config::default());
        let (head, tail) = DENIED.as_bytes().split_at(at);
        let mut parts = codec.feed(head).events;
        parts.extend(codec.feed(tail).events);
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn no_byte_makes_it_panic(at in 0_usize..PERMISSIONS.len(), byte: u8) {
        let mut bytes = PERMISSIONS.as_bytes().to_vec();
        bytes[at] = byte;
        let mut codec = prompted(Config::default());
        codec.feed(&bytes);
        codec.finish();
    }
}
