//! The agent programs as `init` and `doctor` see them.

use callboard_agent::description::Protocol;
use callboard_node::{ProgramsError, config, descriptions, find};

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

/// Asks every described program for its version.
///
/// # Errors
/// A description cannot be used.
pub async fn look(cfg: &config::Programs) -> Result<Vec<Program>, ProgramsError> {
    let mut probed = find(cfg).await?.probed;
    let program = |(name, description): (_, callboard_agent::Description)| Program {
        probed: probed.remove(&name).unwrap_or_else(|| Err("it was not looked for".to_owned())),
        name: description.name.to_string(),
        install: description.version.map(|version| version.install),
        keys: description.credentials.one_of,
        is_scripted: description.protocol == Protocol::Scripted,
    };
    Ok(descriptions(cfg)?.into_iter().map(program).collect())
}
