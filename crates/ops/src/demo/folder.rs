//! The demo's folder: the repository, the node's data and configuration.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use callboard_process::command::{self, Output, Spec};
use callboard_stdx::clock::{Clock, SystemClock};

use super::files;
use super::options::Options;

/// The branch of the repository, as a person would have it checked out.
pub(super) const BRANCH: &str = "main";

/// How long one git command may take.
const GIT_MAX: Duration = Duration::from_secs(30);

/// The demo's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whether a person named it: then it is never removed.
    is_named: bool,
}

impl Folder {
    /// Makes the folder with everything that the node needs.
    pub(super) async fn make(options: &Options) -> anyhow::Result<Self> {
        let path = match &options.dir {
            Some(dir) => std::path::absolute(dir).context("failed to find the folder")?,
            None => temporary(),
        };
        let folder = Self { path, is_named: options.dir.is_some() };
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder.path);
        made.with_context(|| format!("failed to make {}", folder.path.display()))?;
        files::write_seed(&folder.repository()).context("failed to write the repository")?;
        fs::write(folder.policy(), files::POLICY).context("failed to write the policy")?;
        fs::write(folder.config(), folder.settings()).context("failed to configure")?;
        folder.commit_seed().await?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.path.join("strangers-calendar")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path.join("callboard.toml")
    }

    fn policy(&self) -> PathBuf {
        self.path.join("approvals.toml")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("node.log")
    }

    /// Where the workspace of an agent lies.
    pub(super) fn workspace(&self, agent: &str) -> PathBuf {
        self.data().join("work/workspaces").join(agent)
    }

    /// Where a removed workspace goes in one step, before its files go one by one.
    pub(super) fn removed(&self) -> PathBuf {
        self.path.join("removed")
    }

    /// The node's configuration: a free port, checkpoints every second, and nothing of the person's
    /// but the credentials that `callboard init` stored: a real program needs them.
    fn settings(&self) -> String {
        let text = |path: PathBuf| toml::Value::from(path.display().to_string());
        let (log, policy) = (text(self.log()), text(self.policy()));
        format!(
            "# The node of `callboard demo`.\n\n\
             [log]\nfile = {log}\n\n\
             [gateway]\nlisten = \"127.0.0.1:0\"\n\n\
             [agent_limits]\ncheckpoint_every_s = 1\n\n\
             [approvals]\npolicy = {policy}\n{}",
            secrets()
        )
    }

    async fn commit_seed(&self) -> anyhow::Result<()> {
        self.git(&["init", "--quiet", &format!("--initial-branch={BRANCH}")]).await?;
        // A person without a git identity sees the demo too.
        self.git(&["config", "user.name", "Callboard demo"]).await?;
        self.git(&["config", "user.email", "demo@localhost"]).await?;
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--no-gpg-sign", "-m", "seed: begin with a skeleton"])
            .await?;
        Ok(())
    }

    /// Runs git in the repository and returns what it says.
    pub(super) async fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.git_output(args).await?;
        let (ending, said) = (output.ending, output.stderr.text());
        ensure!(ending.success(), "git {} ended with {ending}: {}", args.join(" "), said.trim());
        Ok(output.stdout.text())
    }

    pub(super) async fn git_output(&self, args: &[&str]) -> anyhow::Result<Output> {
        let spec = Spec::new("git", self.repository()).args(args.iter().copied()).deadline(GIT_MAX);
        command::run(spec).await.context("failed to run git")
    }

    /// Removes the builds in the agents' workspaces: they are large and nobody reads them.
    pub(super) fn remove_builds(&self) {
        for group in ["workspaces", "integration"] {
            let entries = fs::read_dir(self.data().join("work").join(group));
            for entry in entries.into_iter().flatten().flatten() {
                for build in ["tree/target", "target"] {
                    // What cannot be removed only takes space.
                    let _ = fs::remove_dir_all(entry.path().join(build));
                }
            }
        }
    }

    /// Removes everything, unless a person named the folder.
    pub(super) fn remove(&self) {
        if !self.is_named {
            // What cannot be removed only takes space.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn temporary() -> PathBuf {
    // The end of an id is random, its beginning is the time.
    let id = SystemClock.new_id().simple().to_string();
    std::env::temp_dir().join(format!("callboard-demo-{}", &id[id.len() - 8..]))
}

/// Where the person's credentials lie, as a section of the configuration.
fn secrets() -> String {
    let file = callboard_node::DataFolder::find(None).map(|data| data.secrets());
    match file {
        Ok(file) if file.is_file() => {
            let file = toml::Value::from(file.display().to_string());
            format!("\n[programs]\nsecrets = {file}\n")
        }
        // Without a data folder or file there are none; the program may have its own login.
        _ => String::new(),
    }
}
