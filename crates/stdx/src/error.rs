//! Errors in words: an error's text never holds its source's, so whoever shows one shows all.

use std::error::Error;

/// An error with its causes, joined by colons.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Door(std::io::Error);

    impl fmt::Display for Door {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("failed to open the door")
        }
    }

    impl Error for Door {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn every_cause_is_told_in_order() {
        let error = Door(std::io::Error::other("the key is gone"));
        assert_eq!(chain(&error), "failed to open the door: the key is gone");
    }
}
