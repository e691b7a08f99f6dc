//! Running git: one place for its environment, configuration, deadlines and errors.
//!
//! Our own commands see neither the configuration of the user nor that of the system (they may sign
//! commits, run hooks or ask questions), except where they work for the person: reaching a URL and
//! reading who the person is. `-c` settings overrule what a repository says about hooks and
//! helpers. What a repository says about filters stays in force: it is trusted like its owner.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callboard_agent::workspace::{CommitId, Error};
use callboard_process::{Ending, Environment, Limits, command};

use crate::config::Config;
use crate::files;

/// Ours alone, and passed on to the programs that git starts in other repositories: that is why
/// `safe.directory` must stand in a file and not in `-c`.
const GIT_CONFIG: &str = "\
[safe]
\tdirectory = *
[user]
\tname = Callboard
\temail = callboard@localhost
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[maintenance]
\tauto = false
[uploadpack]
\tallowAnySHA1InWant = true
[protocol \"ext\"]
\tallow = never
[core]
\thooksPath = /dev/null
\tquotePath = false
";

/// Overrules every configuration file.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "advice.addEmbeddedRepo=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
];

const ERROR_BYTES_MAX: usize = 2_000;

/// For lists of files. Where one is longer, the call fails rather than work on a part of it.
const LONG_LISTS: Limits = Limits { head_bytes: 64 << 20, tail_bytes: 0, flood_bytes: 256 << 20 };

/// The git program with our configuration.
#[derive(Debug)]
pub(crate) struct Git {
    program: OsString,
    environment: Environment,
    config_file: PathBuf,
    deadline: Duration,
    fetch_deadline: Duration,
}

impl Git {
    pub(crate) fn new(cfg: &Config, config_file: PathBuf) -> Self {
        let environment = cfg
            .environment
            .clone()
            .with("LC_ALL", "C")
            .with("GIT_TERMINAL_PROMPT", "0")
            .with("GIT_ASKPASS", "true")
            .with("GIT_OPTIONAL_LOCKS", "0");
        Self {
            program: cfg.git.clone(),
            environment,
            config_file,
            deadline: Duration::from_millis(cfg.git_deadline_ms),
            fetch_deadline: Duration::from_millis(cfg.fetch_deadline_ms),
        }
    }

    /// Writes the configuration file where it is missing or another.
    pub(crate) async fn ensure_config(&self) -> Result<(), Error> {
        let path = self.config_file.clone();
        files::blocking("write", &self.config_file, move || {
            if std::fs::read(&path).is_ok_and(|bytes| bytes == GIT_CONFIG.as_bytes()) {
                return Ok(());
            }
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            callboard_stdx::fs::write_atomic(&path, GIT_CONFIG.as_bytes(), 0o600)
        })
        .await
    }

    /// Commands in `folder`, in whatever repository git finds there.
    pub(crate) fn at(&self, folder: impl Into<PathBuf>) -> Repo<'_> {
        Repo { git: self, folder: folder.into(), place: Place::Found }
    }

    /// Commands in the bare repository `dir`.
    pub(crate) fn bare(&self, dir: impl Into<PathBuf>) -> Repo<'_> {
        Repo { git: self, folder: dir.into(), place: Place::Bare }
    }

    /// Commands in the work tree `folder` with its own `.git`, and never in one further up.
    pub(crate) fn tree(&self, folder: impl Into<PathBuf>) -> Repo<'_> {
        Repo { git: self, folder: folder.into(), place: Place::Tree }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Found,
    Bare,
    Tree,
}

/// A repository to run commands in.
#[derive(Debug, Clone)]
pub(crate) struct Repo<'a> {
    git: &'a Git,
    folder: PathBuf,
    place: Place,
}

impl Repo<'_> {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its refs and objects, for the kinds that we make.
    pub(crate) fn git_dir(&self) -> PathBuf {
        match self.place {
            Place::Tree => self.folder.join(".git"),
            Place::Bare | Place::Found => self.folder.clone(),
        }
    }

    /// Begins a command. `operation` completes "failed to …".
    pub(crate) fn git(&self, operation: &'static str) -> Call {
        let mut args: Vec<OsString> = Vec::new();
        for setting in SETTINGS {
            args.extend(["-c".into(), (*setting).into()]);
        }
        if self.place != Place::Found {
            let mut dir = OsString::from("--git-dir=");
            dir.push(self.git_dir());
            args.push(dir);
        }
        if self.place == Place::Tree {
            let mut tree = OsString::from("--work-tree=");
            tree.push(&self.folder);
            args.push(tree);
        }
        Call {
            operation,
            deadline: self.git.deadline,
            spec: command::Spec::new(&self.git.program, &self.folder),
            environment: self
                .git
                .environment
                .clone()
                .with("GIT_CONFIG_GLOBAL", &self.git.config_file)
                .with("GIT_CONFIG_NOSYSTEM", "1"),
            args,
            fetch_deadline: self.git.fetch_deadline,
        }
    }

    /// The commit that `name` means, if there is one.
    pub(crate) async fn commit(&self, name: &str) -> Result<Option<CommitId>, Error> {
        let output = self
            .git("look up a commit")
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .arg(format!("{name}^{{commit}}"))
            .output()
            .await?;
        if output.code == Some(0) { commit_id(&output.stdout).map(Some) } else { Ok(None) }
    }

    /// Whether `ancestor` is contained in `commit`.
    pub(crate) async fn is_ancestor(
        &self,
        ancestor: &CommitId,
        commit: &CommitId,
    ) -> Result<bool, Error> {
        let args = ["merge-base", "--is-ancestor", ancestor.as_str(), commit.as_str()];
        let output = self.git("compare commits").args(args).output().await?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(output.error("compare commits")),
        }
    }

    /// How many commits `head` has that `base` lacks.
    pub(crate) async fn count(&self, base: &CommitId, head: &CommitId) -> Result<u64, Error> {
        let text = self
            .git("count commits")
            .args(["rev-list", "--count", &format!("{base}..{head}"), "--"])
            .text()
            .await?;
        text.parse().map_err(|_| Error::Git { operation: "count commits", detail: text })
    }

    /// Applies lines of `update-ref --stdin` as one transaction.
    pub(crate) async fn update_refs(&self, lines: String) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        self.git("update refs").args(["update-ref", "--stdin"]).input(lines).done().await
    }
}

/// A commit's name from git's output.
pub(crate) fn commit_id(text: &str) -> Result<CommitId, Error> {
    CommitId::new(text.trim())
        .map_err(|error| Error::Git { operation: "read a commit", detail: error.0 })
}

/// One git command.
#[derive(Debug)]
pub(crate) struct Call {
    operation: &'static str,
    spec: command::Spec,
    environment: Environment,
    args: Vec<OsString>,
    deadline: Duration,
    fetch_deadline: Duration,
}

impl Call {
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.set(name, value);
        self
    }

    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.spec = self.spec.input(input);
        self
    }

    /// It copies history, which may take long.
    pub(crate) fn slow(mut self) -> Self {
        self.deadline = self.fetch_deadline;
        self
    }

    /// It needs the person's configuration.
    pub(crate) fn for_person(mut self) -> Self {
        self.environment.remove("GIT_CONFIG_GLOBAL");
        self.environment.remove("GIT_CONFIG_NOSYSTEM");
        self
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.spec = self.spec.output(limits);
        self
    }

    /// Runs it, well or not.
    pub(crate) async fn output(self) -> Result<Output, Error> {
        let Self { operation, mut spec, environment, args, deadline, .. } = self;
        spec.args = args;
        spec.env = environment;
        let output = match command::run(spec.deadline(deadline)).await {
            Ok(output) => output,
            Err(error) => return Err(failed(operation, deadline, error)),
        };
        let code = match output.ending {
            Ending::Code(code) => Some(code),
            Ending::Signal(_) | Ending::Unknown => None,
        };
        Ok(Output {
            code,
            cut: output.stdout.cut_bytes() > 0,
            stdout: output.stdout.text(),
            stderr: output.stderr.text(),
        })
    }

    /// Runs it; its standard output without the last line feed. Cut output is an error.
    pub(crate) async fn text(self) -> Result<String, Error> {
        let operation = self.operation;
        let output = self.output().await?;
        match output.code {
            Some(0) if output.cut => {
                Err(Error::Git { operation, detail: "git wrote too much output".to_owned() })
            }
            Some(0) => Ok(output.stdout.trim_end_matches('\n').to_owned()),
            _ => Err(output.error(operation)),
        }
    }

    /// Runs it for its effect.
    pub(crate) async fn done(self) -> Result<(), Error> {
        let operation = self.operation;
        let output = self.output().await?;
        if output.code == Some(0) { Ok(()) } else { Err(output.error(operation)) }
    }

    /// Runs it; its NUL-terminated fields.
    pub(crate) async fn fields(self) -> Result<Vec<String>, Error> {
        let text = self.limits(LONG_LISTS).text().await?;
        Ok(text.split('\0').filter(|field| !field.is_empty()).map(ToOwned::to_owned).collect())
    }
}

/// What a git command said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) cut: bool,
}

impl Output {
    /// The error of a command that ended badly, with the end of what it said.
    pub(crate) fn error(self, operation: &'static str) -> Error {
        let text = if self.stderr.trim().is_empty() { self.stdout } else { self.stderr };
        Error::Git { operation, detail: tail(text.trim(), ERROR_BYTES_MAX).to_owned() }
    }
}

fn failed(operation: &'static str, deadline: Duration, error: command::Error) -> Error {
    match error {
        command::Error::TimedOut { .. } => Error::TimedOut {
            operation,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        },
        error => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Error::Git { operation, detail: format!("{error}{}", cause.unwrap_or_default()) }
        }
    }
}

/// The end of `text`, at most `bytes_max` long, cut at a character.
pub(crate) fn tail(text: &str, bytes_max: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes_max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}
