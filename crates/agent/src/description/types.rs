//! The fields of a description.

use std::collections::BTreeMap;

use callboard_domain::id::ProgramName;
use serde::{Deserialize, Serialize};

/// A program and how to drive it.
///
/// Texts may hold the placeholders `{home}`, `{folder}`, `{session}` and `{model}`, see
/// [`super::Variables`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Its name, by which people and plans choose it.
    pub name: ProgramName,
    /// What it is, in one line.
    pub about: String,
    /// The language it speaks.
    pub protocol: Protocol,
    /// The program (a path, or a name to be found in `PATH`) and its first arguments.
    pub command: Vec<String>,
    /// How to ask for its version.
    pub version: Option<VersionCheck>,
    /// Its arguments.
    #[serde(default)]
    pub launch: LaunchArgs,
    /// Its environment, besides the cleaned one of the host.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What it needs from the secrets file.
    #[serde(default)]
    pub credentials: Credentials,
    /// Where it keeps its conversation.
    #[serde(default)]
    pub session: SessionFiles,
    /// Files that are written to its home before it starts.
    #[serde(default)]
    pub preseed: Vec<Preseed>,
    /// What placement reserves for it.
    #[serde(default)]
    pub resources: Resources,
}

/// The languages that drivers speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Lines of JSON with control requests in both directions: claude, qwen.
    StreamJson,
    /// The lines of callboard's own scripted program.
    Scripted,
}

/// How to ask for the version, and which are known to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionCheck {
    /// The arguments, after the command.
    pub args: Vec<String>,
    /// The oldest version that was tested; older ones are refused.
    pub tested_min: String,
    /// The newest version that was tested; newer ones are used and reported.
    pub tested_max: String,
    /// What a person types to install it.
    pub install: String,
}

/// The arguments, in this order after the command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LaunchArgs {
    /// Always.
    pub args: Vec<String>,
    /// For a new conversation.
    pub start_args: Vec<String>,
    /// For a conversation that goes on.
    pub resume_args: Vec<String>,
    /// Where a model is asked for.
    pub model_args: Vec<String>,
    /// So that every question comes to callboard.
    pub permission_args: Vec<String>,
    /// In place of `permission_args` where the configuration bypasses permissions.
    pub bypass_args: Vec<String>,
    /// More environment where the configuration bypasses permissions.
    pub bypass_env: BTreeMap<String, String>,
}

/// Names of variables that may be passed on from the secrets file; no others are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    /// The program needs at least one of these; none means that it needs no credential.
    pub one_of: Vec<String>,
    /// It takes these too.
    pub optional: Vec<String>,
}

/// Where a program keeps its conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionFiles {
    /// Patterns relative to the home; a `*` stands for one whole folder name.
    pub files: Vec<String>,
}

/// A file that is written before a start, so that the program asks nothing and knows its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preseed {
    /// Its path, relative to the home.
    pub path: String,
    /// Its content.
    pub text: String,
    /// Whether it is written at each start; else only where it is missing.
    #[serde(default)]
    pub always: bool,
}

/// What placement reserves for one running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Memory of the whole process tree.
    pub memory_mib: u64,
    /// Thousandths of a core.
    pub cpu_millis: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self { memory_mib: 512, cpu_millis: 500 }
    }
}
