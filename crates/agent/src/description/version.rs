//! Judges the version that a program reports. Pure.

use super::types::VersionCheck;

/// What a reported version means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was tested, or lies between versions that were.
    Tested,
    /// It is newer than what was tested: use it, and say so.
    Newer,
    /// It is older than what was tested, or unreadable: refuse it.
    TooOld,
}

impl VersionCheck {
    /// Judges the program's answer to the version arguments.
    #[must_use]
    pub fn judge(&self, answer: &str) -> Verdict {
        let version = parts(answer);
        if version.is_empty() || version < parts(&self.tested_min) {
            return Verdict::TooOld;
        }
        if version > parts(&self.tested_max) { Verdict::Newer } else { Verdict::Tested }
    }
}

/// The numbers of a version, for comparison: `2.1.328 (Claude Code)` is 2, 1, 328.
pub(super) fn parts(version: &str) -> Vec<u64> {
    let version = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version[..end].split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(parts("2.1.328 (Claude Code)"), [2, 1, 328]);
        assert_eq!(parts("codex v0.169.0-beta"), [0, 169, 0]);
        let check = VersionCheck {
            args: Vec::new(),
            tested_min: "2.1.99".to_owned(),
            tested_max: "2.1.100".to_owned(),
            install: String::new(),
        };
        let cases = [
            ("2.1.98", Verdict::TooOld),
            ("none", Verdict::TooOld),
            ("2.1.99", Verdict::Tested),
            ("2.1.100 (x)", Verdict::Tested),
            ("2.2", Verdict::Newer),
        ];
        for (answer, verdict) in cases {
            assert_eq!(check.judge(answer), verdict, "{answer}");
        }
    }
}
