//! The environment that a child gets: a short list of what is passed on, and what is set on purpose.
//!
//! Children never inherit the whole environment of the node: it may hold the keys of other agents.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What every program may know about its host and user.
const PASSED_ON: &[&str] = &[
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];

/// The whole environment of a child.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// No variable at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The cleaned environment: language, path, home, user, certificates, `LC_*` and nothing else.
    #[must_use]
    pub fn cleaned() -> Self {
        let passed = |name: &OsStr| {
            name.to_str().is_some_and(|it| PASSED_ON.contains(&it) || it.starts_with("LC_"))
        };
        Self(std::env::vars_os().filter(|(name, _)| passed(name)).collect())
    }

    /// Everything that this process has. For a program that is itself an agent: its environment was
    /// cleaned when it was started, and its children must carry its marks.
    #[must_use]
    pub fn inherited() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) {
        self.0.remove(name.as_ref());
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.0.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Names only: values are often secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<N: Into<OsString>, V: Into<OsString>> Extend<(N, V)> for Environment {
    fn extend<T: IntoIterator<Item = (N, V)>>(&mut self, variables: T) {
        self.0.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaned_passes_on_the_path_and_no_build_variables() {
        let environment = Environment::cleaned().with("A", "1");
        assert!(environment.get("PATH").is_some());
        assert_eq!(environment.get("CARGO_MANIFEST_DIR"), None);
        assert_eq!(environment.get("A"), Some(OsStr::new("1")));
    }

    #[test]
    fn debug_shows_no_value() {
        let text = format!("{:?}", Environment::empty().with("KEY", "secret"));
        assert!(text.contains("KEY") && !text.contains("secret"), "{text}");
    }
}
