//! What is asked, and what the policy says.

/// What a program asks to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The tool, as the program calls it: `Bash`, `Write` …
    pub tool: &'a str,
    /// The exact command, where there is one.
    pub command: Option<&'a str>,
    /// The files that it would touch: absolute, or relative to `folder`. Links are not followed
    /// here: pass real paths where links could lead out of the workspace.
    pub files: &'a [String],
    /// The folder in which it would run: absolute, or relative to the workspace.
    pub folder: &'a str,
    /// The agent's workspace, absolute.
    pub workspace: &'a str,
}

/// What the policy says. Orders from the strictest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may not; the reason is told to the program.
    Deny {
        /// The rule that forbids it.
        reason: String,
    },
    /// A person decides.
    Ask {
        /// Why the policy did not.
        reason: String,
    },
    /// It may, once.
    Allow {
        /// The rule that allows it.
        reason: String,
    },
}

impl Decision {
    pub(crate) fn deny(reason: impl Into<String>) -> Self {
        Self::Deny { reason: reason.into() }
    }

    pub(crate) fn ask(reason: impl Into<String>) -> Self {
        Self::Ask { reason: reason.into() }
    }

    pub(crate) fn allow(reason: impl Into<String>) -> Self {
        Self::Allow { reason: reason.into() }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Deny { .. } => 0,
            Self::Ask { .. } => 1,
            Self::Allow { .. } => 2,
        }
    }

    /// The stricter of two; the first where they are alike.
    pub(crate) fn and(self, other: Self) -> Self {
        if other.rank() < self.rank() { other } else { self }
    }

    /// Whether it may be done without a person.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}
