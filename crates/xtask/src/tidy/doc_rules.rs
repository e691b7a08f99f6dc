//! Rules for pages: what they name must exist, or they rot.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;

const RULE_LINK: &str = "dead-link";
const RULE_NAME: &str = "stale-name";
const RULE_PATH: &str = "stale-path";

/// Every identifier of the Rust files.
pub(crate) fn names(files: &BTreeMap<String, String>) -> BTreeSet<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    rust.flat_map(|(_, text)| text.split(move |c| !is_word(c))).collect()
}

/// A page's relative links lead somewhere; its file names exist; names such as those of tests are in
/// the code.
pub(crate) fn check(
    path: &str,
    text: &str,
    files: &BTreeMap<String, String>,
    names: &BTreeSet<&str>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_block = false;
    for (idx, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        if in_block {
            continue;
        }
        let mut add = |rule, advice| findings.push(Finding::new(path, idx + 1, rule, advice));
        for target in links(line).filter(|target| !exists(path, target, files)) {
            add(RULE_LINK, format!("{target} does not exist: mend the link"));
        }
        for word in quoted(line) {
            if is_path(word) && !exists_anywhere(path, word, files) {
                add(RULE_PATH, format!("{word} does not exist: name the file that has it now"));
            }
            if is_long_name(word) && !names.contains(word) {
                add(RULE_NAME, format!("{word} is nowhere in the code: name what is there now"));
            }
        }
    }
    findings
}

/// The targets of a line's relative links.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split('#').next().unwrap_or_default());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

/// What stands between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// `append_moves_the_version`: long enough to be the name of one thing.
fn is_long_name(word: &str) -> bool {
    let legal = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    word.split('_').count() > 2 && word.split('_').all(legal)
}

/// `gateway/src/ask.rs`: a source file or page, not one of the reader's machine.
fn is_path(word: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_ours = !word.starts_with(['/', '.', '-']) && word.contains('/');
    is_ours && word.chars().all(legal) && (word.ends_with(".rs") || word.ends_with(".md"))
}

fn exists_anywhere(page: &str, path: &str, files: &BTreeMap<String, String>) -> bool {
    let bases = ["", "crates/"];
    exists(page, path, files)
        || bases.iter().any(|base| files.contains_key(&format!("{base}{path}")))
}

/// Whether a file or folder is there, from where the page stands.
fn exists(page: &str, target: &str, files: &BTreeMap<String, String>) -> bool {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let full = parts.join("/");
    let folder = format!("{full}/");
    full.is_empty()
        || files.contains_key(&full)
        || files.range(folder.clone()..).next().is_some_and(|(path, _)| path.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_page(page: &str, text: &str) -> Vec<&'static str> {
        let files = [("crates/a/src/b.rs", "fn what_it_holds() {}"), ("deploy/docs/x.md", "")];
        let files: BTreeMap<_, _> =
            files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let found = check(page, text, &files, &names(&files));
        found.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn dead_links_are_caught() {
        assert_eq!(
            check_page("README.md", "[a](deploy/docs/x.md#b) [c](crates/a) [d](#e)"),
            [""; 0]
        );
        assert_eq!(
            check_page("deploy/docs/x.md", "[a](../../crates/a/src) [w](https://x.y/z)"),
            [""; 0]
        );
        assert_eq!(check_page("README.md", "[a](x.md), [b](crates/a/src/c.rs)"), [RULE_LINK; 2]);
        assert_eq!(check_page("README.md", "```\n[a](x.md)\n```"), [""; 0]);
    }

    #[test]
    fn stale_names_are_caught() {
        assert_eq!(check_page("README.md", "`what_it_holds`, `no_name`, `a b_c_d`"), [""; 0]);
        assert_eq!(check_page("README.md", "`what_it_held`"), [RULE_NAME]);
    }

    #[test]
    fn stale_paths_are_caught() {
        let good = "`a/src/b.rs` `crates/a/src/b.rs` `/etc/x.md` `./x/y.md` `b.rs` `a/*.rs`";
        assert_eq!(check_page("README.md", good), [""; 0]);
        assert_eq!(check_page("crates/a/README.md", "`src/b.rs`"), [""; 0]);
        assert_eq!(check_page("README.md", "`a/src/c.rs`"), [RULE_PATH]);
    }
}
