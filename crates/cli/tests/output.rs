//! What people read, from fixed shapes; and that `--json` prints the shapes themselves.

use callboard_api::agent::{Agent, Approval};
use callboard_api::message::{Event, Receipt};
use callboard_api::project::{Diff, ProjectDetail};
use callboard_api::request::{Cleanup, Finding};
use callboard_api::status::{Explanation, Status};
use callboard_api::task::{Task, TaskDetail};
use callboard_cli::Terminal;
use callboard_cli::show::{self, Look};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NARROW: Look = Look { width: Some(72), colour: false };

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the shape of the interface")
}

fn status() -> Value {
    json!({
        "cluster": "local", "version": "0.1.0", "substrate": "embedded",
        "nodes": [{
            "name": "desk", "state": "ready", "incarnation": "0197c1de", "cpu_count": 8.0,
            "cpu_used_pct": 41.6, "memory_total_bytes": 34_359_738_368_u64,
            "memory_available_bytes": 20_401_094_656_u64, "agents": 3,
            "labels": {"zone": "home"}, "runtimes": ["claude", "scripted"]
        }],
        "leaders": {"orchestrator": {"node": "desk", "epoch": 4}, "placement": null},
        "fleet_stopped": "out of budget", "projects": 1,
        "tasks": {"pending": 1, "ready": 0, "running": 2, "done": 5, "failed": 1, "cancelled": 0},
        "agents": {"working": 2, "awaiting-approval": 1}, "approvals": 1,
        "alerts": [{"at": "2026-11-20T09:00:00Z", "subject": "agent/shop-2", "text": "quarantined:\nlook"}]
    })
}

fn task() -> Value {
    json!({
        "id": "t-3", "title": "Fix the date parser and add tests for leap years and time zones",
        "state": "running", "stage": "integrating", "project": "shop", "role": "backend-engineer",
        "priority": "high", "depends_on": ["t-1"], "agent": "shop-2", "attempts": 2,
        "branch": "callboard/shop/t-3", "commits": ["0123456789abcdef0123"],
        "evidence": {"commit": "89abcdef0123456789ab", "check": "cargo test", "output": "ok. 12 passed\n", "check_ms": 812},
        "reason": null, "started_at": "2026-11-20T09:00:00Z", "ended_at": "2026-11-20T09:03:05Z"
    })
}

fn agent() -> Value {
    json!({
        "id": "shop-2", "role": "backend-engineer", "project": "shop",
        "state": "awaiting-approval", "node": "desk", "epoch": 3, "runtime": "claude",
        "task": "t-3", "pid": 4711, "restarts": 1, "reason": "asks to push\u{1b}[2J"
    })
}

fn approval() -> Value {
    json!({
        "id": "a-17", "agent": "shop-2", "project": "shop", "tool": "Bash",
        "command": "rm -rf build\ngit push\u{202e}", "files": ["src/a.rs"], "folder": "/srv/shop",
        "description": "Clean and publish", "at": "2026-11-20T09:02:00Z"
    })
}

fn project() -> Value {
    json!({
        "id": "shop", "goal": "Sell things", "state": "open", "source": "/srv/shop",
        "branch": "callboard/shop", "head": "0123456789abcdef0123",
        "tasks": {"pending": 0, "ready": 0, "running": 1, "done": 2, "failed": 0, "cancelled": 0},
        "agents": 1, "agents_max": 3, "settled": false, "created_at": "2026-11-20T08:59:00Z",
        "check": "cargo test", "task_list": [task()], "agent_list": [agent()],
        "review": {"id": "r", "action": "accept", "state": "refused", "text": "main has changes"}
    })
}

#[test]
fn status_for_people() {
    let status: Status = read(status());
    insta::assert_snapshot!(show::status::status(&status, NARROW));
}

#[test]
fn colour_only_repeats_what_the_words_say() {
    let status: Status = read(status());
    let coloured = show::status::status(&status, Look { colour: true, ..NARROW });
    assert!(coloured.contains('\u{1b}'));
    let mut plain = String::new();
    let mut parts = coloured.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, text)| text));
    }
    assert_eq!(plain, show::status::status(&status, NARROW));
}

#[test]
fn tasks_for_people() {
    let tasks: Vec<Task> = vec![read(task())];
    insta::assert_snapshot!("tasks", show::task::tasks(&tasks, NARROW));
    let mut detail = task();
    let more = json!({"text": "Fix it.\nTest it.", "check": "cargo test", "resolves": null, "feedback": "a test failed"});
    merge(&mut detail, more);
    let detail: TaskDetail = read(detail);
    insta::assert_snapshot!("task_show", show::task::detail(&detail, NARROW));
}

#[test]
fn agents_for_people() {
    let agents: Vec<Agent> = vec![read(agent())];
    insta::assert_snapshot!("agents", show::agent::agents(&agents, NARROW));
    let mut detail = agent();
    merge(
        &mut detail,
        json!({
            "model": "opus", "session": "s-1",
            "checkpoint": {"seq": 4, "commit": "0123456789abcdef", "bytes": 20_480, "at": "2026-11-20T09:01:00Z"},
            "progress": "half", "usage": {"input_tokens": 10, "output_tokens": 5, "cached_tokens": 3, "cost_micro_usd": 1_230_000},
            "messages_waiting": 1, "approvals": [approval()], "active_at": "2026-11-20T09:02:00Z"
        }),
    );
    insta::assert_snapshot!("agent_show", show::agent::detail(&read(detail), NARROW));
}

#[test]
fn an_approval_shows_every_character_of_the_command() {
    let approvals: Vec<Approval> = vec![read(approval())];
    insta::assert_snapshot!(show::agent::approvals(&approvals, NARROW));
}

#[test]
fn projects_for_people() {
    let detail: ProjectDetail = read(project());
    let list = show::project::projects(std::slice::from_ref(&detail.project), NARROW);
    insta::assert_snapshot!("projects", list);
    insta::assert_snapshot!("project_show", show::project::detail(&detail, NARROW));
    let diff: Diff = read(json!({
        "project": "shop", "base": "aaaaaaaaaaaaaaaa", "head": "bbbbbbbbbbbbbbbb",
        "commits": ["bbbbbbb Fix it"], "stat": " a.rs | 2 +-\n",
        "patch": "diff --git a/a.rs b/a.rs\n@@ -1 +1 @@\n-old\n+new\n", "truncated": true
    }));
    insta::assert_snapshot!("project_diff", show::project::diff(&diff, NARROW));
}

#[test]
fn the_rest_for_people() {
    let receipt: Receipt = read(json!({
        "id": "m-1", "target": "agent/shop-2", "state": "answered", "answer": "Done.",
        "history": [{"state": "accepted", "at": "2026-11-20T09:00:00Z", "node": "desk"},
                    {"state": "answered", "at": "2026-11-20T09:00:04Z", "node": "desk"}]
    }));
    let event: Event = read(json!({
        "seq": 12, "actor": "agent/shop-2", "at": "2026-11-20T09:00:00Z", "epoch": 3,
        "type": "TurnStarted", "data": {"type": "TurnStarted", "turn": 4}
    }));
    let explanation: Explanation = read(json!({
        "agent": "shop-3", "state": "queued", "node": null, "summary": "no node has 512 MiB free",
        "reasons": ["desk: 100 MiB free of 512 MiB"]
    }));
    let findings: Vec<Finding> = read(json!([
        {"check": "git", "level": "ok", "text": "2.45.1"},
        {"check": "secrets", "level": "problem", "text": "others may read it: chmod 600 it"}
    ]));
    let cleanup: Cleanup = read(
        json!({"workspaces": ["shop-1"], "kept": ["refs/callboard/kept/shop-1"], "processes": [9]}),
    );
    let all = [
        show::message::receipt(&receipt, NARROW),
        show::message::event(&event, Look { width: Some(120), colour: false }),
        show::status::explanation(&explanation, NARROW),
        show::local::findings(&findings, NARROW),
        show::local::cleanup(&cleanup),
    ];
    insta::assert_snapshot!(all.join("----\n"));
}

#[test]
fn json_prints_the_shape_and_nothing_else() {
    for value in [status(), project()] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal {
            out: &mut out,
            out_look: NARROW,
            err: &mut err,
            err_look: NARROW,
            json: true,
        };
        if value.get("cluster").is_some() {
            terminal.data(&read::<Status>(value.clone()), show::status::status).expect("written");
        } else {
            let detail: ProjectDetail = read(value.clone());
            terminal.data(&detail, show::project::detail).expect("written");
        }
        let printed: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(printed, value);
        assert!(err.is_empty());
    }
}

fn merge(into: &mut Value, more: Value) {
    let (Value::Object(into), Value::Object(more)) = (into, more) else { panic!("objects") };
    into.extend(more);
}
