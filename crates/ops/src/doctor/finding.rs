//! What was found, in three levels.

use callboard_api::request::Finding;

pub(super) fn ok(check: &str, text: impl Into<String>) -> Finding {
    finding(check, "ok", text)
}

pub(super) fn warning(check: &str, text: impl Into<String>) -> Finding {
    finding(check, "warning", text)
}

pub(super) fn problem(check: &str, text: impl Into<String>) -> Finding {
    finding(check, "problem", text)
}

fn finding(check: &str, level: &str, text: impl Into<String>) -> Finding {
    Finding { check: check.to_owned(), level: level.to_owned(), text: text.into() }
}
