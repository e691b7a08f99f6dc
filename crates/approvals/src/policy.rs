//! The policy file and its decisions; `deploy/docs/approvals.md` describes it to people.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::command;
use crate::decision::{Decision, Request};
use crate::inner;
use crate::path::{self, Prefix};
use crate::pattern::{BadPattern, Pattern};

/// The largest policy file, in bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// In place of a tool's name: every tool.
const ANY: &str = "any";

/// What may be done without a person. The default policy asks about everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    commands: BTreeMap<String, Lists<Pattern>>,
    files: BTreeMap<String, Lists<Prefix>>,
    tools: Lists<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lists<T> {
    allow: Vec<T>,
    deny: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new() }
    }
}

/// Why a policy file was refused. Nothing of it is in force then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no TOML, has an unknown key, or a value has the wrong form.
    #[error("failed to read the approval policy at line {line}: {message}")]
    Form {
        /// From 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("failed to read the approval policy: it has {0} bytes, at most {FILE_BYTES_MAX}")]
    TooLong(usize),
    /// A command pattern is refused.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// A path is refused.
    #[error("failed to accept path {path:?} in the approval policy: {reason}")]
    Path {
        /// As written.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PolicyFile {
    commands: BTreeMap<String, FileLists>,
    files: BTreeMap<String, FileLists>,
    tools: FileLists,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileLists {
    allow: Vec<String>,
    deny: Vec<String>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`Error`] with the place or the pattern.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > FILE_BYTES_MAX {
            return Err(Error::TooLong(text.len()));
        }
        let file: PolicyFile = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let line = text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
            Error::Form { line, message: error.message().to_owned() }
        })?;
        let PolicyFile { commands, files, tools } = file;
        let mut policy = Self::default();
        for (tool, FileLists { allow, deny }) in commands {
            let allow =
                allow.iter().map(|text| Pattern::new_allow(text)).collect::<Result<_, _>>()?;
            let deny = deny.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>()?;
            policy.commands.insert(tool, Lists { allow, deny });
        }
        for (tool, FileLists { allow, deny }) in files {
            let lists = Lists { allow: prefixes(&allow)?, deny: prefixes(&deny)? };
            policy.files.insert(tool, lists);
        }
        policy.tools = Lists { allow: tools.allow, deny: tools.deny };
        Ok(policy)
    }

    /// Decides a request: deny before allow, allow before asking. A request with a command and files
    /// needs both allowed.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let Request { tool, command, files, folder, workspace } = request;
        if self.tools.deny.iter().any(|name| name == tool) {
            return Decision::deny(format!("the policy denies the tool {tool}"));
        }
        let of_command = command.map(|command| self.decide_command(tool, command));
        let of_files = files.iter().map(|file| self.decide_file(tool, file, folder, workspace));
        let decision = of_command.into_iter().chain(of_files).reduce(Decision::and);
        decision.unwrap_or_else(|| {
            if self.tools.allow.iter().any(|name| name == tool) {
                return Decision::allow(format!("the policy allows the tool {tool}"));
            }
            Decision::ask(format!("no rule names the tool {tool}"))
        })
    }

    fn decide_command(&self, tool: &str, command: &str) -> Decision {
        let words = match command::words(command) {
            Ok(words) => words,
            Err(unclear) => return Decision::ask(format!("not one plain command: {unclear}")),
        };
        let lists = || of_tool(&self.commands, tool);
        let matching = |pattern: &&Pattern| pattern.matches(&words);
        if let Some(pattern) = lists().flat_map(|lists| &lists.deny).find(matching) {
            return Decision::deny(format!("the policy denies `{pattern}`"));
        }
        if let Some(reason) = inner::hidden_program(&words) {
            return Decision::ask(reason);
        }
        match lists().flat_map(|lists| &lists.allow).find(matching) {
            Some(pattern) => Decision::allow(format!("the policy allows `{pattern}`")),
            None => Decision::ask("no rule allows this command"),
        }
    }

    fn decide_file(&self, tool: &str, file: &str, folder: &str, workspace: &str) -> Decision {
        let parts = match path::inside(file, folder, workspace) {
            Ok(parts) => parts,
            Err(reason) => return Decision::ask(reason),
        };
        let lists = || of_tool(&self.files, tool);
        let covering = |prefix: &&Prefix| prefix.covers(&parts);
        if let Some(prefix) = lists().flat_map(|lists| &lists.deny).find(covering) {
            return Decision::deny(format!("the policy denies {tool} in {}", prefix.as_str()));
        }
        match lists().flat_map(|lists| &lists.allow).find(covering) {
            Some(prefix) => {
                Decision::allow(format!("the policy allows {tool} in {}", prefix.as_str()))
            }
            None => Decision::ask(format!("no rule allows {tool} of {file}")),
        }
    }
}

fn prefixes(paths: &[String]) -> Result<Vec<Prefix>, Error> {
    let read = |path: &String| {
        Prefix::new(path).map_err(|reason| Error::Path { path: path.clone(), reason })
    };
    paths.iter().map(read).collect()
}

/// The rules of the tool itself, and those of any tool.
fn of_tool<'a, T>(
    lists: &'a BTreeMap<String, Lists<T>>,
    tool: &str,
) -> impl Iterator<Item = &'a Lists<T>> {
    lists.get(tool).into_iter().chain(lists.get(ANY))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
[commands.any]
allow = ["cargo test *", "git * --stat", "git status", "git push origin *"]
deny = ["git push *", "sudo *"]

[commands.Shell]
allow = ["ls *"]

[files.Write]
allow = ["src", "README.md"]
deny = ["src/secret"]

[tools]
allow = ["WebSearch"]
deny = ["WebFetch"]
"#;

    fn check(tool: &str, command: Option<&str>, files: &[&str]) -> &'static str {
        let policy = Policy::parse(POLICY).expect("a good policy");
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let request = Request { tool, command, files: &files, folder: ".", workspace: "/w" };
        match policy.decide(&request) {
            Decision::Allow { .. } => "allow",
            Decision::Ask { .. } => "ask",
            Decision::Deny { .. } => "deny",
        }
    }

    #[test]
    fn deny_goes_before_allow_before_ask() {
        for (command, wanted) in [
            ("cargo test -p a", "allow"),
            ("git status", "allow"),
            ("git show --stat", "allow"),
            ("git push origin main", "deny"),
            ("sudo cargo test", "deny"),
            ("cargo build", "ask"),
            ("cargo test; rm x", "ask"),
            ("cargo test && cargo test", "ask"),
            ("env cargo test", "ask"),
            ("A=1 cargo test", "ask"),
            ("git -c --stat", "ask"),
            ("cargo test --config x", "ask"),
            ("ls", "ask"),
        ] {
            assert_eq!(check("Bash", Some(command), &[]), wanted, "{command}");
        }
        assert_eq!(check("Shell", Some("ls -l"), &[]), "allow");
        assert_eq!(check("Shell", Some("git status"), &[]), "allow");
    }

    #[test]
    fn files_are_judged_by_their_folder() {
        for (files, wanted) in [
            (vec!["src/a.rs"], "allow"),
            (vec!["/w/src/a.rs", "README.md"], "allow"),
            (vec!["src/a.rs", "other"], "ask"),
            (vec!["src/secret/key", "other"], "deny"),
            (vec!["src/../x"], "ask"),
            (vec!["/etc/passwd"], "ask"),
            (vec!["src/.git/config"], "ask"),
        ] {
            assert_eq!(check("Write", None, &files), wanted, "{files:?}");
        }
        assert_eq!(check("Edit", None, &["src/a.rs"]), "ask");
        assert_eq!(check("Write", Some("git status"), &["other"]), "ask");
    }

    #[test]
    fn tools_are_judged_by_name() {
        assert_eq!(check("WebSearch", None, &[]), "allow");
        assert_eq!(check("WebSearch", Some("cargo build"), &[]), "ask");
        assert_eq!(check("WebFetch", Some("git status"), &[]), "deny");
        assert_eq!(check("Other", None, &[]), "ask");
    }

    #[test]
    fn empty_policy_asks_about_everything() {
        let policy = Policy::parse("").expect("empty is good");
        assert_eq!(policy, Policy::default());
        let request =
            Request { tool: "Bash", command: Some("ls"), files: &[], folder: ".", workspace: "/w" };
        assert!(matches!(policy.decide(&request), Decision::Ask { .. }));
    }

    #[test]
    fn bad_policy_is_refused_whole() {
        for (text, word) in [
            ("[commands.any]\nalow = []", "line 2"),
            ("[commands.any]\nallow = [\"sudo *\"]", "sudo runs another program"),
            ("[commands.any]\nallow = [\"ls; rm\"]", "';'"),
            ("[commands.any]\nallow = [\"*\"]", "program"),
            ("[files.Write]\nallow = [\"../x\"]", "'..'"),
            ("[files.Write]\nallow = [\"/etc\"]", "workspace"),
            ("[tools", "line 1"),
        ] {
            let error = Policy::parse(text).expect_err("refused").to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
