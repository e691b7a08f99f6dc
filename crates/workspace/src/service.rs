//! The implementation of the port: takes the lock, calls the part that does the work.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use callboard_agent::workspace::{
    Acceptance, CheckpointRef, Checkpointed, Cleanup, Discard, Error, Fence, Integrate,
    Integration, Prepare, ProjectDiff, Publication, Restored, Scratch, Source, SourceFacts,
    Uncommitted, Workspace, Workspaces,
};
use callboard_domain::id::{AgentId, ProjectId};
use callboard_substrate::{Blobs, blobs::BlobError};
use tokio::sync::OnceCell;

use crate::check::{Checks, PlainChecks};
use crate::config::Config;
use crate::files::{create_folder, remove_folder};
use crate::git::Git;
use crate::locks::{Locks, holding};
use crate::names::{Layout, blob_name};

/// The workspaces of a node, made with the git program.
pub struct GitWorkspaces {
    pub(crate) cfg: Config,
    pub(crate) git: Git,
    pub(crate) layout: Layout,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) checks: Arc<dyn Checks>,
    pub(crate) locks: Locks,
    started: OnceCell<()>,
}

impl GitWorkspaces {
    /// Checks run as plain commands. The data folder is made at the first call.
    #[must_use]
    pub fn new(cfg: Config, blobs: Arc<dyn Blobs>) -> Self {
        Self::with_checks(cfg, blobs, Arc::new(PlainChecks::default()))
    }

    /// With another way to run check commands, such as under a guard.
    #[must_use]
    pub fn with_checks(cfg: Config, blobs: Arc<dyn Blobs>, checks: Arc<dyn Checks>) -> Self {
        let layout = Layout::new(cfg.data_dir.clone());
        let git = Git::new(&cfg, layout.git_config());
        Self { cfg, git, layout, blobs, checks, locks: Locks::default(), started: OnceCell::new() }
    }

    /// Once per process: writes git's configuration, removes what a crash left in the scratch
    /// folder.
    async fn ensure_started(&self) -> Result<(), Error> {
        let start = async {
            self.git.ensure_config().await?;
            remove_folder(&self.layout.scratch()).await
        };
        self.started.get_or_try_init(|| start).await.copied()
    }

    pub(crate) async fn get_blob(&self, name: &str) -> Result<Vec<u8>, Error> {
        self.blobs.get(&blob_name(name)?).await.map_err(|error| blob_error(name, error))
    }

    pub(crate) async fn put_blob(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let put = self.blobs.put(&blob_name(name)?, bytes).await;
        put.map(drop).map_err(|error| blob_error(name, error))
    }

    pub(crate) async fn delete_blob(&self, name: &str) -> Result<(), Error> {
        self.blobs.delete(&blob_name(name)?).await.map_err(|error| blob_error(name, error))
    }
}

pub(crate) fn blob_error(name: &str, error: BlobError) -> Error {
    Error::Blob { blob: name.to_owned(), retryable: error.retryable(), source: Box::new(error) }
}

#[async_trait]
impl Workspaces for GitWorkspaces {
    async fn inspect(&self, source: &Source) -> Result<SourceFacts, Error> {
        self.ensure_started().await?;
        self.do_inspect(source).await
    }

    async fn find(&self, request: &Prepare) -> Result<Option<Workspace>, Error> {
        let _lock = self.locks.agent(&request.agent).await;
        self.ensure_started().await?;
        self.do_find(request).await
    }

    async fn scratch(&self, agent: &AgentId) -> Result<Scratch, Error> {
        let _lock = self.locks.agent(agent).await;
        let folder = self.layout.agent(agent);
        let scratch = Scratch { folder: folder.scratch(), home: folder.home() };
        create_folder(&scratch.folder).await?;
        create_folder(&scratch.home).await?;
        Ok(scratch)
    }

    async fn prepare(&self, request: &Prepare) -> Result<Workspace, Error> {
        let lock = self.locks.agent(&request.agent).await;
        holding(lock, async {
            self.ensure_started().await?;
            self.do_prepare(request).await
        })
        .await
    }

    async fn checkpoint(
        &self,
        workspace: &Workspace,
        session_files: &[PathBuf],
        seq: u64,
    ) -> Result<Checkpointed, Error> {
        let lock = self.locks.agent(&workspace.agent).await;
        holding(lock, async {
            self.ensure_started().await?;
            self.do_checkpoint(workspace, session_files, seq).await
        })
        .await
    }

    async fn restore(
        &self,
        checkpoint: &CheckpointRef,
        request: &Prepare,
    ) -> Result<Restored, Error> {
        let lock = self.locks.agent(&request.agent).await;
        holding(lock, async {
            self.ensure_started().await?;
            self.do_restore(checkpoint, request).await
        })
        .await
    }

    async fn publish(
        &self,
        workspace: &Workspace,
        uncommitted: Uncommitted,
    ) -> Result<Publication, Error> {
        let lock = self.locks.agent(&workspace.agent).await;
        holding(lock, async {
            self.ensure_started().await?;
            self.do_publish(workspace, uncommitted).await
        })
        .await
    }

    async fn integrate(
        &self,
        request: &Integrate,
        fence: &dyn Fence,
    ) -> Result<Integration, Error> {
        let lock = self.locks.project(&request.project).await;
        holding(lock, async {
            self.ensure_started().await?;
            self.do_integrate(request, fence).await
        })
        .await
    }

    async fn diff(
        &self,
        project: &ProjectId,
        source: &Source,
    ) -> Result<Option<ProjectDiff>, Error> {
        self.ensure_started().await?;
        self.do_diff(project, source).await
    }

    async fn accept(
        &self,
        project: &ProjectId,
        source: &Source,
        branch: Option<&str>,
    ) -> Result<Acceptance, Error> {
        let lock = self.locks.project(project).await;
        holding(lock, async {
            self.ensure_started().await?;
            self.do_accept(project, source, branch).await
        })
        .await
    }

    async fn discard(&self, project: &ProjectId, source: &Source) -> Result<Discard, Error> {
        let lock = self.locks.project(project).await;
        holding(lock, async {
            self.ensure_started().await?;
            self.do_discard(project, source).await
        })
        .await
    }

    async fn cleanup(&self, keep: &BTreeSet<AgentId>) -> Result<Cleanup, Error> {
        self.ensure_started().await?;
        self.do_cleanup(keep).await
    }
}
