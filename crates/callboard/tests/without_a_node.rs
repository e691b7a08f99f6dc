//! The real binary where no node runs: exit codes, and which stream says what.

use std::path::Path;
use std::process::Output;

/// Runs the binary in a folder, with a data folder inside it and nothing of this machine's user.
#[expect(clippy::disallowed_methods, reason = "a test starts the binary as a shell would")]
fn callboard(folder: &Path, args: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_callboard"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder.join("data"))
        .output()
        .expect("the binary starts")
}

fn check(args: &[&str], code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    check_in(folder.path(), args, code, words);
}

fn check_in(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let output = callboard(folder, args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
    for word in words {
        assert!(err.contains(word), "{args:?} does not say {word:?}: {err}");
    }
    if code != 0 {
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(out, "", "{args:?}: standard output is data");
    }
}

#[test]
fn commands_that_need_a_node_name_the_way_to_one() {
    let all: [&[&str]; 14] = [
        &["status"],
        &["status", "--json"],
        &["nodes"],
        &["down"],
        &["projects"],
        &["project", "diff", "shop"],
        &["tasks"],
        &["task", "show", "t-1"],
        &["agents"],
        &["agent", "logs", "shop-1"],
        &["approvals", "list"],
        &["message", "agent/shop-1", "hello"],
        &["events"],
        &["stop", "--all"],
    ];
    for args in all {
        check(args, 5, &["no node runs", "callboard up"]);
    }
}

#[test]
fn no_start_refuses_to_start_a_node() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join(".git")).expect("writable");
    check_in(folder.path(), &["submit", "work", "--no-start"], 5, &["callboard up"]);
    check_in(folder.path(), &["run", "--no-start"], 5, &["callboard up"]);
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn the_runtime_file_of_another_program_counts_as_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data/callboard");
    std::fs::create_dir_all(&data).expect("writable");
    // This test's own process lives, but is no node.
    let pid = std::process::id();
    let file =
        format!(r#"{{"pid":{pid},"url":"http://127.0.0.1:1","token_file":"/none","version":"0"}}"#);
    std::fs::write(data.join("node.json"), file).expect("writable");
    check_in(folder.path(), &["status"], 5, &["no node runs"]);
}

#[test]
fn a_server_that_does_not_answer_exits_5() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("token"), "t").expect("writable");
    let args = ["status", "--server", "http://127.0.0.1:1", "--token-file", "token"];
    check_in(folder.path(), &args, 5, &["http://127.0.0.1:1"]);
}

#[test]
fn wrong_usage_exits_2_and_names_the_fix() {
    check(&["statsu"], 2, &["status"]);
    check(&["stop"], 2, &["--all"]);
    check(&["submit", "work", "--timeout", "5"], 2, &["--wait"]);
    check(&["submit", "work"], 2, &["git init"]);
    check(&["up", "--label", "west"], 2, &["KEY=VALUE"]);
    check(&["status", "--server", "http://127.0.0.1:1"], 2, &["--token-file"]);
    check(&["config", "show", "--config", "missing.toml"], 2, &["missing.toml"]);
}

#[test]
fn what_is_not_there_exits_3() {
    check(&["submit", "work", "--repo", "missing"], 3, &["missing", "--repo"]);
    check(&["run", "missing.toml"], 3, &["missing.toml"]);
}

#[test]
fn init_never_asks_where_nobody_answers() {
    check(&["init"], 2, &["--yes"]);
}

#[test]
fn init_writes_the_configuration_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("Cargo.toml"), "").expect("writable");
    check_in(folder.path(), &["init", "--yes"], 0, &["callboard.toml", "cargo test"]);
    check_in(folder.path(), &["init", "--yes"], 4, &["--force"]);
    check_in(folder.path(), &["init", "--yes", "--force"], 0, &["callboard.toml.old"]);
    let shown = callboard(folder.path(), &["config", "show", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["project"]["check"], "cargo test");
}

#[test]
fn a_wrong_key_of_the_configuration_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("callboard.toml"), "[node]\nnmae = \"a\"\n").expect("ok");
    check_in(folder.path(), &["config", "show"], 2, &["nmae"]);
    check_in(folder.path(), &["up"], 2, &["nmae"]);
}

#[test]
fn doctor_tells_findings_as_data() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = callboard(folder.path(), &["doctor", "--json"]);
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks: Vec<_> =
        findings.as_array().expect("a list").iter().map(|it| it["check"].as_str()).collect();
    for check in ["git", "data folder", "disk", "secrets", "clock", "namespaces", "cgroups", "node"]
    {
        assert!(checks.contains(&Some(check)), "{check}: {checks:?}");
    }
    let output = callboard(folder.path(), &["doctor", "--verify-log"]);
    assert_eq!(output.status.code(), Some(1), "there is no node to read the log");
}

#[test]
fn help_and_completions_are_data() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for args in [&["--help"] as &[&str], &["submit", "--help"], &["completions", "bash"]] {
        let output = callboard(folder.path(), args);
        assert!(output.status.success(), "{args:?}");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(out.contains("callboard"), "{args:?}: {out}");
        assert!(!out.contains('\u{1b}'), "{args:?}: no colour in a pipe");
    }
}
