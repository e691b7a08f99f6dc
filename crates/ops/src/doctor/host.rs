//! git, the clock, and what the kernel allows for owning processes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use callboard_api::request::Finding;
use callboard_process::command::{self, Spec};
use callboard_process::guarded::{self, Isolation};
use callboard_process::{Launcher, Marks};
use chrono::{DateTime, Utc};

use super::finding::{ok, problem, warning};
use callboard_stdx::error::chain;

/// The oldest that callboard is made for.
const GIT_MIN: (u32, u32) = (2, 30);
/// How long a program may take to tell its version.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A clock before this release is wrong: 2026-01-01.
const CLOCK_SECONDS_MIN: i64 = 1_767_225_600;
/// How far files may lie in the future before the clock is in doubt.
const CLOCK_SECONDS_SKEW: i64 = 120;

pub(super) async fn git(folder: &Path) -> Finding {
    let advice = "install git 2.30 or newer";
    let spec = Spec::new("git", folder).arg("--version").deadline(ANSWER_WITHIN);
    match command::run(spec).await {
        Ok(output) => judge_git(&output.stdout.text()),
        Err(error) => problem("git", format!("{}: {advice}", chain(&error))),
    }
}

fn judge_git(answer: &str) -> Finding {
    let advice = "install git 2.30 or newer";
    let answer = answer.trim();
    let version = answer.strip_prefix("git version ").unwrap_or(answer);
    let mut parts = version.split('.').map(|part| part.parse::<u32>());
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= GIT_MIN => ok("git", version),
        (Some(Ok(_)), Some(Ok(_))) => problem("git", format!("{version} is too old: {advice}")),
        _ => warning("git", format!("its version cannot be read from {answer:?}: {advice}")),
    }
}

/// `newest` is the time of the newest file that a node wrote.
pub(super) fn clock(now: DateTime<Utc>, newest: Option<DateTime<Utc>>) -> Finding {
    let check = "clock";
    let shown = now.format("%Y-%m-%d %H:%M:%S UTC");
    let advice = "set it, by NTP for example";
    if now.timestamp() < CLOCK_SECONDS_MIN {
        return problem(check, format!("it shows {shown}, which is past: {advice}"));
    }
    match newest {
        Some(newest) if newest.timestamp() > now.timestamp() + CLOCK_SECONDS_SKEW => {
            let newest = newest.format("%Y-%m-%d %H:%M:%S UTC");
            let text = format!("it shows {shown}, but a node wrote at {newest}: {advice}");
            problem(check, text)
        }
        _ => ok(check, shown.to_string()),
    }
}

/// When the newest file of a folder was written.
pub(super) fn newest(folder: &Path) -> Option<DateTime<Utc>> {
    let entries = fs::read_dir(folder).ok()?;
    let times = entries.filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok());
    times.max().map(DateTime::from)
}

/// Whether the process trees of agents can have a PID namespace of their own.
pub(super) async fn namespaces(folder: &Path) -> Finding {
    let check = "namespaces";
    let marks = Marks { agent: "doctor".to_owned(), epoch: 0, owner: "doctor".to_owned() };
    let mut spec = guarded::Spec::new(Launcher::this_program(), "true", folder, marks);
    spec.isolation = Isolation::PidNamespace;
    match guarded::spawn(spec).await {
        Ok(guarded) => {
            // It ends by itself; dropping it ends its guard too.
            drop(guarded);
            ok(check, "agents run in PID namespaces: the kernel ends a whole tree at once")
        }
        Err(guarded::Error::NoNamespace { reason }) => warning(
            check,
            format!("not allowed here ({reason}): trees are swept process by process instead"),
        ),
        Err(error) => problem(check, format!("no process can be guarded: {}", chain(&error))),
    }
}

/// Which cgroups this process lives in, for limits per agent.
pub(super) fn cgroups() -> Finding {
    let check = "cgroups";
    let is_v2 = Path::new("/sys/fs/cgroup/cgroup.controllers").is_file();
    let is_v1 = Path::new("/sys/fs/cgroup/memory").is_dir();
    match (is_v2, is_v1) {
        (true, _) => ok(check, "version 2: its limits count as this host's size"),
        (false, true) => ok(check, "version 1: its limits count as this host's size"),
        (false, false) => {
            warning(check, "none are mounted: the size of the whole host is taken for placement")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_git_is_a_problem() {
        let cases = [
            ("git version 2.39.5", "ok"),
            ("git version 2.45.1.windows.1\n", "ok"),
            ("git version 2.25.1", "problem"),
            ("git version 3.0.0", "ok"),
            ("nonsense", "warning"),
        ];
        for (answer, level) in cases {
            assert_eq!(judge_git(answer).level, level, "{answer}");
        }
    }

    #[test]
    fn a_clock_that_went_back_is_a_problem() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a time");
        let now = at(CLOCK_SECONDS_MIN + 1_000);
        assert_eq!(clock(now, None).level, "ok");
        assert_eq!(clock(now, Some(now)).level, "ok");
        assert_eq!(clock(now, Some(at(CLOCK_SECONDS_MIN + 2_000))).level, "problem");
        assert_eq!(clock(at(0), None).level, "problem");
    }
}
