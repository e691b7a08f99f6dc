//! After the work: the result is taken over, tried, and counted.

use std::time::Duration;

use anyhow::Context;
use callboard_api::project::ProjectDetail;
use callboard_api::request;
use callboard_process::command::{self, Output, Spec};
use callboard_stdx::clock::{Clock, SystemClock};

use super::check::environment;
use super::folder::Folder;
use super::node::DemoNode;

/// How long a command of the application may take.
const APP_MAX: Duration = Duration::from_secs(120);
/// How long the node may need to merge the result into the person's branch.
const REVIEW_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Merges the project's branch into the branch that is checked out, as `callboard project accept`
/// does. Returns why not, where it was refused.
pub(super) async fn accept(node: &DemoNode, project: &str) -> anyhow::Result<Result<(), String>> {
    let request = request::Review { id: SystemClock.new_id(), accept: true, into: None };
    let id = project.to_owned();
    let mut review = node.call(move |client| client.review(&id, &request)).await?;
    let end = tokio::time::Instant::now() + REVIEW_MAX;
    while review.state == "running" && tokio::time::Instant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
        review = show(node, project).await?.review.context("the node forgot the review")?;
    }
    let text = review.text.unwrap_or_else(|| review.state.clone());
    Ok(if review.state == "accepted" { Ok(()) } else { Err(text) })
}

/// The project at present.
pub(super) async fn show(node: &DemoNode, project: &str) -> anyhow::Result<ProjectDetail> {
    let id = project.to_owned();
    Ok(node.call(move |client| client.project(&id)).await?)
}

/// What the application's own tests said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tested {
    pub(super) n_passed: u64,
    /// What is wrong, where anything is.
    pub(super) fault: Option<String>,
}

/// Runs the application's tests on the result, and the application once.
pub(super) async fn test(folder: &Folder) -> anyhow::Result<Tested> {
    let tests = cargo(folder, &["test", "--offline", "-q"]).await?;
    let n_passed = n_passed(&tests.stdout.text());
    if !tests.ending.success() || n_passed == 0 {
        let fault = Some(format!("its tests ended with {}: {}", tests.ending, last(&tests)));
        return Ok(Tested { n_passed, fault });
    }
    let help = cargo(folder, &["run", "--offline", "-q", "--", "help"]).await?;
    let is_help = help.ending.success() && help.stdout.text().contains("strangers-calendar");
    let fault = (!is_help)
        .then(|| format!("`cargo run -- help` ended with {}: {}", help.ending, last(&help)));
    Ok(Tested { n_passed, fault })
}

async fn cargo(folder: &Folder, args: &[&str]) -> anyhow::Result<Output> {
    let mut spec = Spec::new("cargo", folder.repository()).args(args.iter().copied());
    spec.env = environment();
    command::run(spec.deadline(APP_MAX)).await.context("failed to run cargo")
}

/// The last line that says something.
fn last(output: &Output) -> String {
    let (stdout, stderr) = (output.stdout.text(), output.stderr.text());
    let lines = stdout.lines().chain(stderr.lines());
    let mut lines = lines.filter(|line| !line.trim().is_empty());
    lines.next_back().unwrap_or_default().to_owned()
}

/// Adds up "N passed" of every test binary.
fn n_passed(text: &str) -> u64 {
    let results = text.lines().filter(|line| line.starts_with("test result:"));
    let words = results.filter_map(|line| line.split(" passed").next()?.rsplit(' ').next());
    words.filter_map(|word| word.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_added_up() {
        let text = "running 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored\n\n\
                    test result: ok. 19 passed; 0 failed\n";
        assert_eq!(n_passed(text), 21);
        assert_eq!(n_passed(""), 0);
    }
}
