//! `callboard demo`, the whole of it: real processes, one of them killed on the way.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Longer than the demo may take on a loaded machine; promised are 60 s on two free cores.
const SECONDS_MAX: f64 = 180.0;
/// Promised for the recovery of one agent, besides its program's start.
const RUNNING_AGAIN_MS_MAX: i64 = 2_000;

#[expect(clippy::disallowed_methods, reason = "the test starts the program as a shell does")]
fn demo(args: &[&str], path: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.arg("demo").args(args);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.output().expect("it runs")
}

#[test]
fn killed_agent_comes_back_and_nothing_is_lost() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join("demo");
    let output = demo(&["--json", "--dir", &folder.to_string_lossy()], None);
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = std::fs::read_to_string(folder.join("node.log")).unwrap_or_default();
    let told = format!("{stdout}\n{stderr}\n{log}");
    assert!(output.status.success(), "{}: {told}", output.status);
    let last = stdout.lines().last().unwrap_or_default();
    let mut summary: Value = serde_json::from_str(last).expect("one object at the end");
    let recoveries = summary["recoveries"].take();
    let seconds = summary["seconds"].take().as_f64().expect("a number");
    let wanted = serde_json::json!({
        "nodes": 1, "agents": 3, "tasks_done": 7, "tasks_failed": 0, "merged": true,
        "app_tests_passed": true, "recoveries": null, "duplicates": 0, "lost": 0, "seconds": null,
    });
    assert_eq!(summary, wanted, "{told}");
    assert!(seconds < SECONDS_MAX, "{told}");
    let [recovery] = recoveries.as_array().expect("a list").as_slice() else {
        panic!("one recovery: {told}");
    };
    let running_again_ms = recovery["running_again_ms"].as_i64().expect("it ran again");
    assert!(running_again_ms <= RUNNING_AGAIN_MS_MAX, "{told}");
    assert!(recovery["detected_ms"].as_i64().is_some_and(|ms| ms <= running_again_ms), "{told}");
    assert!(folder.join("strangers-calendar/src/cli.rs").is_file());
    assert!(!folder.join("data/node.json").exists(), "the node is down");
}

#[test]
fn machine_without_cargo_is_told_before_anything_is_made() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let folder = parent.path().join("demo");
    let output = demo(&["--dir", &folder.to_string_lossy()], Some(parent.path()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("install git"), "{stderr}");
    assert!(!folder.exists());
}

#[test]
fn unknown_runtime_and_used_folder_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("mine"), "").expect("writable");
    for (args, words) in [
        (vec!["--dir", folder.path().to_str().expect("a plain path")], "not an empty folder"),
        (vec!["--runtime", "nobody"], "`callboard init`"),
    ] {
        let output = demo(&args, None);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}
