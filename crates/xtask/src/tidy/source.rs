//! A Rust file with its comments and literals masked, so that rules see code alone.
//!
//! Not a parser: it knows comments, strings, characters and matching braces, which is all that the
//! rules need. Masked text has the same length and lines as the original.

/// A Rust file as the rules see it.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    /// The text with comments blanked and the contents of literals replaced by `_`.
    pub(crate) code: String,
    /// The byte ranges of items under `#[cfg(test)]`.
    pub(crate) tests: Vec<std::ops::Range<usize>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        let code = mask(text);
        let tests = test_ranges(&code);
        Self { path, text, code, tests }
    }

    /// The line of a byte offset, from 1.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset].iter().filter(|&&b| b == b'\n').count() + 1
    }

    /// Whether the offset lies in code that only tests see.
    pub(crate) fn in_tests(&self, offset: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&offset))
    }

    /// The offsets at which `needle` stands in the code.
    pub(crate) fn find_code(&self, needle: &str) -> Vec<usize> {
        self.code.match_indices(needle).map(|(offset, _)| offset).collect()
    }

    /// The offsets at which `word` stands in the code as a whole word.
    pub(crate) fn find_word(&self, word: &str) -> Vec<usize> {
        let bytes = self.code.as_bytes();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        self.find_code(word)
            .into_iter()
            .filter(|&start| {
                let end = start + word.len();
                (start == 0 || !is_word(bytes[start - 1]))
                    && bytes.get(end).is_none_or(|&b| !is_word(b))
            })
            .collect()
    }
}

/// The offset just behind the bracket that closes the one at `open`; the end where none does.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let bytes = code.as_bytes();
    let (opener, closer) = match bytes[open] {
        b'{' => (b'{', b'}'),
        b'(' => (b'(', b')'),
        _ => (b'[', b']'),
    };
    let mut depth = 0_usize;
    for (offset, &byte) in bytes.iter().enumerate().skip(open) {
        if byte == opener {
            depth += 1;
        } else if byte == closer {
            depth -= 1;
            if depth == 0 {
                return offset + 1;
            }
        }
    }
    bytes.len()
}

fn test_ranges(code: &str) -> Vec<std::ops::Range<usize>> {
    let attribute = "#[cfg(test)]";
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    for (start, _) in code.match_indices(attribute) {
        if ranges.last().is_some_and(|range| range.contains(&start)) {
            continue;
        }
        let rest = &code[start..];
        let end = match rest.find(['{', ';']) {
            Some(at) if rest.as_bytes()[at] == b'{' => closing(code, start + at),
            Some(at) => start + at + 1,
            None => code.len(),
        };
        ranges.push(start..end);
    }
    ranges
}

fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => {
                let end = line_end(bytes, at);
                fill(&mut out, at, end, b' ');
                end
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                let end = block_comment_end(bytes, at);
                fill(&mut out, at, end, b' ');
                end
            }
            b'r' if !is_word_before(bytes, at) => match raw_string(bytes, at + 1) {
                Some((inside, end)) => {
                    fill(&mut out, inside.start, inside.end, b'_');
                    end
                }
                None => at + 1,
            },
            b'"' => {
                let end = quoted_end(bytes, at, b'"');
                fill(&mut out, at + 1, end.saturating_sub(1), b'_');
                end
            }
            b'\'' => match character_end(bytes, at) {
                Some(end) => {
                    fill(&mut out, at + 1, end - 1, b'_');
                    end
                }
                None => at + 1,
            },
            _ => at + 1,
        };
        at = end;
    }
    String::from_utf8(out).expect("whole literals and comments are replaced by ASCII")
}

fn fill(out: &mut [u8], start: usize, end: usize, with: u8) {
    for byte in &mut out[start..end.max(start)] {
        if *byte != b'\n' {
            *byte = with;
        }
    }
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| start + n)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// A word character stands before `at`, save the `b` or `c` that may prefix a raw string.
fn is_word_before(bytes: &[u8], at: usize) -> bool {
    let word = |i: usize| bytes[i].is_ascii_alphanumeric() || bytes[i] == b'_';
    match at {
        0 => false,
        1 => word(0) && !matches!(bytes[0], b'b' | b'c'),
        _ => word(at - 1) && (!matches!(bytes[at - 1], b'b' | b'c') || word(at - 2)),
    }
}

/// The inside and the end of a raw string whose hashes begin at `at`.
fn raw_string(bytes: &[u8], at: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let n_hashes = bytes[at..].iter().take_while(|&&b| b == b'#').count();
    let open = at + n_hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + n_hashes, b'#');
    let inside = open + 1;
    let length = bytes[inside..].windows(close.len()).position(|window| window == close);
    let end = length.map_or(bytes.len(), |n| inside + n);
    Some((inside..end, (end + close.len()).min(bytes.len())))
}

fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a character literal at `start`, or `None` where the quote begins a lifetime.
fn character_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1) == Some(&b'\\') {
        return Some(quoted_end(bytes, start, b'\''));
    }
    let first = *bytes.get(start + 1)?;
    let length = match first {
        0x00..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    (bytes.get(start + 1 + length) == Some(&b'\'')).then_some(start + length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_masked_and_lines_kept() {
        let text = "let a = \"{\\\"\"; // }\nlet b = r#\"}\n\"}\"#; /* { /* } */ */ let c: &'a str = x('}', '\\'', 'é');";
        let code = mask(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), text.lines().count());
        assert!(!code.contains(['{', '}', 'é']), "{code}");
        assert!(code.contains("&'a str = x("), "{code}");
    }

    #[test]
    fn modules_for_tests_are_found() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if x { } } }\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}";
        let source = Source::new("a.rs", text);
        let inside = |needle: &str| source.in_tests(text.find(needle).expect("present"));
        assert!(inside("fn b"));
        assert!(inside("mod more"));
        assert!(!inside("fn a") && !inside("fn c") && !inside("fn d"));
    }

    #[test]
    fn words_are_whole() {
        let source = Source::new("a.rs", "fn fnord(fn_x: fn()) {} // fn");
        assert_eq!(source.find_word("fn"), [0, 15]);
    }
}
