//! The interface as clients see it, over a real cluster in memory.

mod support;

use std::time::Duration;

use callboard_api::error::Code;
use callboard_api::message::Event;
use callboard_api::request::{
    Decision, Message, NewAgent, Plan, Reason, Review, Submit, Submitted,
};
use callboard_client::{Client, Error};
use callboard_gateway::Config;
use callboard_substrate::log::{Commit, Version};
use callboard_substrate::name::Stream;
use serde_json::json;
use support::raw::{Raw, shape};
use support::{Node, TOKEN, config, until};
use uuid::Uuid;

fn submit(n: u128, text: &str) -> Submit {
    let request = json!({ "id": Uuid::from_u128(n), "text": text, "repo": "/repos/calendar" });
    serde_json::from_value(request).expect("a request")
}

fn message(n: u128, target: &str, text: &str) -> Message {
    let request = json!({ "id": Uuid::from_u128(n), "target": target, "text": text });
    serde_json::from_value(request).expect("a request")
}

fn plan(n: u128, tasks: &str) -> Plan {
    let text = format!("[plan]\ngoal = \"g\"\nproject = \"planned\"\nrepo = \"calendar\"\n{tasks}");
    let (id, name) = (Uuid::from_u128(n), "plan.toml".to_owned());
    let (repo, folder) = ("/nowhere".to_owned(), "/repos".to_owned());
    Plan { id, plan: text, name, repo, folder, agents_max: None, runtime: None }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, code: Code, words: &[&str]) {
    let error = answer.expect_err("refused");
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is not in {error}");
    }
}

fn wait_done(node: &Node, task: &str) {
    until(|| node.client.task(task).expect("there"), |task| task.task.state == "done");
}

#[test]
fn token_and_host_are_checked() {
    let node = Node::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(Raw::new("GET", path, "").send_bare(&node).0, 200);
    }
    let status = "/api/v1/status";
    for value in ["", "Bearer", "Bearer wrong", "Bearer token-of-test", "Basic token-of-tests"] {
        let raw = Raw::new("GET", status, "").header("Authorization", value);
        let (code, body) = raw.send_bare(&node);
        assert_eq!((code, &body["code"]), (401, &json!("refused")), "{value}");
    }
    assert_eq!(Raw::new("GET", status, "").send_bare(&node).0, 401);
    assert_eq!(Raw::new("GET", "/nowhere", "").send_bare(&node).0, 401);
    let (code, body) = Raw::new("GET", status, "").header("Host", "evil.example").send(&node);
    assert_eq!((code, &body["code"]), (403, &json!("refused")));
    assert_eq!(Raw::new("GET", status, "").header("Host", "localhost:1").send(&node).0, 200);
    refused(Client::new(&node.url, "wrong").status(), Code::Refused, &["token"]);
}

#[test]
fn bad_input_is_refused_in_json() {
    let node = Node::start();
    let large = format!("{{\"text\": \"{}\"}}", "x".repeat(100_001));
    let long_text =
        json!({ "id": Uuid::nil(), "repo": "/repos/calendar", "text": "x".repeat(65_537) });
    let long_text = long_text.to_string();
    let table = [
        ("GET", "/api/v1/nothing", "", 404, "not_found", "/api/v1/nothing"),
        ("GET", "/", "", 404, "not_found", "deploy/docs/http.md"),
        ("DELETE", "/api/v1/status", "", 405, "usage", "DELETE"),
        ("GET", "/api/v1/submit", "", 405, "usage", "GET"),
        ("POST", "/api/v1/submit", "", 400, "usage", "JSON"),
        ("POST", "/api/v1/submit", "{", 400, "usage", "line 1 column 1"),
        ("POST", "/api/v1/submit", "{\"tekst\": 1}", 400, "usage", "tekst"),
        ("POST", "/api/v1/submit", &large, 413, "usage", "limit"),
        ("POST", "/api/v1/submit", &long_text, 400, "usage", "65536"),
        ("POST", "/api/v1/fleet/stop", "[", 400, "usage", "JSON"),
        ("GET", "/api/v1/tasks?projekt=a", "", 400, "usage", "projekt"),
        ("GET", "/api/v1/tasks?project=nope", "", 404, "not_found", "nope"),
        ("GET", "/api/v1/tasks/a%20b", "", 400, "usage", "letters"),
        ("GET", "/api/v1/tasks/nope", "", 404, "not_found", "nope"),
        ("GET", "/api/v1/projects/nope", "", 404, "not_found", "nope"),
        ("GET", "/api/v1/projects/nope/diff", "", 404, "not_found", "nope"),
        ("POST", "/api/v1/projects/nope/stop", "", 404, "not_found", "nope"),
        ("POST", "/api/v1/projects/nope/archive", "", 404, "not_found", "nope"),
        ("POST", "/api/v1/tasks/nope/retry", "", 404, "not_found", "nope"),
        ("GET", "/api/v1/agents/nope", "", 404, "not_found", "nope"),
        ("GET", "/api/v1/agents/nope/logs", "", 404, "not_found", "nope"),
        ("GET", "/api/v1/agents/nope/logs?after=-1", "", 400, "usage", "digit"),
        ("POST", "/api/v1/agents/nope/stop", "", 404, "not_found", "nope"),
        ("GET", "/api/v1/placement/nope", "", 404, "not_found", "nope"),
        ("POST", "/api/v1/approvals/1", "{\"allow\":true}", 400, "usage", "UUID"),
        ("GET", "/api/v1/receipts/1", "", 400, "usage", "UUID"),
        (
            "GET",
            "/api/v1/receipts/00000000-0000-0000-0000-000000000000",
            "",
            404,
            "not_found",
            "no",
        ),
        ("GET", "/api/v1/events?limit=0", "", 400, "usage", "limit"),
        ("GET", "/api/v1/events?from=x", "", 400, "usage", "digit"),
        ("POST", "/api/v1/cleanup", "", 500, "failed", "disk"),
    ];
    for (method, path, body, status, code, word) in table {
        let (found, answer) = Raw::new(method, path, body).send(&node);
        let text = answer.to_string();
        assert_eq!(found, status, "{method} {path}: {text}");
        assert_eq!(answer["code"], code, "{method} {path}: {text}");
        assert!(
            answer["message"].as_str().is_some_and(|text| text.contains(word)),
            "{path}: {text}"
        );
    }
}

#[test]
fn shapes_are_those_of_the_manual() {
    let node = Node::start();
    let mut request = submit(1, "Write the model\nwith care");
    request.check = Some("cargo test".to_owned());
    assert_eq!(node.client.submit(&request).expect("submitted").tasks, ["calendar-1"]);
    wait_done(&node, "calendar-1");
    let agent = "calendar-backend-systems-engineer-1";
    until(|| node.client.agent(agent).expect("there"), |agent| agent.agent.state == "idle");
    until(|| node.client.status().expect("a status"), |status| status.nodes[0].agents == 1);
    node.client.message(&message(2, agent, "How far are you?")).expect("sent");
    let receipt = Uuid::from_u128(2).to_string();
    until(|| node.client.receipt(&receipt).expect("kept"), |r| r.state == "answered");
    until(|| node.client.agent(agent).expect("there"), |agent| agent.agent.state == "idle");
    let review = Review { id: Uuid::from_u128(3), accept: true, into: None };
    assert_eq!(node.client.review("calendar", &review).expect("reviewed").state, "accepted");
    let paths = [
        ("status", "/status".to_owned()),
        ("nodes", "/nodes".to_owned()),
        ("placement", format!("/placement/{agent}")),
        ("projects", "/projects".to_owned()),
        ("project", "/projects/calendar".to_owned()),
        ("diff", "/projects/calendar/diff".to_owned()),
        ("tasks", "/tasks?project=calendar".to_owned()),
        ("task", "/tasks/calendar-1".to_owned()),
        ("agents", "/agents?project=calendar".to_owned()),
        ("agent", format!("/agents/{agent}")),
        ("logs", format!("/agents/{agent}/logs?after=9")),
        ("receipt", format!("/receipts/{receipt}")),
        ("approvals", "/approvals".to_owned()),
        ("config", "/config".to_owned()),
    ];
    for (name, path) in paths {
        insta::assert_json_snapshot!(name, shape(&node, &path));
    }
    insta::assert_json_snapshot!("event", shape(&node, "/events?limit=1")[0]);
    assert_eq!(node.client.verify_log().expect("verified").commits, 9);
    node.client.shutdown().expect("asked");
}

#[test]
fn posts_are_read_back_at_once() {
    let node = Node::start();
    for n in 1..=20 {
        let submitted = node.client.submit(&submit(n, "please hang")).expect("submitted");
        let task = format!("calendar-{n}");
        assert_eq!(submitted.tasks.join(","), task);
        assert_eq!(node.client.task(&task).expect("there").task.id, task);
        assert_eq!(node.client.cancel_task(&task).expect("cancelled").state, "cancelled");
        assert_eq!(node.client.task(&task).expect("there").task.state, "cancelled");
    }
    assert_ne!(node.client.retry_task("calendar-1").expect("retried").state, "cancelled");
    let reason = Reason { reason: Some("lunch".to_owned()) };
    assert_eq!(node.client.stop_project("calendar", &reason).expect("stopped").state, "stopped");
    assert_eq!(node.client.start_project("calendar").expect("started").state, "open");
    let stopped = node.client.stop_fleet(&reason).expect("stopped").fleet_stopped;
    assert_eq!(stopped.as_deref(), Some("by person: lunch"));
    assert_eq!(node.client.resume_fleet().expect("resumed").fleet_stopped, None);
    assert_eq!(node.client.archive_project("calendar").expect("archived").state, "archived");
    refused(node.client.start_project("calendar"), Code::Refused, &["archived"]);
    let again = Submit { project: Some("calendar".to_owned()), ..submit(99, "more") };
    refused(node.client.submit(&again), Code::Refused, &["archived", "--project"]);
    // A name that nobody asked for is the next free one.
    assert_eq!(node.client.submit(&submit(98, "more")).expect("submitted").project, "calendar-2");
}

#[test]
fn submission_is_checked_before_anything_is_made() {
    let node = Node::start();
    let with = |change: &dyn Fn(&mut Submit)| {
        let mut request = submit(1, "Write it");
        change(&mut request);
        node.client.submit(&request)
    };
    refused(with(&|r| r.repo = "/gone".to_owned()), Code::NotFound, &["/gone", "--repo"]);
    refused(with(&|r| r.repo = "/repos/plain".to_owned()), Code::Usage, &["git init"]);
    refused(with(&|r| r.repo = "/repos/empty".to_owned()), Code::Usage, &["commit something"]);
    refused(with(&|r| r.repo = "relative".to_owned()), Code::Usage, &["absolute"]);
    refused(with(&|r| r.text = " ".to_owned()), Code::Usage, &["empty"]);
    refused(with(&|r| r.project = Some("a b".to_owned())), Code::Usage, &["a b"]);
    refused(with(&|r| r.priority = Some("urgent".to_owned())), Code::Usage, &["high, normal"]);
    refused(with(&|r| r.agents_max = Some(0)), Code::Usage, &["at least 1"]);
    refused(with(&|r| r.runtime = Some("claude".to_owned())), Code::Refused, &["not on the PATH"]);
    refused(with(&|r| r.runtime = Some("other".to_owned())), Code::Refused, &["scripted"]);
    let theirs = with(&|r| r.project = Some("mine".to_owned()));
    refused(theirs, Code::Refused, &["callboard/mine", "--project"]);
    assert_eq!(node.client.projects().expect("a list"), []);
    refused(with(&|r| r.depends_on = vec!["calendar-9".to_owned()]), Code::Usage, &["calendar-9"]);
    let dirty = with(&|r| r.repo = "/repos/dirty".to_owned()).expect("submitted");
    assert!(dirty.notes[0].contains("3 uncommitted files are not seen"), "{:?}", dirty.notes);
    let again = with(&|r| r.repo = "/repos/dirty".to_owned()).expect("submitted");
    assert_eq!((dirty.tasks.len(), &again.tasks), (1, &dirty.tasks));
    let taken = with(&|r| r.project = Some("dirty".to_owned()));
    refused(taken, Code::Refused, &["/repos/dirty", "--project"]);
}

#[test]
fn without_a_program_the_way_out_is_named() {
    let node = Node::with(config(), None);
    let words = ["callboard init", "callboard demo", "not on the PATH"];
    refused(node.client.submit(&submit(1, "Write it")), Code::Refused, &words);
}

#[test]
fn plans_and_goals_become_tasks_that_wait_for_each_other() {
    let node = Node::start();
    let task = |id: &str, after: &str| {
        format!("[[task]]\nid = \"{id}\"\ntitle = \"{id} hang\"\ndepends_on = [{after}]\n")
    };
    let cycle = plan(1, &(task("a", "\"b\"") + &task("b", "\"a\"")));
    let words = ["plan.toml", "line 6", "a → b → a"];
    refused(node.client.plan(&cycle), Code::Usage, &words);
    let unknown = plan(1, &task("a", "\"x\""));
    refused(node.client.plan(&unknown), Code::Usage, &["line 8", "x"]);
    let good = plan(1, &(task("a", "") + &task("b", "\"a\"")));
    let Submitted { project, tasks, .. } = node.client.plan(&good).expect("submitted");
    assert_eq!((project.as_str(), tasks.len()), ("planned", 2));
    let second = node.client.task("planned-2").expect("there").task;
    assert_eq!((second.depends_on.len(), second.state.as_str()), (1, "pending"));
    let mut goal = submit(2, "Write the parser. Then write the printer. Then test both.");
    goal.decompose = true;
    let tasks = node.client.submit(&goal).expect("submitted").tasks;
    assert_eq!(tasks.len(), 3, "{tasks:?}");
    let last = node.client.task(&tasks[2]).expect("there").task;
    assert!(!last.depends_on.is_empty() && last.role == "qa-engineer", "{last:?}");
}

#[test]
fn agents_are_made_told_asked_and_ended() {
    let node = Node::start();
    let new = |id: &str, role: &str| NewAgent {
        id: id.to_owned(),
        role: role.to_owned(),
        runtime: None,
        model: None,
    };
    let made = node.client.create_agent(&new("ada", "qa-engineer")).expect("made");
    assert_eq!((made.id.as_str(), made.runtime.as_str()), ("ada", "scripted"));
    node.client.create_agent(&new("ada", "qa-engineer")).expect("the same again");
    refused(node.client.create_agent(&new("ada", "other")), Code::Refused, &["taken"]);
    refused(node.client.create_agent(&new("a b", "other")), Code::Usage, &["a b"]);
    refused(node.client.message(&message(1, "bob", "hi")), Code::NotFound, &["bob"]);
    refused(node.client.message(&message(1, "agent/bob", "hi")), Code::NotFound, &["bob"]);
    refused(node.client.message(&message(1, "placement", "hi")), Code::Usage, &["placement"]);
    refused(node.client.message(&message(1, "ada", "")), Code::Usage, &["0 bytes"]);
    let told = node.client.message(&message(1, "orchestrator", "report")).expect("sent");
    assert_eq!(told.state, "answered");
    let sent = node.client.message(&message(2, "ada", "ask for permission")).expect("sent");
    assert_eq!((sent.target.as_str(), sent.history[0].state.as_str()), ("agent/ada", "accepted"));
    let open = until(|| node.client.approvals().expect("a list"), |open| !open.is_empty());
    assert_eq!(open[0].command.as_deref(), Some("cargo publish"));
    let waiting = node.client.agent("ada").expect("there").agent;
    assert_eq!(waiting.state, "awaiting-approval");
    let no = Decision { allow: false, reason: Some("not today".to_owned()) };
    assert_eq!(node.client.decide(&open[0].id, &no).expect("decided").agent, "ada");
    assert_eq!(node.client.approvals().expect("a list"), []);
    refused(node.client.decide(&open[0].id, &no), Code::NotFound, &["no open"]);
    let stopped = node.client.stop_agent("ada", &Reason::default()).expect("stopped");
    assert_eq!(stopped.state, "stopped");
    assert_ne!(node.client.start_agent("ada").expect("started").state, "stopped");
    assert_eq!(node.client.archive_agent("ada").expect("archived").state, "archived");
}

#[test]
fn review_without_an_outcome_times_out() {
    let node = Node::with(Config { command_ms_max: 1_000, ..config() }, Some("scripted"));
    node.client.submit(&submit(1, "Write it")).expect("submitted");
    let early = Review { id: Uuid::from_u128(2), accept: true, into: None };
    if let Err(error) = node.client.review("calendar", &early) {
        assert_eq!(error.code(), Code::Refused, "{error}");
    }
    wait_done(&node, "calendar-1");
    let discard = Review { id: Uuid::from_u128(3), accept: false, into: None };
    refused(node.client.review("calendar", &discard), Code::TimedOut, &["same id"]);
    assert_eq!(
        node.client.project("calendar").expect("there").review.map(|r| r.state),
        Some("running".to_owned())
    );
}

/// Reads pages of one commit until the end.
fn all_events(client: &Client) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let from = events.last().map_or(0, |event| event.seq + 1);
        let page = client.events_page(from, 1).expect("a page");
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

#[test]
fn events_resume_with_neither_gap_nor_repeat() {
    let node = Node::start();
    node.client.submit(&submit(1, "please hang")).expect("submitted");
    let task = |task: &callboard_api::task::TaskDetail| task.task.stage.is_some();
    until(|| node.client.task("calendar-1").expect("there"), task);
    let all = all_events(&node.client);
    assert!(all.len() > 10, "{}", all.len());
    let streamed: Vec<_> = node.client.events(0).take(all.len()).map(|e| e.expect("one")).collect();
    assert_eq!(streamed, all);
    let mut last_in_commit = 0;
    for (idx, event) in all.iter().enumerate().take(all.len() - 1) {
        last_in_commit =
            if idx > 0 && all[idx - 1].seq == event.seq { last_in_commit + 1 } else { 1 };
        let id = format!("{}.{last_in_commit}", event.seq);
        assert_eq!(first_after(&node, &id), all[idx + 1], "after {id}");
    }
    let from = all[5].seq;
    let rest: Vec<_> = all.iter().filter(|event| event.seq >= from).cloned().collect();
    let resumed: Vec<_> =
        node.client.events(from).take(rest.len()).map(|e| e.expect("one")).collect();
    assert_eq!(resumed, rest);
    let mut live = node.client.events(all.last().expect("some").seq + 1);
    node.client.message(&message(7, "orchestrator", "report")).expect("sent");
    assert!(live.any(|event| event.expect("one").actor == "orchestrator"));
}

/// The first event that a stream sends to a client that saw `id` last.
fn first_after(node: &Node, id: &str) -> Event {
    use std::io::{BufRead, BufReader};
    let request = ureq::get(format!("{}/api/v1/events/stream", node.url))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .header("Last-Event-ID", id);
    let body = request.call().expect("a stream").into_body();
    let lines = BufReader::new(body.into_reader()).lines().map(|line| line.expect("a line"));
    let data = lines.filter_map(|line| line.strip_prefix("data: ").map(ToOwned::to_owned)).next();
    serde_json::from_str(&data.expect("an event")).expect("an event")
}

#[test]
fn streams_are_bounded_and_end_with_the_node() {
    let mut node = Node::with(Config { streams_max: 1, ..config() }, Some("scripted"));
    let mut first = node.client.events(0);
    first.next().expect("an event").expect("an event");
    let mut second = node.client.events(0);
    refused(second.next().expect("an error"), Code::Unreachable, &["streams_max"]);
    let (ended, is_ended) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let error = first.find_map(Result::err);
        ended.send(error.map(|error| error.code())).expect("the test waits");
    });
    node.stop();
    let code = is_ended.recv_timeout(Duration::from_secs(20)).expect("it ends");
    assert_eq!(code, Some(Code::Unreachable));
}

#[test]
fn unreadable_commit_is_told_and_passed_over() {
    let node = Node::start();
    let log = std::sync::Arc::clone(&node.substrate.log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let stream = Stream::new("agent.ghost").expect("legal");
        let commit = Commit { id: Uuid::from_u128(5), bytes: b"garbage".to_vec() };
        log.append(&stream, Version::EMPTY, commit).await.expect("appended");
    });
    let status = node.client.status().expect("a status");
    let told = status.alerts.iter().any(|alert| alert.text.contains("agent.ghost"));
    assert!(told, "{:?}", status.alerts);
    let events = all_events(&node.client);
    assert!(events.iter().any(|event| event.kind == "unreadable" && event.actor == "agent/ghost"));
    node.client.submit(&submit(1, "Write it")).expect("it goes on");
    wait_done(&node, "calendar-1");
}

#[test]
fn status_takes_at_most_five_milliseconds() {
    let node = Node::start();
    node.client.submit(&submit(1, "Write it")).expect("submitted");
    wait_done(&node, "calendar-1");
    let fastest = (0..50).map(|_| {
        let began = tokio::time::Instant::now();
        node.client.status().expect("a status");
        began.elapsed()
    });
    // The fastest of many, so that a busy machine fails nothing.
    let fastest = fastest.min().expect("some");
    assert!(fastest <= Duration::from_millis(5), "{fastest:?}");
}

#[test]
fn only_free_loopback_addresses_are_taken() {
    let node = Node::start();
    let taken = node.url.trim_start_matches("http://").to_owned();
    let start = |listen: &str, any_port| Config { listen: listen.to_owned(), any_port, ..config() };
    for (listen, word) in [
        (taken.as_str(), "in use"),
        ("0.0.0.0:0", "only loopback"),
        ("[::]:0", "only loopback"),
        ("127.0.0.1", "ADDRESS:PORT"),
    ] {
        let error = support::try_start(start(listen, false)).expect_err(listen);
        assert!(error.contains(word), "{error}");
    }
    let other = support::try_start(start(&taken, true)).expect("another port");
    assert_ne!(other, node.url);
}
