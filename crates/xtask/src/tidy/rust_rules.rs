//! Rules for Rust files besides lengths and logs.

use super::finding::Finding;
use super::length;
use super::source::Source;

const RULE_DOCS: &str = "module-docs";
const RULE_ROOT: &str = "declare-only";
const RULE_ATTRIBUTE: &str = "attribute";
const RULE_TEST_NAME: &str = "test-name";

/// Every file says what it is for.
pub(crate) fn check_docs(source: &Source<'_>) -> Vec<Finding> {
    let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.starts_with("//!") && first.len() > 4 {
        return Vec::new();
    }
    vec![Finding::new(source.path, 1, RULE_DOCS, "begin with `//!` and say what the file is for")]
}

/// `lib.rs` and `mod.rs` hold declarations and re-exports; logic has a named file.
pub(crate) fn check_root(source: &Source<'_>) -> Vec<Finding> {
    if !source.path.ends_with("/lib.rs") && !source.path.ends_with("/mod.rs") {
        return Vec::new();
    }
    if length::is_test_file(source.path) {
        return Vec::new();
    }
    let items = [
        "fn",
        "impl",
        "struct",
        "enum",
        "trait",
        "union",
        "const",
        "static",
        "macro_rules",
        "type",
    ];
    let mut findings: Vec<Finding> = Vec::new();
    for item in items {
        for offset in source.find_word(item) {
            if source.in_tests(offset) || is_lifetime(source, offset) {
                continue;
            }
            let advice = format!("move this `{item}` to a file with a name");
            findings.push(Finding::new(source.path, source.line_of(offset), RULE_ROOT, advice));
        }
    }
    findings.truncate(3);
    findings
}

/// Attributes that hide a problem.
pub(crate) fn check_attributes(source: &Source<'_>) -> Vec<Finding> {
    let banned = [
        ("#[allow", "use `#[expect(lint, reason = \"…\")]`, which says why and ends by itself"),
        ("#![allow", "use `#![expect(lint, reason = \"…\")]`, which says why and ends by itself"),
        ("#[ignore", "a test runs or is deleted; long runs belong to `cargo xtask soak`"),
        ("#[should_panic", "assert the error instead of the panic"),
    ];
    let mut findings = Vec::new();
    for (attribute, advice) in banned {
        for offset in source.find_code(attribute) {
            let line = source.line_of(offset);
            findings.push(Finding::new(source.path, line, RULE_ATTRIBUTE, advice));
        }
    }
    findings
}

fn is_lifetime(source: &Source<'_>, offset: usize) -> bool {
    source.code[..offset].ends_with('\'')
}

/// Test names say the fact that they hold.
pub(crate) fn check_test_names(source: &Source<'_>) -> Vec<Finding> {
    let prefix = concat!("fn te", "st_");
    let is_test = |offset: usize| {
        let mut before = source.code[..offset].trim_end().lines().rev();
        let attributes = before.by_ref().take_while(|line| line.trim_start().starts_with("#["));
        attributes.into_iter().any(|line| line.contains("test"))
    };
    let found = source.find_code(prefix).into_iter().filter(|&offset| is_test(offset));
    found
        .map(|offset| {
            let advice = "name the fact, without the prefix: `expired_lease_moves_task`";
            Finding::new(source.path, source.line_of(offset), RULE_TEST_NAME, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, rule: fn(&Source<'_>) -> Vec<Finding>) -> usize {
        rule(&Source::new(path, text)).len()
    }

    #[test]
    fn file_without_docs_is_caught() {
        assert_eq!(check("a.rs", "use x;\n//! Late.\n", check_docs), 1);
        assert_eq!(check("a.rs", "//!\n", check_docs), 1);
        assert_eq!(check("a.rs", "", check_docs), 1);
        assert_eq!(check("a.rs", "//! What for.\n", check_docs), 0);
    }

    #[test]
    fn logic_in_a_root_is_caught() {
        let text = "//! Doc about fn.\npub mod a;\npub use a::{B, impl_of};\nfn c() {}\n";
        assert_eq!(check("crates/a/src/lib.rs", text, check_root), 1);
        assert_eq!(check("crates/a/src/b/mod.rs", text, check_root), 1);
        assert_eq!(check("crates/a/src/c.rs", text, check_root), 0);
        assert_eq!(
            check("crates/a/src/lib.rs", "//! Doc.\nmod a;\npub use a::B;\n", check_root),
            0
        );
    }

    #[test]
    fn hiding_attributes_are_caught() {
        for attribute in ["allow(dead_code)", "ignore", "should_panic", "ignore = \"slow\""] {
            let text = format!("#[{attribute}]\nfn a() {{}}\n");
            assert_eq!(check("a.rs", &text, check_attributes), 1, "{attribute}");
        }
        assert_eq!(check("a.rs", "#![allow(unused)]", check_attributes), 1);
        let good = "#[expect(dead_code, reason = \"x\")]\n// #[allow(x)]\nlet a = \"#[ignore]\";";
        assert_eq!(check("a.rs", good, check_attributes), 0);
    }

    #[test]
    fn prefixed_test_is_caught() {
        let text = format!("#[test]\n{}works() {{}}", concat!("fn te", "st_"));
        assert_eq!(check("a.rs", &text, check_test_names), 1);
        assert_eq!(check("a.rs", "fn test_ranges() {}", check_test_names), 0);
        assert_eq!(check("a.rs", "fn works() {}", check_test_names), 0);
    }
}
