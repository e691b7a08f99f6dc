//! `doctor`, `cleanup` and the check of the log.

use callboard_api::request::{Cleanup, Finding};

use crate::show::look::{Look, tone};
use crate::show::text::{count, line};

/// `doctor`.
#[must_use]
pub fn findings(findings: &[Finding], look: Look) -> String {
    let mut shown = String::new();
    for Finding { check, level, text } in findings {
        let level = look.paint(tone(level), &format!("{level:<8}"));
        shown.push_str(&format!("{level} {check:<16} {}\n", line(text)));
    }
    let n_of = |level: &str| findings.iter().filter(|it| it.level == level).count() as u64;
    let (n_problems, n_warnings) = (n_of("problem"), n_of("warning"));
    shown.push_str(&match (n_problems, n_warnings) {
        (0, 0) => "all is well\n".to_owned(),
        _ => format!("{}, {}\n", count(n_problems, "problem"), count(n_warnings, "warning")),
    });
    shown
}

/// `cleanup`.
#[must_use]
pub fn cleanup(cleanup: &Cleanup) -> String {
    let Cleanup { workspaces, kept, processes } = cleanup;
    let mut shown = format!(
        "removed {} and ended {}\n",
        count(workspaces.len() as u64, "workspace"),
        if processes.len() == 1 {
            "1 process".to_owned()
        } else {
            format!("{} processes", processes.len())
        },
    );
    for workspace in workspaces {
        shown.push_str(&format!("  {}\n", line(workspace)));
    }
    for kept in kept {
        shown.push_str(&format!("kept what was not merged: {}\n", line(kept)));
    }
    shown
}
