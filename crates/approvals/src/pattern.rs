//! Patterns of commands: words that must be equal, and `*`.

use std::fmt;

use crate::command;
use crate::inner;

/// A command pattern. `*` in the middle is exactly one word, at the end any further words (none,
/// too); every other word must be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    words: Vec<Word>,
    any_further: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Exactly(String),
    AnyOne,
}

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to accept pattern {pattern:?}: {reason}")]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Pattern {
    /// Reads a pattern of what is denied.
    ///
    /// # Errors
    /// [`BadPattern`] where it could never match, or does not begin with a program.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let bad = |reason: String| BadPattern { pattern: text.to_owned(), reason };
        // A `*` alone is not of the language; any plain word can stand in for it.
        let stand_in = "-STAR-";
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            if word != "*" && word.contains('*') {
                return Err(bad("'*' stands for whole words".to_owned()));
            }
            words.push(if word == "*" { stand_in } else { word });
        }
        let words = command::words(&words.join(" ")).map_err(|unclear| bad(unclear.to_string()))?;
        let mut words: Vec<Word> = words
            .into_iter()
            .map(|word| if word == stand_in { Word::AnyOne } else { Word::Exactly(word) })
            .collect();
        let any_further = words.last() == Some(&Word::AnyOne);
        if any_further {
            words.pop();
        }
        match words.first() {
            Some(Word::Exactly(_)) => Ok(Self { words, any_further }),
            _ => Err(bad("it must begin with the name of a program".to_owned())),
        }
    }

    /// Reads a pattern of what is allowed: it must not begin with a program that runs others.
    ///
    /// # Errors
    /// [`BadPattern`], also where no command that matches could ever be allowed.
    pub fn new_allow(text: &str) -> Result<Self, BadPattern> {
        let pattern = Self::new(text)?;
        let mut words: Vec<String> = pattern.words.iter().map(ToString::to_string).collect();
        if pattern.any_further {
            // What may follow is judged when it is there.
            words.push("file".to_owned());
        }
        match inner::hidden_program(&words) {
            Some(reason) => Err(BadPattern {
                pattern: text.to_owned(),
                reason: format!("{reason}, so it can never be allowed without a person"),
            }),
            None => Ok(pattern),
        }
    }

    /// Whether the words match.
    #[must_use]
    pub fn matches(&self, words: &[String]) -> bool {
        let length_fits = match self.any_further {
            true => words.len() >= self.words.len(),
            false => words.len() == self.words.len(),
        };
        length_fits
            && self.words.iter().zip(words).all(|(wanted, word)| match wanted {
                Word::Exactly(wanted) => wanted == word,
                Word::AnyOne => true,
            })
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(word) => f.write_str(word),
            Self::AnyOne => f.write_str("*"),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = self.words.iter().map(ToString::to_string).collect();
        if self.any_further {
            words.push("*".to_owned());
        }
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, command: &str) -> bool {
        let words = command::words(command).expect("clear");
        Pattern::new(pattern).expect("good").matches(&words)
    }

    #[test]
    fn words_match_one_by_one() {
        assert!(matches("cargo test *", "cargo test"));
        assert!(matches("cargo test *", "cargo test -p a b"));
        assert!(!matches("cargo test *", "cargo build"));
        assert!(!matches("cargo test *", "./cargo test"));
        assert!(matches("git show *  --stat", "git show HEAD --stat"));
        assert!(!matches("git show * --stat", "git show a b --stat"));
        assert!(!matches("git show * --stat", "git show --stat"));
        assert!(matches("git status", "git status"));
        assert!(!matches("git status", "git status -s"));
        assert!(!matches(
            "git status",
            "'git' status".trim_start_matches('\'').trim_start_matches("git'")
        ));
    }

    #[test]
    fn patterns_that_prove_nothing_are_refused() {
        for text in ["", "*", "* x", "a*", "a; b", "a $x", "A=1 b", "a 'b"] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
        for text in ["sudo *", "env A", "sh -c *", "git -c a=b log", "find . -exec *", "xargs *"] {
            assert!(Pattern::new_allow(text).is_err(), "{text}");
            assert!(Pattern::new(text).is_ok(), "{text}");
        }
        assert!(Pattern::new_allow("bash scripts/check.sh *").is_ok());
    }
}
