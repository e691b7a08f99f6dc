//! Rules for every text file: postponed work, paths of one machine, release notes.

use super::finding::Finding;

const RULE_MARKER: &str = "postponed";
const RULE_PATH: &str = "machine-path";
const RULE_NOTE: &str = "release-note";
/// Where release notes are kept, one file per visible change.
pub(crate) const NOTES_FOLDER: &str = "deploy/release-notes/";

/// No promises in the text: do it, or write an issue.
pub(crate) fn check_markers(path: &str, text: &str) -> Vec<Finding> {
    let markers = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut findings = Vec::new();
    for (idx, line) in text.lines().enumerate() {
        let found = line.split(|c: char| !is_word(c)).find(|word| markers.contains(word));
        if let Some(marker) = found {
            let advice = format!("do it now or write an issue, and remove {marker}");
            findings.push(Finding::new(path, idx + 1, RULE_MARKER, advice));
        }
    }
    findings
}

/// No path that exists only where somebody wrote this.
pub(crate) fn check_machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let folders = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("../sha", "red")];
    let mut findings = Vec::new();
    for (idx, line) in text.lines().enumerate() {
        let found = folders.iter().find(|folder| {
            line.match_indices(**folder).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && !"-_./{}$~>".contains(c))
            })
        });
        if let Some(folder) = found {
            let advice = format!("{folder}… exists on no user's machine");
            findings.push(Finding::new(path, idx + 1, RULE_PATH, advice));
        }
    }
    findings
}

/// A release note is `area-what.md` and begins with `# Title`.
pub(crate) fn check_release_note(path: &str, text: &str) -> Vec<Finding> {
    let Some(name) = path.strip_prefix(NOTES_FOLDER) else { return Vec::new() };
    if name == "README.md" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let good_name = name.strip_suffix(".md").is_some_and(|stem| {
        stem.contains('-')
            && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    });
    if !good_name {
        findings.push(Finding::new(path, 1, RULE_NOTE, "name it `area-what.md`, in lower case"));
    }
    let mut lines = text.lines();
    let good_title = lines.next().is_some_and(|line| line.starts_with("# ") && line.len() > 3);
    if !good_title {
        findings.push(Finding::new(path, 1, RULE_NOTE, "begin with `# ` and the change in words"));
    }
    if !lines.any(|line| !line.trim().is_empty()) {
        findings.push(Finding::new(path, 1, RULE_NOTE, "say what changes for the user"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postponed_work_is_caught() {
        for marker in [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")] {
            let text = format!("fine\n// {marker}: later\n");
            let findings = check_markers("a.rs", &text);
            assert_eq!(findings.len(), 1, "{marker}");
            assert_eq!(findings[0].line, 2);
        }
        assert_eq!(check_markers("a.sh", "mktemp -d /tmp/a.XXXXXX; TODOS"), []);
    }

    #[test]
    fn machine_paths_are_caught() {
        for folder in [concat!("/ro", "ot/x"), concat!("/wo", "rk/x"), concat!("../sha", "red/x")] {
            let text = format!("see {folder}");
            assert_eq!(check_machine_paths("a.md", &text).len(), 1, "{folder}");
        }
        let inside = format!("$dir{} src{}", concat!("/wo", "rk/x"), concat!("/wo", "rk/x"));
        assert_eq!(check_machine_paths("a.md", &inside), []);
    }

    #[test]
    fn bad_release_note_is_caught() {
        let path = |name: &str| format!("{NOTES_FOLDER}{name}");
        assert_eq!(check_release_note(&path("cli-submit.md"), "# Submit\n\nIt works.\n"), []);
        assert_eq!(check_release_note(&path("README.md"), ""), []);
        assert_eq!(check_release_note("deploy/docs/plans.md", ""), []);
        assert_eq!(check_release_note(&path("Submit.txt"), "# Submit\n\nIt works.\n").len(), 1);
        assert_eq!(check_release_note(&path("cli-submit.md"), "Submit\n").len(), 2);
    }
}
