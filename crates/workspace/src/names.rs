//! Names of folders, refs and blobs: built from checked ids and digests alone.

use std::path::{Path, PathBuf};

use callboard_agent::workspace::{CommitId, Error, Source};
use callboard_domain::id::{AgentId, ProjectId, TaskId};
use callboard_stdx::digest::sha256_hex;
use callboard_substrate::name::BlobName;

/// The hidden ref of the work in progress in an agent's clone.
pub(crate) const WIP_REF: &str = "refs/callboard/wip";
/// Under it lies, in clones and mirrors, work that belongs to no present task.
pub(crate) const KEPT_PREFIX: &str = "refs/callboard/kept";
/// The hidden ref of a commit about to be pushed.
pub(crate) const CANDIDATE_REF: &str = "refs/callboard/candidate";

/// The folders under the data folder.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    data_dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }

    pub(crate) fn git_config(&self) -> PathBuf {
        self.data_dir.join("gitconfig")
    }

    pub(crate) fn mirror(&self, key: &str) -> PathBuf {
        self.data_dir.join("mirrors").join(format!("{key}.git"))
    }

    pub(crate) fn workspaces(&self) -> PathBuf {
        self.data_dir.join("workspaces")
    }

    pub(crate) fn agent(&self, agent: &AgentId) -> AgentFolder {
        AgentFolder(self.workspaces().join(agent.as_str()))
    }

    pub(crate) fn integration(&self, project: &ProjectId) -> PathBuf {
        self.data_dir.join("integration").join(project.as_str())
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.data_dir.join("scratch")
    }
}

/// The folder of one agent.
#[derive(Debug, Clone)]
pub(crate) struct AgentFolder(pub(crate) PathBuf);

impl AgentFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }

    /// A clone that is being built; it replaces `tree` when it is whole.
    pub(crate) fn new_tree(&self) -> PathBuf {
        self.0.join("tree.new")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// Where it works before its first task.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    pub(crate) fn marker(&self) -> PathBuf {
        self.0.join("workspace.json")
    }

    pub(crate) fn last_checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.json")
    }
}

/// The name of a source's mirror.
pub(crate) fn source_key(source: &Source) -> String {
    let (kind, text) = match source {
        Source::Path(path) => ("path", path.as_os_str().as_encoded_bytes()),
        Source::Url(url) => ("url", url.as_bytes()),
        Source::Bundle(blob) => ("bundle", blob.as_bytes()),
    };
    let mut digest = sha256_hex(&[kind.as_bytes(), b"\0", text].concat());
    digest.truncate(16);
    format!("{kind}-{digest}")
}

/// The hidden ref that keeps `commit` of an attempt.
pub(crate) fn kept_ref(
    project: &ProjectId,
    task: &TaskId,
    attempt: u32,
    commit: &CommitId,
) -> String {
    format!("{KEPT_PREFIX}/{project}/{task}/{attempt}/{commit}")
}

/// The hidden ref of a result.
pub(crate) fn result_ref(task: &TaskId, attempt: u32) -> String {
    format!("refs/callboard/result/{task}/{attempt}")
}

/// The ref of the branch `name`. A name from a person is checked by git before it is used.
pub(crate) fn branch_ref(name: &str) -> String {
    format!("refs/heads/{name}")
}

/// A checked blob name.
pub(crate) fn blob_name(name: &str) -> Result<BlobName, Error> {
    BlobName::new(name)
        .map_err(|_| Error::BadInput { what: "blob name", text: name.chars().take(200).collect() })
}

/// The blobs of an agent's checkpoints: the prefix of all, or with a number one of them.
pub(crate) fn checkpoint_prefix(agent: &AgentId) -> String {
    format!("checkpoint.{agent}")
}

pub(crate) fn checkpoint_blob(agent: &AgentId, seq: u64) -> String {
    format!("checkpoint.{agent}.{seq}")
}

pub(crate) fn result_blob(project: &ProjectId, task: &TaskId, attempt: u32) -> String {
    format!("result.{project}.{task}.{attempt}")
}

pub(crate) fn integrated_blob(project: &ProjectId) -> String {
    format!("integrated.{project}")
}
