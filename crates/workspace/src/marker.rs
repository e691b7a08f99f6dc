//! The small file that says whose a workspace is and what it is for.

use std::path::PathBuf;

use callboard_agent::workspace::{CommitId, Prepare, Source, Workspace};
use callboard_domain::id::{AgentId, ProjectId, TaskId};
use serde::{Deserialize, Serialize};

use crate::names::{AgentFolder, source_key};

const VERSION: u32 = 1;

/// The content of `workspace.json`. Written last, so that what it says is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) version: u32,
    pub(crate) agent: AgentId,
    pub(crate) project: ProjectId,
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) epoch: u64,
    pub(crate) source: Source,
    pub(crate) branch: String,
    pub(crate) base_commit: CommitId,
}

impl Marker {
    pub(crate) fn new(request: &Prepare, branch: String, base_commit: CommitId) -> Self {
        Self {
            version: VERSION,
            agent: request.agent.clone(),
            project: request.project.clone(),
            task: request.task.clone(),
            attempt: request.attempt,
            epoch: request.epoch,
            source: request.source.clone(),
            branch,
            base_commit,
        }
    }

    pub(crate) async fn read(folder: &AgentFolder) -> Option<Self> {
        let marker: Self = crate::files::read_json(&folder.marker()).await?;
        (marker.version == VERSION).then_some(marker)
    }

    /// Whether the workspace already is what `request` asks for.
    pub(crate) fn is_for(&self, request: &Prepare) -> bool {
        self.project == request.project
            && self.task == request.task
            && self.attempt == request.attempt
            && self.mirror_key() == source_key(&request.source)
    }

    pub(crate) fn mirror_key(&self) -> String {
        source_key(&self.source)
    }

    pub(crate) fn workspace(&self, folder: &AgentFolder) -> Workspace {
        let (tree, home): (PathBuf, PathBuf) = (folder.tree(), folder.home());
        Workspace {
            agent: self.agent.clone(),
            project: self.project.clone(),
            task: self.task.clone(),
            attempt: self.attempt,
            epoch: self.epoch,
            folder: tree,
            home,
            branch: self.branch.clone(),
            base_commit: self.base_commit.clone(),
        }
    }
}
