//! Programs that the tasks call, and what they print.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).expect("xtask lies in crates/xtask").to_owned()
}

/// Prints data. A reader that went away is not our failure.
pub(crate) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Prints talk.
pub(crate) fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn output(folder: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = new(folder, program, arguments)
        .output()
        .with_context(|| format!("failed to run {program}"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Runs the long tests (profile `soak` of nextest) again and again until the time is over; false at
/// the first failure.
pub(crate) fn soak(minutes: &str) -> anyhow::Result<bool> {
    let minutes: u64 = minutes.parse().context("failed to read the number of minutes")?;
    let root = root();
    let started = started();
    let limit = Duration::from_secs(minutes * 60);
    let mut n_runs = 0_u32;
    while n_runs == 0 || started.elapsed() < limit {
        let status = new(&root, "cargo", &["nextest", "run", "--workspace", "--profile", "soak"])
            .env("CALLBOARD_SOAK", "1")
            .env("PROPTEST_CASES", "10000")
            .status()
            .context("failed to run cargo nextest")?;
        n_runs += 1;
        say(&format!(
            "soak: run {n_runs}, {} s of {}\n",
            started.elapsed().as_secs(),
            limit.as_secs()
        ));
        if !status.success() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[expect(clippy::disallowed_methods, reason = "a tool without a simulation: real time is meant")]
fn started() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a tool of the repository has no owner to report to")]
fn new(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}
