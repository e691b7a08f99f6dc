//! All checks, in the order in which they are read.

use std::path::PathBuf;

use callboard_api::request::{Finding, LogVerified};
use callboard_stdx::clock::{Clock, SystemClock};

use super::finding::{ok, problem, warning};
use super::{files, host};
use crate::program::Program;

/// What `doctor` looks at.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The folder with the log, buckets and blobs.
    pub store: PathBuf,
    /// The secrets file.
    pub secrets: PathBuf,
    /// Whether the configuration is accepted, or why not.
    pub config: Result<(), String>,
    /// The programs of this machine, or why they cannot be looked for.
    pub programs: Result<Vec<Program>, String>,
    /// The node.
    pub node: NodeFound,
    /// The check of its log, where that was asked for.
    pub log: Option<Result<LogVerified, String>>,
}

/// What was found of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeFound {
    /// None runs.
    None,
    /// It answers.
    Answers {
        /// Its address.
        url: String,
        /// Its version.
        version: String,
    },
    /// One should run, but it does not answer.
    Silent {
        /// Why.
        reason: String,
    },
}

/// Checks everything.
pub async fn run(options: &Options) -> Vec<Finding> {
    let Options { data, store, secrets, config, programs, node, log } = options;
    let folder = std::path::Path::new("/");
    let mut findings = vec![
        host::git(folder).await,
        match config {
            Ok(()) => ok("configuration", "accepted; see it by: callboard config show"),
            Err(reason) => problem("configuration", reason.clone()),
        },
        files::data_folder(data),
        files::disk(data),
        files::secrets(secrets),
        host::clock(SystemClock.now(), host::newest(store)),
        host::namespaces(folder).await,
        host::cgroups(),
    ];
    match programs {
        Ok(programs) => findings.extend(judge_programs(programs)),
        Err(reason) => findings.push(problem("programs", reason.clone())),
    }
    findings.push(judge_node(node));
    findings.extend(log.as_ref().map(judge_log));
    findings
}

/// Whether a person must do something.
#[must_use]
pub fn has_problem(findings: &[Finding]) -> bool {
    findings.iter().any(|it| it.level == "problem")
}

fn judge_programs(programs: &[Program]) -> Vec<Finding> {
    let is_any = programs.iter().any(|it| it.probed.is_ok() && !it.is_scripted);
    let real = programs.iter().filter(|it| !it.is_scripted);
    let mut findings: Vec<_> = real
        .map(|program| match (&program.probed, &program.install) {
            (Ok(version), _) => ok(&program.name, version.clone()),
            // The reason may name it already.
            (Err(reason), Some(install)) if !reason.contains(install.as_str()) => {
                warning(&program.name, format!("{reason}; install it by: {install}"))
            }
            (Err(reason), _) => warning(&program.name, reason.clone()),
        })
        .collect();
    if !is_any {
        let text = "no agent program can be used: install one, or watch: callboard demo";
        findings.push(warning("programs", text));
    }
    findings
}

fn judge_node(node: &NodeFound) -> Finding {
    match node {
        NodeFound::None => ok("node", "none runs; submit and run start one, or: callboard up -d"),
        NodeFound::Answers { url, version } => ok("node", format!("callboard {version} at {url}")),
        NodeFound::Silent { reason } => {
            let advice = "see node.log in the data folder; then callboard down and callboard up -d";
            problem("node", format!("{reason}: {advice}"))
        }
    }
}

fn judge_log(log: &Result<LogVerified, String>) -> Finding {
    match log {
        Ok(LogVerified { streams, commits, damages }) if damages.is_empty() => {
            ok("log", format!("{commits} commits in {streams} streams, all whole"))
        }
        Ok(LogVerified { damages, .. }) => {
            let text = "keep a copy of the data folder before anything else";
            problem("log", format!("{} damages: {}; {text}", damages.len(), damages.join("; ")))
        }
        Err(reason) => problem("log", format!("it was not checked: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_log_is_a_problem() {
        let whole = LogVerified { streams: 2, commits: 9, damages: Vec::new() };
        assert_eq!(judge_log(&Ok(whole.clone())).level, "ok");
        let damaged = LogVerified { damages: vec!["agent/a at 3".to_owned()], ..whole };
        let finding = judge_log(&Ok(damaged));
        assert_eq!(finding.level, "problem");
        assert!(finding.text.contains("agent/a at 3"), "{}", finding.text);
        assert!(has_problem(&[finding]));
    }

    #[test]
    fn a_missing_program_comes_with_its_installation() {
        let missing = Program {
            name: "claude".to_owned(),
            probed: Err("claude is not in PATH".to_owned()),
            install: Some("npm install it".to_owned()),
            keys: Vec::new(),
            is_scripted: false,
        };
        let findings = judge_programs(&[missing]);
        assert!(findings[0].text.contains("npm install it"), "{}", findings[0].text);
        assert_eq!(findings.len(), 2, "and no program can be used");
    }
}
