//! Splits a byte stream into lines of bounded length.

/// A line of a program's output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// The beginning of a line that was longer than the limit; the rest was thrown away.
    Cut(Vec<u8>),
}

/// Collects bytes until a line is whole. Holds at most one line of the longest length.
#[derive(Debug)]
pub(crate) struct Lines {
    len_max: usize,
    partial: Vec<u8>,
    cut: bool,
}

impl Lines {
    pub(crate) fn new(len_max: usize) -> Self {
        Self { len_max, partial: Vec::new(), cut: false }
    }

    /// Takes bytes as they come and returns the lines that they complete, empty ones left out.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.take(&bytes[..end]);
            lines.extend(self.finish());
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
        lines
    }

    /// The last line, where the stream ended within it.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        let line = std::mem::take(&mut self.partial);
        match (std::mem::take(&mut self.cut), line.trim_ascii().is_empty()) {
            (true, _) => Some(Line::Cut(line)),
            (false, true) => None,
            (false, false) => Some(Line::Whole(line)),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = self.len_max - self.partial.len();
        self.cut |= bytes.len() > room;
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_come_whole_however_they_are_fed() {
        let mut lines = Lines::new(8);
        assert_eq!(lines.feed(b"ab"), []);
        assert_eq!(lines.feed(b"c\n\n \r\nd"), [whole("abc")]);
        assert_eq!(lines.finish(), Some(whole("d")));
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn long_line_is_cut_and_the_next_is_whole() {
        let mut lines = Lines::new(3);
        let cut = Line::Cut(b"abc".to_vec());
        assert_eq!(lines.feed(b"abcdefgh\nxyz\n"), [cut, whole("xyz")]);
        assert_eq!(lines.feed(b"abc"), []);
        assert_eq!(lines.feed(b"d\n"), [Line::Cut(b"abc".to_vec())]);
    }

    proptest! {
        #[test]
        fn splitting_the_input_changes_nothing(text in "[ab\n]{0,40}", at in 0_usize..40) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len());
            let mut once = Lines::new(5);
            let mut twice = Lines::new(5);
            let mut wanted = once.feed(bytes);
            let mut got = twice.feed(&bytes[..at]);
            got.extend(twice.feed(&bytes[at..]));
            wanted.extend(once.finish());
            got.extend(twice.finish());
            prop_assert_eq!(got, wanted);
        }
    }
}
