//! Texts as words, for comparing with phrases.

/// A text as words in lower case without a plural `s`, between spaces.
#[derive(Debug, Clone)]
pub(crate) struct Words(String);

impl Words {
    pub(crate) fn new(text: &str) -> Self {
        let mut words = String::from(" ");
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            words.push_str(&stem(word));
            words.push(' ');
        }
        Self(words)
    }

    /// Whether the phrase stands in it as whole words.
    pub(crate) fn contains(&self, phrase: &str) -> bool {
        self.0.contains(&Self::new(phrase).0)
    }

    /// How many of the phrases stand in it.
    pub(crate) fn count(&self, phrases: &[&str]) -> usize {
        phrases.iter().filter(|phrase| self.contains(phrase)).count()
    }

    /// Whether it begins with the phrase, politeness and urgency aside.
    pub(crate) fn begins_with(&self, phrase: &str) -> bool {
        let rest = [" urgent", " please"]
            .iter()
            .fold(self.0.as_str(), |text, word| text.strip_prefix(word).unwrap_or(text));
        rest.starts_with(&Self::new(phrase).0)
    }
}

fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    let singular = match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with(['s', 'u', 'i']) => stem,
        _ => &word,
    };
    singular.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_whole_words_in_any_number() {
        let words = Words::new("URGENT: Build the Services' API (v2).");
        assert!(words.contains("service api") && words.contains("build"));
        assert!(!words.contains("ervice") && !words.contains("api build"));
        assert!(words.begins_with("build the") && !words.begins_with("the"));
        assert_eq!(words.count(&["api", "service", "ap"]), 2);
    }
}
