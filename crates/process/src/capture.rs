//! The output of a command, bounded: its head and its tail are kept, the middle is counted.

use std::borrow::Cow;
use std::collections::VecDeque;

/// How much output is kept, and how much is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes kept from the start of each stream.
    pub head_bytes: usize,
    /// Bytes kept from the end of each stream. What lies between is cut, and said so.
    pub tail_bytes: usize,
    /// A command that writes more than this to one stream is killed.
    pub flood_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 256 * 1024, tail_bytes: 256 * 1024, flood_bytes: 256 * 1024 * 1024 }
    }
}

/// What was kept of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: Vec<u8>,
    cut_bytes: u64,
}

impl Captured {
    /// How many bytes are missing between head and tail.
    #[must_use]
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// All of it, or `None` where something was cut: for output that is parsed.
    #[must_use]
    pub fn whole(&self) -> Option<Cow<'_, [u8]>> {
        match (self.cut_bytes, self.tail.is_empty()) {
            (0, true) => Some(Cow::Borrowed(&self.head)),
            (0, false) => Some(Cow::Owned([self.head.as_slice(), &self.tail].concat())),
            _ => None,
        }
    }

    /// For people: head and tail, and between them how much was cut.
    #[must_use]
    pub fn text(&self) -> String {
        match self.whole() {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => format!(
                "{}\n[… {} bytes cut …]\n{}",
                String::from_utf8_lossy(&self.head),
                self.cut_bytes,
                String::from_utf8_lossy(&self.tail)
            ),
        }
    }
}

/// Takes a stream in and keeps what the limits allow.
#[derive(Debug)]
pub(crate) struct Capture {
    limits: Limits,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total_bytes: u64,
}

impl Capture {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, head: Vec::new(), tail: VecDeque::new(), total_bytes: 0 }
    }

    /// Takes the next bytes. `false` once there are more than the flood limit.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> bool {
        self.total_bytes += bytes.len() as u64;
        let to_head = bytes.len().min(self.limits.head_bytes.saturating_sub(self.head.len()));
        let (head, rest) = bytes.split_at(to_head);
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(self.limits.tail_bytes)..];
        let overflow = (self.tail.len() + rest.len()).saturating_sub(self.limits.tail_bytes);
        self.tail.drain(..overflow);
        self.tail.extend(rest);
        self.total_bytes <= self.limits.flood_bytes
    }

    pub(crate) fn finish(self) -> Captured {
        let kept = (self.head.len() + self.tail.len()) as u64;
        Captured { head: self.head, tail: self.tail.into(), cut_bytes: self.total_bytes - kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(chunks: &[&[u8]]) -> Captured {
        let mut capture = Capture::new(Limits { head_bytes: 4, tail_bytes: 3, flood_bytes: 99 });
        chunks.iter().for_each(|chunk| assert!(capture.push(chunk)));
        capture.finish()
    }

    #[test]
    fn what_fits_is_whole() {
        let captured = capture(&[b"abc", b"", b"defg"]);
        assert_eq!(captured.whole().as_deref(), Some(b"abcdefg".as_slice()));
        assert_eq!(captured.text(), "abcdefg");
    }

    #[test]
    fn middle_is_cut_whatever_the_chunks_are() {
        for chunks in [[b"abcdefghij".as_slice()].as_slice(), &[b"ab", b"cdef", b"gh", b"ij"]] {
            let captured = capture(chunks);
            assert_eq!(captured.whole(), None);
            assert_eq!(captured.text(), "abcd\n[… 3 bytes cut …]\nhij");
        }
    }

    #[test]
    fn more_than_the_flood_limit_is_told() {
        let mut capture = Capture::new(Limits { head_bytes: 1, tail_bytes: 1, flood_bytes: 4 });
        assert!(capture.push(b"1234"));
        assert!(!capture.push(b"5"));
    }
}
