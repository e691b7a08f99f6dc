//! Keeping work that belongs to no present task: hidden refs, named by their commits, so that
//! keeping twice keeps nothing twice and overwrites nothing.

use std::collections::BTreeSet;

use callboard_agent::workspace::{CommitId, Error};

use crate::git::{Repo, commit_id};
use crate::marker::Marker;
use crate::names::kept_ref;
use crate::snapshot::{Snapshot, TemporaryIndex};

/// Keeps all that the clone has beyond its base: branches, HEAD, stashes, uncommitted files.
/// Returns the hidden refs.
pub(crate) async fn keep_leftovers(tree: &Repo<'_>, marker: &Marker) -> Result<Vec<String>, Error> {
    let index = TemporaryIndex::open(tree).await?;
    let snapshot = Snapshot::take(tree, &index).await?;
    let mut commits: BTreeSet<CommitId> =
        snapshot.refs.iter().map(|(_, commit)| commit.clone()).collect();
    commits.extend(snapshot.head.clone());
    if snapshot.refs.iter().any(|(name, _)| name == "refs/stash") {
        commits.extend(stashes(tree).await?);
    }
    if snapshot.is_dirty(tree).await? {
        commits.insert(snapshot.commit(tree).await?);
    }
    commits.remove(&marker.base_commit);
    let kept: Vec<_> = commits
        .iter()
        .map(|commit| (kept_ref(&marker.project, &marker.task, marker.attempt, commit), commit))
        .collect();
    let lines = kept.iter().map(|(name, commit)| format!("update {name} {commit}\n")).collect();
    tree.update_refs(lines).await?;
    Ok(kept.into_iter().map(|(name, _)| name).collect())
}

async fn stashes(tree: &Repo<'_>) -> Result<Vec<CommitId>, Error> {
    let args = ["log", "--walk-reflogs", "--format=%H", "refs/stash", "--"];
    let text = tree.git("list stashes").args(args).text().await?;
    text.lines().map(commit_id).collect()
}
