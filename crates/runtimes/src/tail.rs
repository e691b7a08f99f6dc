//! The last bytes of a stream.

use std::collections::VecDeque;

/// Keeps the end of what was pushed.
#[derive(Debug)]
pub(crate) struct Tail {
    len_max: usize,
    bytes: VecDeque<u8>,
}

impl Tail {
    pub(crate) fn new(len_max: usize) -> Self {
        Self { len_max, bytes: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.len_max)..];
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(self.len_max);
        self.bytes.drain(..excess);
        self.bytes.extend(bytes);
    }

    pub(crate) fn text(&self) -> String {
        let bytes: Vec<_> = self.bytes.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::new(4);
        for (bytes, text) in [("ab", "ab"), ("cd", "abcd"), ("e", "bcde"), ("0123456", "3456")] {
            tail.push(bytes.as_bytes());
            assert_eq!(tail.text(), text);
        }
    }
}
