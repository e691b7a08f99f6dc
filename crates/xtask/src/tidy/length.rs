//! The ratchet: files of at most 500 production lines, functions of at most 70.
//!
//! What was longer when the rule came stands in `crates/xtask/naughty.txt`, whose figures may only
//! fall: a file that shrank must have its figure lowered, and one that fits must leave the list.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::source::{Source, closing};

/// The longest file without its test modules, in lines.
pub(crate) const FILE_LINES_MAX: usize = 500;
/// The longest function body, in lines that hold code.
pub(crate) const FN_LINES_MAX: usize = 70;
/// Where the exceptions are kept.
pub(crate) const NAUGHTY_PATH: &str = "crates/xtask/naughty.txt";

const RULE_FILE: &str = "file-length";
const RULE_FN: &str = "function-length";
const RULE_NAUGHTY: &str = "naughty-list";

/// Path → permitted production lines.
pub(crate) type Naughty = BTreeMap<String, usize>;

/// Reads the list: `path lines`, `#` begins a comment.
pub(crate) fn parse_naughty(text: &str) -> (Naughty, Vec<Finding>) {
    let mut naughty = Naughty::new();
    let mut findings = Vec::new();
    for (idx, line) in text.lines().enumerate() {
        let entry = line.split('#').next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        match entry.split_once(' ').map(|(path, n)| (path, n.trim().parse())) {
            Some((path, Ok(n_lines))) => {
                naughty.insert(path.to_owned(), n_lines);
            }
            _ => findings.push(Finding::new(
                NAUGHTY_PATH,
                idx + 1,
                RULE_NAUGHTY,
                "write `path lines`",
            )),
        }
    }
    (naughty, findings)
}

/// The lines of a file without its test modules. Files that only tests see have none.
pub(crate) fn production_lines(source: &Source<'_>) -> usize {
    if is_test_file(source.path) {
        return 0;
    }
    let n_lines = source.text.lines().count();
    let n_test_lines: usize =
        source.tests.iter().map(|range| source.text[range.clone()].lines().count()).sum();
    n_lines.saturating_sub(n_test_lines)
}

/// Whether only tests and benches see the file.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
}

/// Checks one file against the limit, or against its figure in the list.
pub(crate) fn check_file(source: &Source<'_>, naughty: &Naughty) -> Vec<Finding> {
    let n_lines = production_lines(source);
    let advice = match naughty.get(source.path) {
        None if n_lines > FILE_LINES_MAX => Some((
            RULE_FILE,
            format!(
                "{n_lines} production lines, at most {FILE_LINES_MAX}: split the file by subject"
            ),
        )),
        Some(&listed) if n_lines > listed => {
            Some((RULE_FILE, format!("grew from {listed} to {n_lines} lines: it may only shrink")))
        }
        Some(_) if n_lines <= FILE_LINES_MAX => {
            Some((RULE_NAUGHTY, format!("fits now: remove it from {NAUGHTY_PATH}")))
        }
        Some(&listed) if n_lines < listed => {
            Some((RULE_NAUGHTY, format!("shrank to {n_lines}: lower {listed} in {NAUGHTY_PATH}")))
        }
        _ => None,
    };
    advice.map(|(rule, advice)| Finding::new(source.path, 1, rule, advice)).into_iter().collect()
}

/// Entries whose file no longer exists.
pub(crate) fn check_stale<'a>(
    naughty: &Naughty,
    paths: impl Iterator<Item = &'a str> + Clone,
) -> Vec<Finding> {
    let stale = naughty.keys().filter(|listed| !paths.clone().any(|path| path == *listed));
    stale
        .map(|path| {
            Finding::new(NAUGHTY_PATH, 1, RULE_NAUGHTY, format!("{path} is gone: remove its line"))
        })
        .collect()
}

/// Checks the length of every function body.
pub(crate) fn check_functions(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for start in source.find_word("fn") {
        let Some(open) = body_start(&source.code, start) else { continue };
        let end = closing(&source.code, open);
        let body = &source.code[open + 1..end.saturating_sub(1).max(open + 1)];
        let n_lines = body.lines().filter(|line| !line.trim().is_empty()).count();
        if n_lines > FN_LINES_MAX {
            let advice = format!(
                "{n_lines} lines, at most {FN_LINES_MAX}: decide here, compute in smaller functions"
            );
            findings.push(Finding::new(source.path, source.line_of(start), RULE_FN, advice));
        }
    }
    findings
}

/// The offset of the brace that opens the body; `None` for function types and bodiless declarations.
fn body_start(code: &str, start: usize) -> Option<usize> {
    let after = code[start + 2..].trim_start();
    if !after.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let bytes = code.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' => at = closing(code, at),
            b'{' => return Some(at),
            b';' => return None,
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naughty(path: &str, n_lines: usize) -> Naughty {
        Naughty::from([(path.to_owned(), n_lines)])
    }

    fn file_rules(text: &str, naughty: &Naughty) -> Vec<&'static str> {
        check_file(&Source::new("crates/a/src/b.rs", text), naughty)
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn long_file_is_caught_and_tests_do_not_count() {
        let long = "//\n".repeat(FILE_LINES_MAX + 1);
        assert_eq!(file_rules(&long, &Naughty::new()), [RULE_FILE]);
        let tested =
            format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(500), "//\n".repeat(99));
        assert_eq!(file_rules(&tested, &Naughty::new()), [""; 0]);
    }

    #[test]
    fn naughty_file_may_only_shrink() {
        let path = "crates/a/src/b.rs";
        let text = "//\n".repeat(600);
        assert_eq!(file_rules(&text, &naughty(path, 600)), [""; 0]);
        assert_eq!(file_rules(&text, &naughty(path, 599)), [RULE_FILE]);
        assert_eq!(file_rules(&text, &naughty(path, 601)), [RULE_NAUGHTY]);
        assert_eq!(file_rules("//\n", &naughty(path, 600)), [RULE_NAUGHTY]);
        assert_eq!(check_stale(&naughty(path, 600), ["x"].into_iter()).len(), 1);
    }

    #[test]
    fn naughty_list_is_read() {
        let (list, findings) = parse_naughty("# why\na.rs 510\n\nb.rs\n");
        assert_eq!(list, naughty("a.rs", 510));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 4);
    }

    #[test]
    fn long_function_is_caught_with_its_line() {
        let body = "    let x = [(); { 1 }];\n".repeat(FN_LINES_MAX + 1);
        let text = format!("type F = fn(u8);\n\nfn long(x: [u8; 2]) -> u8\n{{\n{body}}}\n");
        let findings = check_functions(&Source::new("a.rs", &text));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 3);
    }

    #[test]
    fn comments_and_blank_lines_are_free() {
        let body = "    // why\n\n    f();\n".repeat(FN_LINES_MAX);
        let text = format!("fn fits() {{\n{body}}}\n");
        assert_eq!(check_functions(&Source::new("a.rs", &text)), []);
    }
}
