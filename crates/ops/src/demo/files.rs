//! The demo's files, which are part of the binary.

use std::io;
use std::path::Path;

use anyhow::Context;

use super::options::Options;

macro_rules! seed {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../demo/seed/", $path)))),*]
    };
}

macro_rules! scripts {
    ($($task:literal),* $(,)?) => {
        &[$(($task, include_str!(concat!("../../demo/scripts/", $task, ".script")))),*]
    };
}

/// The repository that the demo begins with.
const SEED: &[(&str, &str)] = seed![
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "src/cli.rs",
    "src/date.rs",
    "src/event.rs",
    "src/lib.rs",
    "src/main.rs",
    "src/overlap.rs",
    "src/people.rs",
    "src/recurrence.rs",
    "src/sharing.rs",
    "src/text.rs",
];

/// What the scripted program does for each task.
const SCRIPTS: &[(&str, &str)] =
    scripts!["cli", "event", "overlap", "people", "recurrence", "sharing", "text"];

const PLAN: &str = include_str!("../../demo/plan.toml");

/// What the agents may do without a person.
pub(super) const POLICY: &str = include_str!("../../demo/approvals.toml");

/// Writes the seed of the repository.
pub(super) fn write_seed(folder: &Path) -> io::Result<()> {
    for (path, text) in SEED {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// The plan file, for scripts with each task's script in its text.
pub(super) fn plan(options: &Options) -> anyhow::Result<String> {
    let mut plan: toml::Table = toml::from_str(PLAN).context("failed to read the demo's plan")?;
    if options.is_scripted() {
        let tasks = plan.get_mut("task").and_then(toml::Value::as_array_mut);
        for task in tasks.into_iter().flatten() {
            add_script(task).context("failed to find the script of a task")?;
        }
    }
    toml::to_string(&plan).context("failed to write the demo's plan")
}

fn add_script(task: &mut toml::Value) -> Option<()> {
    let id = task.get("id")?.as_str()?.to_owned();
    let (_, script) = SCRIPTS.iter().find(|(task, _)| *task == id)?;
    let text = task.get("text")?.as_str()?;
    let text = format!("{text}\n\n```script\n{script}```\n");
    task.as_table_mut()?.insert("text".to_owned(), text.into());
    Some(())
}

/// The subjects of every commit that the scripts make.
pub(super) fn commits() -> impl Iterator<Item = &'static str> {
    let lines = SCRIPTS.iter().flat_map(|(_, script)| script.lines());
    lines.filter_map(|line| line.strip_prefix("commit "))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use callboard_planner::file;

    use super::*;

    #[test]
    fn plan_carries_each_script() {
        let plan = file::parse(&plan(&Options::default()).expect("a plan")).expect("a good plan");
        assert_eq!(plan.tasks.len(), SCRIPTS.len());
        assert!(plan.tasks.iter().all(|task| task.text.contains("\n```script\n#")));
        let options = Options { runtime: Some("claude".to_owned()), ..Options::default() };
        assert!(!super::plan(&options).expect("a plan").contains("```script"));
    }

    #[test]
    fn every_file_is_part_of_the_binary() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
        let mut files = Vec::new();
        let mut folders = vec![demo.join("seed"), demo.join("scripts")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        let seed = SEED.iter().map(|(path, _)| demo.join("seed").join(path));
        let scripts = SCRIPTS.iter().map(|(task, _)| demo.join(format!("scripts/{task}.script")));
        let mut named: Vec<PathBuf> = seed.chain(scripts).collect();
        files.sort();
        named.sort();
        assert_eq!(named, files);
    }

    #[test]
    fn commits_of_scripts_have_their_own_subjects() {
        let mut subjects: Vec<_> = commits().collect();
        assert_eq!(subjects.len(), 14);
        subjects.sort_unstable();
        subjects.dedup();
        assert_eq!(subjects.len(), 14);
    }
}
