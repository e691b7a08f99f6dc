//! Names of branches and commits.

use std::fmt;

use callboard_domain::id::{ProjectId, TaskId};
use serde::{Deserialize, Serialize};

/// The integration branch of `project`: `callboard/<project>`.
#[must_use]
pub fn project_branch(project: &ProjectId) -> String {
    format!("callboard/{project}")
}

/// The branch on which `task` is worked: `callboard/<project>/<task>`. It exists in agents' clones
/// alone: git cannot hold it beside [`project_branch`] in one repository.
#[must_use]
pub fn task_branch(project: &ProjectId, task: &TaskId) -> String {
    format!("callboard/{project}/{task}")
}

/// The name of a commit: 40 or 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// A text that names no commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read commit {0:?}: use 40 or 64 lower-case hexadecimal digits")]
pub struct BadCommitId(pub String);

impl CommitId {
    /// Checks a commit's name.
    ///
    /// # Errors
    /// [`BadCommitId`] with the text, cut to 80 characters.
    pub fn new(text: impl Into<String>) -> Result<Self, BadCommitId> {
        let text = text.into();
        let legal = matches!(text.len(), 40 | 64)
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if legal { Ok(Self(text)) } else { Err(BadCommitId(text.chars().take(80).collect())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CommitId {
    type Error = BadCommitId;
    fn try_from(text: String) -> Result<Self, BadCommitId> {
        Self::new(text)
    }
}

impl From<CommitId> for String {
    fn from(commit: CommitId) -> Self {
        commit.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_checked() {
        assert!(CommitId::new("a".repeat(40)).is_ok());
        assert!(CommitId::new("0".repeat(64)).is_ok());
        for bad in ["", "HEAD", &"A".repeat(40), &"a".repeat(39), "--upload-pack=x"] {
            assert!(CommitId::new(bad).is_err(), "{bad:?}");
        }
    }
}
