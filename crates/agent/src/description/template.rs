//! Placeholders in a description's texts. Pure.

use std::path::Path;

const NAMES: [&str; 4] = ["home", "folder", "session", "model"];

/// The values of the placeholders.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    /// `{home}`: the agent's own home.
    pub home: &'a Path,
    /// `{folder}`: the program's working directory.
    pub folder: &'a Path,
    /// `{session}`: the provider's conversation.
    pub session: &'a str,
    /// `{model}`: the model, empty where none is asked for.
    pub model: &'a str,
}

impl Variables<'_> {
    /// The text with its placeholders replaced. Values are not looked at again.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next(rest) {
            filled += before;
            match name {
                "home" => filled += &self.home.to_string_lossy(),
                "folder" => filled += &self.folder.to_string_lossy(),
                "session" => filled += self.session,
                "model" => filled += self.model,
                _ => filled += &format!("{{{name}}}"),
            }
            rest = after;
        }
        filled + rest
    }

    /// Several texts, filled.
    #[must_use]
    pub fn fill_all(&self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.fill(text)).collect()
    }
}

/// The first placeholder that has no value.
pub(super) fn unknown(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some((_, name, after)) = next(rest) {
        if !NAMES.contains(&name) {
            return Some(name);
        }
        rest = after;
    }
    None
}

/// The next `{word}`: what comes before it, the word, what comes after. Other braces are text.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|open| from + open) {
        let tail = &text[open + 1..];
        let len = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
        if len > 0 && tail[len..].starts_with('}') {
            return Some((&text[..open], &tail[..len], &tail[len + 1..]));
        }
        from = open + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once_and_json_is_left_alone() {
        let home = Path::new("/h{model}");
        let vars = Variables { home, folder: Path::new("/f"), session: "s", model: "m" };
        assert_eq!(vars.fill("{home}/{session}.x {folder}{model}"), "/h{model}/s.x /fm");
        assert_eq!(vars.fill(r#"{"a":{"b":1}} {} {A} {"#), r#"{"a":{"b":1}} {} {A} {"#);
        assert_eq!(unknown("{home} {x} {y}"), Some("x"));
        assert_eq!(unknown(r#"{"x":1}{model}"#), None);
    }
}
