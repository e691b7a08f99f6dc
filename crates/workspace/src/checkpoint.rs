//! Taking a checkpoint: session files and work in progress as one pair.

use std::path::PathBuf;

use callboard_agent::workspace::{CheckpointRef, Checkpointed, CommitId, Error, Workspace};
use callboard_domain::id::AgentId;
use callboard_stdx::digest::sha256_hex;
use callboard_stdx::task::spawn_blocking;
use callboard_substrate::blobs::BlobInfo;
use serde::{Deserialize, Serialize};

use crate::archive::{Contents, Facts};
use crate::files::{self, Scratch};
use crate::git::Repo;
use crate::names::{WIP_REF, blob_name, checkpoint_blob, checkpoint_prefix};
use crate::service::{GitWorkspaces, blob_error};
use crate::session::{self, SessionFile, Sessions};
use crate::snapshot::{Snapshot, TemporaryIndex};
use crate::tree::clear_own_locks;

/// How many files a too large checkpoint names.
const N_MISSING_MAX: usize = 10;

/// The last checkpoint and what the workspace looked like then. Losing it costs one checkpoint.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    fingerprint: String,
    checkpoint: CheckpointRef,
}

impl GitWorkspaces {
    pub(crate) async fn do_checkpoint(
        &self,
        workspace: &Workspace,
        session_files: &[PathBuf],
        seq: u64,
    ) -> Result<Checkpointed, Error> {
        let folder = self.layout.agent(&workspace.agent);
        let repo = self.git.tree(folder.tree());
        clear_own_locks(&repo.git_dir()).await?;
        let raw_bytes_max = self.cfg.checkpoint_raw_bytes_max;
        // Sessions first: work that a session knows of is then in the snapshot.
        let sessions = match session::read(&folder.home(), session_files, raw_bytes_max).await? {
            Sessions::Read(sessions) => sessions,
            Sessions::TooLarge(found) => return Ok(too_large(found, raw_bytes_max)),
        };
        let mut index = TemporaryIndex::open(&repo).await?;
        let changed = std::mem::take(&mut index.changed);
        if changed.iter().map(|(_, bytes)| bytes).sum::<u64>() > raw_bytes_max {
            return Ok(too_large(changed, raw_bytes_max));
        }
        let snapshot = Snapshot::take(&repo, &index).await?;
        drop(index);
        let fingerprint = fingerprint(workspace, &snapshot, &sessions);
        if let Some(last) = files::read_json::<Last>(&folder.last_checkpoint()).await
            && last.fingerprint == fingerprint
        {
            return Ok(Checkpointed::Unchanged(last.checkpoint));
        }
        let wip = snapshot.commit(&repo).await?;
        let bundle = self.bundle_wip(&repo, &snapshot, &wip, &workspace.base_commit).await?;
        let sizes = sessions.iter().map(|it| (it.path.clone(), it.bytes.len() as u64));
        let sizes = changed.into_iter().chain(sizes).collect();
        let facts = facts(workspace, seq, snapshot, wip.clone());
        let sealed = self.seal(Contents { facts, bundle, sessions }).await?;
        let bytes_max = self.cfg.checkpoint_bytes_max.min(self.blobs.bytes_max());
        let bytes = sealed.len() as u64;
        if bytes > bytes_max {
            let Checkpointed::TooLarge { missing, .. } = too_large(sizes, bytes_max) else {
                unreachable!("too_large makes nothing else")
            };
            return Ok(Checkpointed::TooLarge { bytes, bytes_max, missing });
        }
        let checkpoint = self.put_checkpoint(&workspace.agent, seq, wip, sealed).await?;
        let last = Last { fingerprint, checkpoint };
        files::write_json(&folder.last_checkpoint(), &last).await?;
        Ok(Checkpointed::Taken(last.checkpoint))
    }

    /// All that the clone has and the base lacks, restorable where the base is.
    async fn bundle_wip(
        &self,
        repo: &Repo<'_>,
        snapshot: &Snapshot,
        wip: &CommitId,
        base: &CommitId,
    ) -> Result<Vec<u8>, Error> {
        repo.update_refs(format!("update {WIP_REF} {wip}\n")).await?;
        let bundle = Scratch::new(&self.layout.scratch()).await?;
        let stash = snapshot.refs.iter().any(|(name, _)| name == "refs/stash");
        repo.git("bundle the work in progress")
            .slow()
            .args(["bundle", "create", "--quiet"])
            .arg(bundle.path())
            .args([WIP_REF, "--branches"])
            .args(stash.then_some("refs/stash"))
            .args(["--not", base.as_str()])
            .done()
            .await?;
        files::read(bundle.path()).await
    }

    async fn seal(&self, contents: Contents) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).map_err(|error| Error::Io {
            operation: "read randomness for",
            path: contents.facts.agent.as_str().into(),
            source: std::io::Error::other(error),
        })?;
        let key = self.cfg.key;
        Ok(spawn_blocking("seal a checkpoint", move || contents.seal(&key, nonce)).await)
    }

    async fn put_checkpoint(
        &self,
        agent: &AgentId,
        seq: u64,
        commit: CommitId,
        sealed: Vec<u8>,
    ) -> Result<CheckpointRef, Error> {
        let blob = checkpoint_blob(agent, seq);
        let put = self.blobs.put(&blob_name(&blob)?, sealed).await;
        let BlobInfo { bytes, sha256, .. } = put.map_err(|error| blob_error(&blob, error))?;
        for (old, info) in self.checkpoints_before(agent, seq).await?.iter().enumerate() {
            if old + 1 >= self.cfg.n_checkpoints_kept {
                self.delete_blob(info.name.as_str()).await?;
            }
        }
        Ok(CheckpointRef { blob, seq, bytes, sha256, commit })
    }

    /// The stored checkpoints of an agent with a number below `seq`, newest first.
    pub(crate) async fn checkpoints_before(
        &self,
        agent: &AgentId,
        seq: u64,
    ) -> Result<Vec<BlobInfo>, Error> {
        let prefix = checkpoint_prefix(agent);
        let list = self.blobs.list(&blob_name(&prefix)?).await;
        let list = list.map_err(|error| blob_error(&prefix, error))?;
        let mut older: Vec<_> = list
            .into_iter()
            .filter_map(|info| Some((seq_of(&info)?, info)))
            .filter(|(it, _)| *it < seq)
            .collect();
        older.sort_by_key(|(it, _)| std::cmp::Reverse(*it));
        Ok(older.into_iter().map(|(_, info)| info).collect())
    }
}

/// The number in a checkpoint's name.
pub(crate) fn seq_of(info: &BlobInfo) -> Option<u64> {
    info.name.as_str().rsplit('.').next()?.parse().ok()
}

fn facts(workspace: &Workspace, seq: u64, snapshot: Snapshot, wip: CommitId) -> Facts {
    let Snapshot { tree: _, head, head_ref, refs } = snapshot;
    Facts {
        agent: workspace.agent.clone(),
        seq,
        project: workspace.project.clone(),
        task: workspace.task.clone(),
        attempt: workspace.attempt,
        branch: workspace.branch.clone(),
        base_commit: workspace.base_commit.clone(),
        wip,
        head,
        head_ref,
        refs,
    }
}

/// Equal exactly where a checkpoint would hold the same.
fn fingerprint(workspace: &Workspace, snapshot: &Snapshot, sessions: &[SessionFile]) -> String {
    let Workspace { project, task, attempt, base_commit, .. } = workspace;
    let sessions: Vec<_> =
        sessions.iter().map(|it| (&it.path, it.mode, sha256_hex(&it.bytes))).collect();
    let Snapshot { tree, head, head_ref, refs } = snapshot;
    let all = (project, task, attempt, base_commit, tree, head, head_ref, refs, sessions);
    sha256_hex(&serde_json::to_vec(&all).expect("a tuple of texts is always JSON"))
}

/// Names the largest files, so that a person knows what is in no checkpoint.
fn too_large(mut files: Vec<(String, u64)>, bytes_max: u64) -> Checkpointed {
    let bytes = files.iter().map(|(_, bytes)| bytes).sum();
    files.sort_by(|(path, bytes), (other_path, other)| (other, path).cmp(&(bytes, other_path)));
    let missing = files.into_iter().take(N_MISSING_MAX).map(|(path, _)| path).collect();
    Checkpointed::TooLarge { bytes, bytes_max, missing }
}
