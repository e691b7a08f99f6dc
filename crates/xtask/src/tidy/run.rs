//! Reads the repository and applies every rule.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use super::finding::Finding;
use super::length::{self, NAUGHTY_PATH, Naughty};
use super::source::Source;
use super::{doc_rules, layers, logs, metadata, rust_rules, text_rules};
use crate::command;

/// Recorded output of other programs, kept as it was: no rule of ours applies.
const RECORDINGS: [&str; 2] = ["/fixtures/", "/snapshots/"];

/// Checks the repository; true where nothing was found.
pub(crate) fn run() -> anyhow::Result<bool> {
    let root = command::root();
    let files = read_files(&root)?;
    let mut findings = Vec::new();
    let (naughty, faults) =
        length::parse_naughty(files.get(NAUGHTY_PATH).map(String::as_str).unwrap_or_default());
    findings.extend(faults);
    findings.extend(length::check_stale(&naughty, files.keys().map(String::as_str)));
    let names = doc_rules::names(&files);
    for (path, text) in &files {
        findings.extend(check_file(path, text, &naughty));
        if path.ends_with(".md") {
            findings.extend(doc_rules::check(path, text, &files, &names));
        }
    }
    let json = command::output(&root, "cargo", &["metadata", "--no-deps", "--format-version=1"])?;
    findings.extend(layers::check(&metadata::edges(&json, &files)?));
    findings.sort();
    for finding in &findings {
        command::say(&format!("{finding}\n"));
    }
    command::say(&format!("tidy: {} files, {} findings\n", files.len(), findings.len()));
    Ok(findings.is_empty())
}

fn check_file(path: &str, text: &str, naughty: &Naughty) -> Vec<Finding> {
    let mut findings = text_rules::check_markers(path, text);
    findings.extend(text_rules::check_machine_paths(path, text));
    findings.extend(text_rules::check_release_note(path, text));
    if path.ends_with(".rs") {
        let source = Source::new(path, text);
        findings.extend(rust_rules::check_docs(&source));
        findings.extend(rust_rules::check_root(&source));
        findings.extend(rust_rules::check_attributes(&source));
        findings.extend(rust_rules::check_test_names(&source));
        findings.extend(length::check_file(&source, naughty));
        findings.extend(length::check_functions(&source));
        findings.extend(logs::check(&source));
    }
    findings
}

/// The text files that git tracks or would track.
fn read_files(root: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = command::output(root, "git", &arguments)?;
    let listed = String::from_utf8(listed).context("failed to read a file name as UTF-8")?;
    let mut files = BTreeMap::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        if path == "Cargo.lock" || RECORDINGS.iter().any(|folder| path.contains(folder)) {
            continue;
        }
        let full = root.join(path);
        // A tracked file that was just deleted, or a link, has no text to check.
        if !full.symlink_metadata().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let bytes = std::fs::read(&full).with_context(|| format!("failed to read {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path.to_owned(), text);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_applied() {
        let marker = concat!("TO", "DO");
        let lines = "    f();\n".repeat(501);
        let text = format!(
            "// {marker} {}\n#[allow(x)]\n#[test]\nfn {}a() {{\n{lines}}}\nfn b() {{ info!(\"Bad.\") }}\n",
            concat!("/ro", "ot/"),
            concat!("te", "st_"),
        );
        let findings = check_file("crates/a/src/lib.rs", &text, &Naughty::new());
        let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let all = [
            "attribute",
            "declare-only",
            "file-length",
            "function-length",
            "log-format",
            "machine-path",
            "module-docs",
            "postponed",
            "test-name",
        ];
        assert_eq!(rules, all);
    }

    #[test]
    fn repository_is_tidy_in_its_own_rules() {
        let text = include_str!("run.rs");
        assert_eq!(check_file("crates/xtask/src/tidy/run.rs", text, &Naughty::new()), []);
    }
}
