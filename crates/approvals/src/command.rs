//! The words of one simple shell command, or nothing.
//!
//! Not a shell parser: it accepts a small literal subset of bash, in which the words that bash would
//! execute are exactly the words returned here, and refuses everything else. Accepted are plain
//! characters, `'…'`, and `"…"` without expansions; blanks are spaces. Refused is every character
//! that has, or in some place could have, another meaning.

/// The longest command that is looked at, in bytes.
pub const COMMAND_BYTES_MAX: usize = 16 * 1024;
/// The most words of a command that is looked at.
pub const WORDS_MAX: usize = 256;

/// Why the words of a command are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// There is no word.
    #[error("the command is empty")]
    Empty,
    /// Longer than [`COMMAND_BYTES_MAX`], or more words than [`WORDS_MAX`].
    #[error("the command is too long to be judged")]
    TooLong,
    /// A character that means something to the shell.
    #[error("{0:?} has a meaning of its own to the shell")]
    Special(char),
    /// A quote without its end.
    #[error("a quote has no end")]
    OpenQuote,
    /// `NAME=value` before the command.
    #[error("it sets a variable first")]
    Assignment,
    /// The first word is quoted or a word of the shell's own language.
    #[error("it does not begin with the plain name of a program")]
    NotAProgram,
}

/// Words that begin something other than a simple command, or run the rest in another way.
const RESERVED: [&str; 20] = [
    "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "time", "until", "while", "exec", "eval", "source",
];

/// The words of a command, exactly as bash would execute them.
///
/// # Errors
/// [`Unclear`] where that cannot be said with certainty.
pub fn words(command: &str) -> Result<Vec<String>, Unclear> {
    if command.len() > COMMAND_BYTES_MAX {
        return Err(Unclear::TooLong);
    }
    let mut words: Vec<String> = Vec::new();
    // A word has begun once anything stands in it, even an empty pair of quotes.
    let mut present: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(present.take()),
            '\'' | '"' => {
                if words.is_empty() {
                    return Err(Unclear::NotAProgram);
                }
                quoted(c, &mut chars, present.get_or_insert_default())?;
            }
            c if is_plain(c) => present.get_or_insert_default().push(c),
            c => return Err(Unclear::Special(c)),
        }
    }
    words.extend(present);
    check_first(words.first().map(String::as_str))?;
    if words.len() > WORDS_MAX {
        return Err(Unclear::TooLong);
    }
    Ok(words)
}

/// Characters that stand for themselves everywhere in a word.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./,:=@%+".contains(c)
}

fn quoted(quote: char, chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), Unclear> {
    for c in chars {
        match c {
            c if c == quote => return Ok(()),
            c if c.is_control() => return Err(Unclear::Special(c)),
            // Expansion, escape and history live on inside double quotes.
            '$' | '`' | '\\' | '!' if quote == '"' => return Err(Unclear::Special(c)),
            c => word.push(c),
        }
    }
    Err(Unclear::OpenQuote)
}

fn check_first(first: Option<&str>) -> Result<(), Unclear> {
    let Some(first) = first else { return Err(Unclear::Empty) };
    if first.contains('=') {
        return Err(Unclear::Assignment);
    }
    // `.` runs a file in this shell, `:` and `%1` are the shell's own; a program has a letter.
    let named =
        first.contains(|c: char| c.is_ascii_alphanumeric()) && !first.starts_with(['%', '-']);
    if !named || RESERVED.contains(&first) {
        return Err(Unclear::NotAProgram);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_and_quotes_are_understood() {
        for (command, wanted) in [
            ("cargo test", vec!["cargo", "test"]),
            ("  git  log  --format=%h ", vec!["git", "log", "--format=%h"]),
            ("git commit -m 'a; b $(c)'", vec!["git", "commit", "-m", "a; b $(c)"]),
            ("echo \"a 'b' | ü\"x''", vec!["echo", "a 'b' | üx"]),
            ("echo ''", vec!["echo", ""]),
        ] {
            assert_eq!(words(command), Ok(wanted.into_iter().map(str::to_owned).collect()));
        }
    }

    #[test]
    fn everything_else_is_unclear() {
        for command in [
            "a;b",
            "a|b",
            "a&b",
            "a<b",
            "a>b",
            "a $b",
            "a `b`",
            "a (b)",
            "a {b,c}",
            "a\nb",
            "a\tb",
            "a *",
            "l? x",
            "[ab]",
            "a ~",
            "a !b",
            "a #b",
            "a \\b",
            "a ^b",
            "a \"$b\"",
            "a \"`b`\"",
            "a \"\\b\"",
            "a \"!b\"",
            "a 'b",
            "a \"b",
            "a 'b\nc'",
            "",
            "  ",
            "A=1 b",
            "A+=1",
            "'a' b",
            "a\u{a0}b",
            "a\0b",
            "if a",
            "time a",
            "eval a",
            ". a",
            ": a",
            "%1",
            "a\rb",
            "-x",
        ] {
            assert!(words(command).is_err(), "{command:?}");
        }
        assert_eq!(words(&"a ".repeat(257)), Err(Unclear::TooLong));
        assert_eq!(words(&"a".repeat(COMMAND_BYTES_MAX + 1)), Err(Unclear::TooLong));
    }
}
