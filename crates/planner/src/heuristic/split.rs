//! Splits a text at list items, sentences, "and" and "then".

/// One piece of a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// The words say that the piece before it comes first.
    pub(super) after_previous: bool,
}

/// The most parts that a goal may name in one breath; more is no list of parts.
const PARTS_MAX: usize = 12;

/// "and" splits only before one of these, for "forms and lists" is one thing.
const VERBS: [&str; 62] = [
    "add",
    "adapt",
    "allow",
    "analyse",
    "analyze",
    "archive",
    "assign",
    "audit",
    "automate",
    "build",
    "check",
    "clean",
    "configure",
    "connect",
    "convert",
    "create",
    "define",
    "delete",
    "deploy",
    "describe",
    "design",
    "develop",
    "document",
    "enable",
    "ensure",
    "expose",
    "extend",
    "extract",
    "fix",
    "generate",
    "implement",
    "improve",
    "install",
    "integrate",
    "introduce",
    "let",
    "load",
    "make",
    "measure",
    "migrate",
    "monitor",
    "move",
    "optimize",
    "port",
    "profile",
    "publish",
    "refactor",
    "release",
    "remove",
    "rename",
    "replace",
    "report",
    "review",
    "rewrite",
    "set",
    "show",
    "split",
    "support",
    "test",
    "update",
    "verify",
    "write",
];

/// The pieces of a goal, at least one where there are words.
pub(super) fn split(goal: &str) -> Vec<Piece> {
    let items = list_items(goal);
    if items.len() > 1 {
        return items;
    }
    let mut pieces = Vec::new();
    for sentence in sentences(goal) {
        pieces.extend(clauses(sentence));
    }
    pieces.retain(|piece| !piece.text.is_empty());
    if pieces.is_empty() {
        pieces.push(Piece { text: goal.trim().to_owned(), after_previous: false });
    }
    pieces
}

/// The items of a list; the order of a numbered one counts.
fn list_items(goal: &str) -> Vec<Piece> {
    let mut items: Vec<Piece> = Vec::new();
    for line in goal.lines() {
        let line = line.trim();
        let bullet = ["- ", "* ", "• "].iter().find_map(|mark| line.strip_prefix(mark));
        let item = bullet.map(|text| (text, false)).or_else(|| numbered(line).map(|t| (t, true)));
        let Some((text, in_order)) = item else { continue };
        let text = tidy(text);
        if text.is_empty() {
            continue;
        }
        let after_previous = in_order && !items.is_empty();
        items.push(Piece { text, after_previous });
    }
    items
}

fn numbered(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() == line.len() {
        return None;
    }
    rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))
}

/// Sentences end at a line's end, a semicolon, or a full stop before a space and a capital letter.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let next = rest.trim_start().chars().next();
        let spaced = rest.starts_with(char::is_whitespace);
        let ends = match c {
            '\n' | ';' => true,
            '.' | '!' | '?' => spaced && next.is_none_or(|next| !next.is_lowercase()),
            _ => false,
        };
        if ends {
            sentences.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    sentences.push(&text[start..]);
    sentences.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    sentences
}

fn clauses(sentence: &str) -> Vec<Piece> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut present: Vec<&str> = Vec::new();
    let mut after_previous = false;
    let mut at = 0;
    while at < words.len() {
        let boundary = if present.is_empty() { None } else { boundary(&words, at) };
        if let Some(boundary) = boundary {
            pieces.push(Piece { text: tidy(&present.join(" ")), after_previous });
            present.clear();
            after_previous = boundary.in_order;
            at += boundary.n_words;
        } else {
            present.push(words[at]);
            at += 1;
        }
    }
    if !present.is_empty() {
        pieces.push(Piece { text: tidy(&present.join(" ")), after_previous });
    }
    pieces
}

struct Boundary {
    /// How many words belong to the boundary itself.
    n_words: usize,
    in_order: bool,
}

fn boundary(words: &[&str], at: usize) -> Option<Boundary> {
    let word = |at: usize| words.get(at).map(|word| plain(word)).unwrap_or_default();
    let is_verb = |at: usize| VERBS.contains(&word(at).as_str());
    match word(at).as_str() {
        "then" => Some(Boundary { n_words: 1, in_order: true }),
        "and" if word(at + 1) == "then" => Some(Boundary { n_words: 2, in_order: true }),
        "and" if is_verb(at + 1) => Some(Boundary { n_words: 1, in_order: false }),
        _ if at > 0 && words[at - 1].ends_with(',') && is_verb(at) => {
            Some(Boundary { n_words: 0, in_order: false })
        }
        _ => None,
    }
}

fn plain(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

fn tidy(text: &str) -> String {
    text.trim().trim_end_matches([',', '.', ';']).trim_end().to_owned()
}

/// The parts that a goal names after "with": "with user, order, and payment services" are three.
/// None where there are fewer than two.
pub(super) fn parts(goal: &str) -> Vec<String> {
    let Some((_, list)) = goal.split_once(" with ") else { return Vec::new() };
    let list = list.split(['.', ';', '\n']).next().unwrap_or_default();
    let parts: Vec<String> = list
        .replace(", and ", ",")
        .replace(" and ", ",")
        .split(',')
        .map(|part| {
            let part = part.trim().trim_start_matches("a ").trim_start_matches("an ");
            part.trim_end_matches(" services").trim_end_matches(" service").trim().to_owned()
        })
        .filter(|part| !part.is_empty())
        .collect();
    if (2..=PARTS_MAX).contains(&parts.len()) { parts } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(goal: &str) -> Vec<(String, bool)> {
        split(goal).into_iter().map(|piece| (piece.text, piece.after_previous)).collect()
    }

    fn check(goal: &str, wanted: &[(&str, bool)]) {
        let wanted: Vec<_> =
            wanted.iter().map(|(text, after)| ((*text).to_owned(), *after)).collect();
        assert_eq!(texts(goal), wanted, "{goal}");
    }

    #[test]
    fn texts_are_split_where_a_task_begins() {
        check(
            "Add a login and write tests for it",
            &[("Add a login", false), ("write tests for it", false)],
        );
        check("Fix lists and forms.", &[("Fix lists and forms", false)]);
        check(
            "Add v1.2 support. Then document it; e.g. in the readme",
            &[
                ("Add v1.2 support", false),
                ("Then document it", false),
                ("e.g. in the readme", false),
            ],
        );
        check(
            "Build the parser, then test it and then release it",
            &[("Build the parser", false), ("test it", true), ("release it", true)],
        );
        check(
            "Build a parser, add a cache, and document both",
            &[("Build a parser", false), ("add a cache", false), ("document both", false)],
        );
    }

    #[test]
    fn lists_become_their_items() {
        check(
            "Do this:\n- one thing\n* another, and add more\n",
            &[("one thing", false), ("another, and add more", false)],
        );
        check("1. first\n2) second\n", &[("first", false), ("second", true)]);
        check("...", &[("...", false)]);
        check("- one\n- ,\n- two", &[("one", false), ("two", false)]);
        check(", and build it", &[("build it", false)]);
    }

    #[test]
    fn parts_are_listed() {
        assert_eq!(
            parts("Convert it with user, order, and payment services"),
            ["user", "order", "payment"]
        );
        assert_eq!(
            parts("An app with React frontend and FastAPI backend."),
            ["React frontend", "FastAPI backend"]
        );
        assert_eq!(parts("An app with style"), [""; 0]);
    }
}
