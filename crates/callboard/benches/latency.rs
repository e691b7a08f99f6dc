//! What a person waits for: the help, the status, and from `submit` to an agent's first output.
//!
//! Prints `figure <name> <milliseconds>` lines: the median of all runs, on a node of its own. The
//! goals, on an idle machine: help 20 ms, status 50 ms, first output 300 ms.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const CALLBOARD: &str = env!("CARGO_BIN_EXE_callboard");
const N_RUNS: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let run = |args: &[&str]| callboard(&data, args);
    run(&["up", "-d"])?;
    let measured = measure(folder.path(), &run);
    run(&["down"])?;
    measured
}

type Run<'a> = &'a dyn Fn(&[&str]) -> Result<Output, std::io::Error>;

fn measure(folder: &Path, run: Run<'_>) -> Result<(), Box<dyn std::error::Error>> {
    figure("help_ms", N_RUNS, |_| run(&["--help"]).map(drop))?;
    figure("status_ms", N_RUNS, |_| run(&["status", "--json"]).map(drop))?;
    let repository = folder.join("repository");
    std::fs::create_dir(&repository)?;
    let git = |args: &[&str]| command("git").args(args).current_dir(&repository).output().map(drop);
    git(&["init", "-q"])?;
    let author = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"];
    git(&[&author[..], &["commit", "-q", "--allow-empty", "-m", "begin"]].concat())?;
    let repository = repository.display().to_string();
    figure("submit_to_first_output_ms", 8, |n| {
        let text = format!("Say {n}\n```script\nsay first words {n}\n```");
        run(&["submit", &text, "--repo", &repository, "--runtime", "scripted"])?;
        wait_for_words(run, n)
    })
}

/// Until an agent's log holds the words of the n-th task.
fn wait_for_words(run: Run<'_>, n: usize) -> Result<(), std::io::Error> {
    let deadline = now() + Duration::from_secs(20);
    let words = format!("first words {n}");
    while now() < deadline {
        let agents = run(&["agents", "--json"])?;
        let agents: serde_json::Value = serde_json::from_slice(&agents.stdout)?;
        for agent in agents.as_array().into_iter().flatten() {
            let id = agent["id"].as_str().unwrap_or_default();
            let log = run(&["agent", "logs", id])?;
            if String::from_utf8_lossy(&log.stdout).contains(&words) {
                return Ok(());
            }
        }
    }
    Err(std::io::Error::other(format!("no agent said {words:?} within 20 s")))
}

fn figure(
    name: &str,
    n_runs: usize,
    run: impl Fn(usize) -> Result<(), std::io::Error>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for n in 0..n_runs {
        let begin = now();
        run(n)?;
        times.push(begin.elapsed());
    }
    times.sort();
    let median = times[n_runs / 2].as_secs_f64() * 1_000.0;
    print(&format!("figure {name} {median:.1}"));
    Ok(())
}

fn callboard(data: &Path, args: &[&str]) -> Result<Output, std::io::Error> {
    let output = command(CALLBOARD).arg("--data-dir").arg(data).args(args).output()?;
    if output.status.success() {
        return Ok(output);
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(std::io::Error::other(format!("callboard {}: {words}", args.join(" "))))
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the program from outside")]
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "the figures are the bench's output")]
fn print(line: &str) {
    println!("{line}");
}
