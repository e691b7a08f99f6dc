//! The agent programs as `init` and `doctor` see them.

/// A program that callboard can drive, as it was found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name, by which people and plans choose it.
    pub name: String,
    /// Its version, or why it cannot be used.
    pub probed: Result<String, String>,
    /// What a person types to install it.
    pub install: Option<String>,
    /// It needs one of these credentials, or a login of its own; none where it needs no credential.
    pub keys: Vec<String>,
    /// Whether it is callboard's own, for demos and tests: never chosen by itself.
    pub is_scripted: bool,
}
