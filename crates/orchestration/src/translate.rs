//! Between the words of the domain and those of the workspace port.

use std::path::PathBuf;

use callboard_actors::sourced::EffectError;
use callboard_agent::workspace::{self, Base, CheckpointRef, CommitId, Prepare};
use callboard_domain::agent::Checkpoint;
use callboard_domain::fleet::Source;
use callboard_domain::id::{AgentId, ProjectId};
use callboard_domain::task::{Attempt, Brief, Published};

pub(crate) fn source(source: &Source) -> workspace::Source {
    match source {
        Source::Path { path } => workspace::Source::Path(PathBuf::from(path)),
        Source::Url { url } => workspace::Source::Url(url.clone()),
    }
}

/// A commit that the log holds; it was checked when it was stored.
pub(crate) fn commit(text: &str) -> Result<CommitId, EffectError> {
    CommitId::new(text).map_err(|error| EffectError::new(error.to_string()))
}

pub(crate) fn to_port(published: &Published) -> Result<workspace::Published, EffectError> {
    Ok(workspace::Published {
        blob: published.blob.clone(),
        task: published.attempt.task.clone(),
        attempt: published.attempt.n,
        head: commit(&published.head)?,
        base: commit(&published.base)?,
        n_commits: u64::from(published.n_commits),
        n_uncommitted: 0,
    })
}

pub(crate) fn from_port(published: workspace::Published) -> Published {
    Published {
        attempt: Attempt { task: published.task, n: published.attempt },
        blob: published.blob,
        head: published.head.to_string(),
        base: published.base.to_string(),
        n_commits: u32::try_from(published.n_commits).unwrap_or(u32::MAX),
    }
}

/// The workspace that a try needs.
pub(crate) fn prepare(
    agent: &AgentId,
    project: &ProjectId,
    epoch: u64,
    brief: &Brief,
) -> Result<Prepare, EffectError> {
    let results =
        brief.from.iter().chain(&brief.conflict).map(to_port).collect::<Result<_, _>>()?;
    let base = match &brief.from {
        Some(from) => Base::Commit(commit(&from.head)?),
        None => Base::Project { start: commit(&brief.start)? },
    };
    Ok(Prepare {
        agent: agent.clone(),
        project: project.clone(),
        task: brief.attempt.task.clone(),
        attempt: brief.attempt.n,
        source: source(&brief.source),
        base,
        results,
        epoch,
    })
}

pub(crate) fn checkpoint(checkpoint: &Checkpoint) -> Result<CheckpointRef, EffectError> {
    Ok(CheckpointRef {
        blob: checkpoint.blob.clone(),
        seq: checkpoint.seq,
        bytes: checkpoint.bytes,
        sha256: checkpoint.sha256.clone(),
        commit: commit(&checkpoint.commit)?,
    })
}
