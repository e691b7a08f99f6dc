//! Checked names: tokens, streams, subjects, buckets, blobs.
//!
//! A token is `[A-Za-z0-9_-]{1,128}`, so that every name is also a legal NATS subject and a legal
//! file name.

use std::fmt;

/// A name that breaks the rules of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to accept {kind} name {name:?}: {rule}")]
pub struct BadName {
    /// What was to be named.
    pub kind: &'static str,
    /// The refused text, cut to 200 characters.
    pub name: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// The longest token, in bytes.
pub const TOKEN_LEN_MAX: usize = 128;

/// Says whether `text` is one token.
#[must_use]
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= TOKEN_LEN_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn check(kind: &'static str, name: &str, n_max: usize) -> Result<(), BadName> {
    let n = name.split('.').count();
    if n <= n_max && name.split('.').all(is_token) {
        return Ok(());
    }
    Err(BadName {
        kind,
        name: name.chars().take(200).collect(),
        rule: "tokens of [A-Za-z0-9_-], 1 to 128 long, joined by dots",
    })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $n_max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Checks `name`.
            ///
            /// # Errors
            /// [`BadName`] where a token is empty, too long or has a forbidden character.
            pub fn new(name: impl Into<String>) -> Result<Self, BadName> {
                let name = name.into();
                check($kind, &name, $n_max)?;
                Ok(Self(name))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A stream of the event log: `<kind>.<id>`, such as `agent.calendar-dev-1`.
    Stream, "stream", 2
);
name!(
    /// A concrete subject of the bus, at most 8 tokens.
    Subject, "subject", 8
);
name!(
    /// A bucket of the key-value port, one token.
    Bucket, "bucket", 1
);
name!(
    /// A key in a bucket, at most 4 tokens.
    Key, "key", 4
);
name!(
    /// A blob, at most 6 tokens.
    BlobName, "blob", 6
);

/// A subject pattern: tokens, `*` for one token, a last `>` for one or more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// Checks `pattern`.
    ///
    /// # Errors
    /// [`BadName`] where a token is neither legal nor a wildcard, or `>` is not the last.
    pub fn new(pattern: impl Into<String>) -> Result<Self, BadName> {
        let pattern = pattern.into();
        let n = pattern.split('.').count();
        let legal = pattern
            .split('.')
            .enumerate()
            .all(|(idx, token)| token == "*" || (token == ">" && idx + 1 == n) || is_token(token));
        if legal && n <= 8 {
            return Ok(Self(pattern));
        }
        Err(BadName {
            kind: "pattern",
            name: pattern.chars().take(200).collect(),
            rule: "tokens of [A-Za-z0-9_-], `*` for one token, a last `>` for the rest",
        })
    }

    /// Says whether `subject` matches.
    #[must_use]
    pub fn matches(&self, subject: &Subject) -> bool {
        let mut subject = subject.as_str().split('.');
        for token in self.0.split('.') {
            match (token, subject.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (token, Some(other)) if token == other => {}
                _ => return false,
            }
        }
        subject.next().is_none()
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of a match, token by token.
    fn matches(pattern: &[&str], subject: &[&str]) -> bool {
        match (pattern, subject) {
            ([], []) => true,
            ([">"], [_, ..]) => true,
            (["*", pattern @ ..], [_, subject @ ..]) => matches(pattern, subject),
            ([a, pattern @ ..], [b, subject @ ..]) => a == b && matches(pattern, subject),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn pattern_matches_by_its_definition(
            pattern in "([ab*]\\.){0,3}[ab*>]",
            subject in "([ab]\\.){0,4}[ab]",
        ) {
            let expected = matches(
                &pattern.split('.').collect::<Vec<_>>(),
                &subject.split('.').collect::<Vec<_>>(),
            );
            let pattern = Pattern::new(pattern).expect("legal");
            prop_assert_eq!(pattern.matches(&Subject::new(subject).expect("legal")), expected);
        }

        #[test]
        fn legal_subject_matches_itself(name in "[a-zA-Z0-9_.*>ä -]{0,8}") {
            if let Ok(subject) = Subject::new(name.clone()) {
                prop_assert!(Pattern::new(name).expect("legal").matches(&subject));
            }
        }
    }

    #[test]
    fn names_are_checked() {
        for bad in ["", "a.", ".a", "a b", "a.b.c", "ä", &"x".repeat(129)] {
            assert!(Stream::new(bad).is_err(), "{bad:?}");
        }
        assert!(Stream::new("agent.calendar-dev_1").is_ok());
    }

    #[test]
    fn patterns_match_by_token() {
        let matches = |pattern: &str, subject: &str| {
            Pattern::new(pattern).expect("legal").matches(&Subject::new(subject).expect("legal"))
        };
        assert!(matches("a.*", "a.b"));
        assert!(!matches("a.*", "a.b.c"));
        assert!(matches("a.>", "a.b.c"));
        assert!(!matches("a.>", "a"));
        assert!(matches("*.b", "a.b"));
        assert!(!matches("a.b", "a.b.c"));
        assert!(Pattern::new("a.>.b").is_err());
    }
}
