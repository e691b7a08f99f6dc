//! What `init` found out or was told.

use std::fmt;

/// What is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// The agent program; none where none was found.
    pub runtime: Option<String>,
    /// The check command.
    pub check: Option<String>,
    /// How many agents may work at once.
    pub agents_max: u32,
    /// The program's credential.
    pub key: Option<Key>,
}

/// A credential. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The variable's name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name)
    }
}
