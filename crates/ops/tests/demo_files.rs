//! The demo's files fit together: the plan is good, each task has a script that writes its own
//! module only, and all scripts together make an application whose tests pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callboard_approvals::{Policy, Request};
use callboard_planner::check::phases;
use callboard_planner::{Plan, file};
use callboard_process::command::{self, Spec};
use callboard_runtimes::scripted::script::{self, Step};

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo")
}

fn plan() -> Plan {
    let text = fs::read_to_string(demo().join("plan.toml")).expect("readable");
    file::parse(&text).expect("a good plan")
}

fn steps(task: &str) -> Vec<Step> {
    let path = demo().join(format!("scripts/{task}.script"));
    let text = fs::read_to_string(path).expect("readable");
    // As it travels: in the prompt, between fences.
    let prompt = format!("Do it.\n\n```script\n{text}```\n");
    assert_eq!(script::find(&prompt), Some(script::Source::Text(text.trim_end().to_owned())));
    script::parse(&text).expect("a good script")
}

#[test]
fn each_task_writes_its_own_module() {
    let plan = plan();
    assert_eq!(phases(&plan).expect("no cycle").len(), 3);
    for task in &plan.tasks {
        let module = PathBuf::from(format!("src/{}.rs", task.id));
        for step in steps(task.id.as_str()) {
            if let Step::Write { path, .. } | Step::Append { path, .. } | Step::Edit { path, .. } =
                step
            {
                assert_eq!(path, module, "{}", task.id);
            }
        }
    }
    let n_scripts = fs::read_dir(demo().join("scripts")).expect("readable").count();
    assert_eq!(n_scripts, plan.tasks.len());
}

#[test]
fn policy_allows_what_scripts_ask() {
    let text = fs::read_to_string(demo().join("approvals.toml")).expect("readable");
    let policy = Policy::parse(&text).expect("a good policy");
    let mut n_asked = 0;
    for task in plan().tasks {
        for step in steps(task.id.as_str()) {
            let Step::Ask { command } = step else { continue };
            let command = Some(command.as_str());
            let (tool, files, folder, workspace) = ("Bash", &[][..], ".", "/workspace");
            let decision = policy.decide(&Request { tool, command, files, folder, workspace });
            assert!(decision.is_allow(), "{decision:?}");
            n_asked += 1;
        }
    }
    assert_eq!(n_asked, 1);
}

#[tokio::test]
async fn scripts_make_an_application_whose_tests_pass() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&demo().join("seed"), folder.path());
    for task in plan().tasks {
        for step in steps(task.id.as_str()) {
            match step {
                Step::Write { path, text } => {
                    fs::write(folder.path().join(path), text).expect("writable");
                }
                Step::Append { path, text } => {
                    let path = folder.path().join(path);
                    let before = fs::read_to_string(&path).expect("written before");
                    fs::write(path, before + &text).expect("writable");
                }
                _ => {}
            }
        }
    }
    let mut spec = Spec::new(env!("CARGO"), folder.path())
        .args(["test", "--offline", "-q"])
        .deadline(Duration::from_secs(120));
    spec.env.set("CARGO_TARGET_DIR", folder.path().join("target"));
    let output = command::run(spec).await.expect("cargo runs");
    let stdout = output.stdout.text();
    assert!(output.ending.success(), "{stdout}\n{}", output.stderr.text());
    assert!(stdout.contains("21 passed"), "{stdout}");
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("readable").is_dir() {
            fs::create_dir(&target).expect("writable");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("writable");
        }
    }
}
