//! The environment that a child gets: a short list of what is passed on, and what is set on purpose.
//!
//! Children never inherit the whole environment of the node: it may hold the keys of other agents.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What every program may know about its host and user.
const PASSED_ON: &[&str] = &[
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "RUSTUP_TOOLCHAIN",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];

/// Where toolchains lie, and the folder of the home in which they lie without the variable. A program
/// with a home of its own must find them too.
const TOOLCHAINS: &[(&str, &str)] = &[("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];

/// The whole environment of a child.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// No variable at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The cleaned environment: language, path, home, user, certificates, toolchains, `LC_*` and
    /// nothing else.
    #[must_use]
    pub fn cleaned() -> Self {
        Self::cleaned_of(std::env::vars_os().collect())
    }

    fn cleaned_of(mut host: BTreeMap<OsString, OsString>) -> Self {
        for (variable, folder) in TOOLCHAINS {
            let home = host.get(OsStr::new("HOME")).map(|home| Path::new(home).join(folder));
            if let Some(folder) = home.filter(|folder| folder.is_dir()) {
                host.entry(variable.into()).or_insert_with(|| folder.into());
            }
        }
        let is_toolchain = |name: &str| TOOLCHAINS.iter().any(|(variable, _)| *variable == name);
        let passed =
            |name: &str| PASSED_ON.contains(&name) || name.starts_with("LC_") || is_toolchain(name);
        host.retain(|name, _| name.to_str().is_some_and(passed));
        Self(host)
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
    fn toolchains_are_found_from_another_home() {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(home.path().join(".rustup")).expect("writable");
        let host =
            [("HOME", home.path().into()), ("CARGO_HOME", "/cargo".into()), ("KEY", "k".into())];
        let host: BTreeMap<OsString, OsString> =
            host.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let environment = Environment::cleaned_of(host);
        let rustup = home.path().join(".rustup");
        assert_eq!(environment.get("RUSTUP_HOME"), Some(rustup.as_os_str()));
        assert_eq!(environment.get("CARGO_HOME"), Some(OsStr::new("/cargo")));
        assert_eq!(environment.get("KEY"), None);
    }

    #[test]
    fn debug_shows_no_value() {
        let text = format!("{:?}", Environment::empty().with("KEY", "secret"));
        assert!(text.contains("KEY") && !text.contains("secret"), "{text}");
    }
}
