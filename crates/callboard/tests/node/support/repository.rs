//! A git repository of a person.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) struct Repository(PathBuf);

impl Repository {
    /// A repository with one commit of one file, on `main`.
    pub(crate) fn create(path: &Path) -> Self {
        let repository = Self::empty(path);
        repository.write("README.md", "a repository\n");
        repository.commit("Begin");
        repository
    }

    /// A repository without a commit.
    pub(crate) fn empty(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("writable");
        let repository = Self(path.to_owned());
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("temporary folders have plain names")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.0.join(path), text).expect("writable");
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// What git prints; it must succeed.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.try_git(args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {err}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    #[expect(clippy::disallowed_methods, reason = "a test does what a person would")]
    fn try_git(&self, args: &[&str]) -> Output {
        Command::new("git")
            .current_dir(&self.0)
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.invalid"])
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.0)
            .output()
            .expect("git is installed")
    }
}
