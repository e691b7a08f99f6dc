//! The model server over HTTP, as an agent program sees it.

use callboard_testkit::model_server::{Config, ModelServer, usage};
use serde_json::{Value, json};

fn ask(server: &ModelServer, stream: bool, text: &str) -> (u16, String) {
    let body = json!({
        "model": "m",
        "stream": stream,
        "tools": [{"name": "Bash"}],
        "messages": [{"role": "user", "content": text}],
    });
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("{}/v1/messages?beta=true", server.url());
    let mut response = agent.post(&url).send_json(&body).expect("the server answers");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("text"))
}

fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

#[test]
fn body_and_stream_say_the_same() {
    let server = ModelServer::start().expect("a free port");
    let (status, body) = ask(&server, false, "[[sh:ls]]");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &body["stop_reason"]), (200, &json!("tool_use")));
    assert_eq!(body["content"][0]["input"]["command"], "ls");
    assert_eq!(body["usage"]["input_tokens"], usage::INPUT);
    assert_eq!(body["usage"]["output_tokens"], usage::OUTPUT);

    let (status, stream) = ask(&server, true, "[[slow:0.6]] [[say:hi]] [[sh:ls]]");
    let events = events(&stream);
    let kinds: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(status, 200);
    assert_eq!((kinds[0], kinds[1]), ("message_start", "ping"));
    assert_eq!(kinds.last(), Some(&"message_stop"));
    assert_eq!(stream.matches("content_block_stop").count(), 4, "two blocks, named twice each");
    assert!(stream.contains("\"text\":\"hi\""), "{stream}");
}

#[test]
fn a_step_fails_as_often_as_it_says() {
    let server = ModelServer::start().expect("a free port");
    let statuses: Vec<_> =
        (0..4).map(|_| ask(&server, true, "[[fail:529:2]] [[say:ok]]").0).collect();
    assert_eq!(statuses, [529, 529, 200, 200]);
}

#[test]
fn requests_are_remembered_within_the_limit() {
    let cfg = Config { requests_max: 2, ..Config::default() };
    let server = ModelServer::start_with(cfg).expect("a free port");
    for text in ["one", "two", "three"] {
        ask(&server, false, text);
    }
    let turns = server.turns();
    assert_eq!(turns.len(), 2);
    assert!(turns[0].mentions("two") && turns[1].mentions("three"));
    assert!(!turns[1].mentions("one"));
}

#[test]
fn small_routes_answer() {
    let server = ModelServer::start().expect("a free port");
    let url = |path: &str| format!("{}{path}", server.url());
    assert_eq!(ureq::head(url("/api/hello")).call().expect("answers").status(), 200);
    let models = ureq::get(url("/v1/models")).call().expect("answers").into_body().read_to_string();
    assert!(models.expect("text").contains("\"scripted\""));
    let count = ureq::post(url("/v1/messages/count_tokens")).send_json(json!({}));
    let count = count.expect("answers").into_body().read_to_string().expect("text");
    assert_eq!(count, format!("{{\"input_tokens\":{}}}", usage::INPUT));
    assert!(ureq::get(url("/nothing")).call().is_err());
}

#[test]
fn it_stops_when_it_is_dropped() {
    let server = ModelServer::start().expect("a free port");
    let url = server.url();
    drop(server);
    assert!(ureq::get(&format!("{url}/v1/models")).call().is_err());
}
