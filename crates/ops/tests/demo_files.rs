//! The demo's files fit together: the plan is good, each task has a script that writes its own
//! module only, and all scripts together make an application whose tests pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callboard_planner::check::phases;
use callboard_planner::{Plan, file};
use callboard_process::command::{self, Spec};
use serde::Deserialize;

#[derive(Deserialize)]
struct Script {
    step: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    write: Option<String>,
    append: Option<String>,
    #[serde(default)]
    text: String,
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo")
}

fn plan() -> Plan {
    let text = fs::read_to_string(demo().join("plan.toml")).expect("readable");
    file::parse(&text).expect("a good plan")
}

fn script(task: &str) -> Script {
    let path = demo().join(format!("scripts/{task}.toml"));
    toml::from_str(&fs::read_to_string(path).expect("readable")).expect("a good script")
}

#[test]
fn each_task_writes_its_own_module() {
    let plan = plan();
    assert_eq!(phases(&plan).expect("no cycle").len(), 3);
    for task in &plan.tasks {
        let module = format!("src/{}.rs", task.id);
        for step in script(task.id.as_str()).step {
            let path = step.write.or(step.append);
            assert!(path.is_none_or(|path| path == module), "{}", task.id);
        }
    }
    let n_scripts = fs::read_dir(demo().join("scripts")).expect("readable").count();
    assert_eq!(n_scripts, plan.tasks.len());
}

#[tokio::test]
async fn scripts_make_an_application_whose_tests_pass() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&demo().join("seed"), folder.path());
    for task in plan().tasks {
        for step in script(task.id.as_str()).step {
            if let Some(path) = step.write {
                fs::write(folder.path().join(path), step.text).expect("writable");
            } else if let Some(path) = step.append {
                let path = folder.path().join(path);
                let before = fs::read_to_string(&path).expect("written before");
                fs::write(path, before + &step.text).expect("writable");
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
