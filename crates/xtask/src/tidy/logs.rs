//! Log messages: lower case, no full stop, what varies in fields.

use super::finding::Finding;
use super::source::{Source, closing};

const RULE: &str = "log-format";
const MACROS: [&str; 5] = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];

/// Checks every log message of a file.
pub(crate) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for macro_name in MACROS {
        for start in source.find_code(macro_name) {
            let word_before = start > 0 && {
                let before = source.code.as_bytes()[start - 1];
                before.is_ascii_alphanumeric() || before == b'_'
            };
            if word_before {
                continue;
            }
            let open = start + macro_name.len() - 1;
            let Some((offset, message)) = message(source, open) else { continue };
            if let Some(advice) = fault(message) {
                findings.push(Finding::new(source.path, source.line_of(offset), RULE, advice));
            }
        }
    }
    findings
}

/// The message literal: the first string that stands alone as an argument.
fn message<'a>(source: &'a Source<'_>, open: usize) -> Option<(usize, &'a str)> {
    let end = closing(&source.code, open) - 1;
    let mut at = open + 1;
    let mut fresh = true;
    let bytes = source.code.as_bytes();
    while at < end {
        match bytes[at] {
            b'"' if fresh => {
                let length = source.code[at + 1..end].find('"')?;
                return Some((at, &source.text[at + 1..at + 1 + length]));
            }
            b'"' => at += source.code[at + 1..end].find('"')? + 2,
            b'(' | b'[' | b'{' => {
                at = closing(&source.code, at);
                fresh = false;
            }
            b',' => {
                fresh = true;
                at += 1;
            }
            byte => {
                fresh = fresh && byte.is_ascii_whitespace();
                at += 1;
            }
        }
    }
    None
}

fn fault(message: &str) -> Option<&'static str> {
    if message.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Some("begin the message in lower case");
    }
    if message.ends_with('.') {
        return Some("end the message without a full stop");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Vec<String> {
        check(&Source::new("a.rs", text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn upper_case_and_full_stop_are_caught() {
        assert_eq!(
            check_text("fn a() {\n    tracing::info!(id = %x(\"A\"), \"Task assigned\");\n}"),
            ["a.rs:2: log-format: begin the message in lower case"]
        );
        assert_eq!(
            check_text("warn!(\"lost.\");"),
            ["a.rs:1: log-format: end the message without a full stop"]
        );
    }

    #[test]
    fn fields_and_good_messages_pass() {
        assert_eq!(check_text("info!(task_id = %id, kind = \"A.\", \"task assigned\");"), [""; 0]);
        assert_eq!(check_text("my_info!(\"Not a log.\"); // info!(\"Neither.\")"), [""; 0]);
        assert_eq!(check_text("error!(error = &e as &dyn Error);"), [""; 0]);
    }
}
