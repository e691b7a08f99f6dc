//! Making an agent's workspace, and switching it to another task.
//!
//! ```text
//! nothing ── build tree.new ── rename to tree ── marker        (a crash leaves nothing or a tree
//! tree of another attempt ── keep leftovers ── switch ── marker  without a marker: kept, switched)
//! tree of this attempt ── left as it is
//! ```

use callboard_agent::workspace::{
    Base, CommitId, Error, Prepare, Published, Workspace, project_branch, task_branch,
};

use crate::files::{self, create_folder, exists, remove_folder, rename};
use crate::git::Repo;
use crate::keep::keep_leftovers;
use crate::marker::Marker;
use crate::names::{AgentFolder, branch_ref};
use crate::service::GitWorkspaces;
use crate::tree::{clear_locks, forget_half_done};

/// The result that the branch goes on from, where the base is the head of one: its commits are then
/// part of this attempt's result too.
fn continued(request: &Prepare) -> Option<&Published> {
    let Base::Commit(commit) = &request.base else {
        return None;
    };
    request.results.iter().find(|result| result.head == *commit)
}

impl GitWorkspaces {
    pub(crate) async fn do_find(&self, request: &Prepare) -> Result<Option<Workspace>, Error> {
        let folder = self.layout.agent(&request.agent);
        let marker = Marker::read(&folder).await.filter(|marker| marker.is_for(request));
        if marker.is_none() || !self.usable_tree(&folder).await? {
            return Ok(None);
        }
        Ok(marker.map(|marker| marker.workspace(&folder)))
    }

    pub(crate) async fn do_prepare(&self, request: &Prepare) -> Result<Workspace, Error> {
        let folder = self.layout.agent(&request.agent);
        create_folder(&folder.home()).await?;
        let marker = Marker::read(&folder).await;
        let mut usable = self.usable_tree(&folder).await?;
        if let (true, Some(marker)) = (usable, marker.clone())
            && marker.is_for(request)
        {
            return self.keep_on(&folder, marker, request).await;
        }
        let from = continued(request);
        let needed: Vec<&CommitId> = match (&request.base, from) {
            (_, Some(from)) => vec![&from.base],
            (Base::Project { start: commit } | Base::Commit(commit), None) => vec![commit],
            (Base::Branch(_), None) => vec![],
        };
        let mirror = self.mirror(&request.project, &request.source, &needed).await?;
        let (base, begin) = match from {
            Some(from) => (from.base.clone(), from.head.clone()),
            None => {
                let base = resolve_base(&mirror, request).await?;
                (base.clone(), base)
            }
        };
        let branch = task_branch(&request.project, &request.task);
        let new_marker = Marker::new(request, branch.clone(), base.clone());
        let tree = self.git.tree(folder.tree());
        if usable {
            usable = self.put_away(&folder, marker.as_ref(), &new_marker).await?;
        }
        if usable {
            self.fetch_into_tree(&tree, &mirror, &request.results).await?;
            switch(&tree, &branch, &begin).await?;
        } else {
            self.build_tree(&mirror, &request.source, &folder.new_tree()).await?;
            let new_tree = self.git.tree(folder.new_tree());
            self.fetch_into_tree(&new_tree, &mirror, &request.results).await?;
            check_out(&new_tree, &branch, &begin).await?;
            rename(&folder.new_tree(), &folder.tree()).await?;
        }
        files::remove_file(&folder.last_checkpoint()).await?;
        files::write_json(&folder.marker(), &new_marker).await?;
        Ok(new_marker.workspace(&folder))
    }

    /// Whether there is a clone to go on with. One that git cannot read is moved aside.
    pub(crate) async fn usable_tree(&self, folder: &AgentFolder) -> Result<bool, Error> {
        if !exists(&folder.tree()).await {
            return Ok(false);
        }
        let tree = self.git.tree(folder.tree());
        clear_locks(&tree.git_dir()).await?;
        let args = ["rev-parse", "--is-inside-work-tree"];
        let output = tree.git("look at the clone").args(args).output().await?;
        if output.code == Some(0) {
            mend_index(&tree).await?;
            return Ok(true);
        }
        let aside = folder.path().join(format!("damaged-{}", uuid::Uuid::now_v7()));
        tracing::warn!(folder = %aside.display(), detail = %output.stderr.trim(), "clone moved aside");
        rename(&folder.tree(), &aside).await?;
        Ok(false)
    }

    async fn keep_on(
        &self,
        folder: &AgentFolder,
        marker: Marker,
        request: &Prepare,
    ) -> Result<Workspace, Error> {
        let marker = Marker { epoch: request.epoch, ..marker };
        files::write_json(&folder.marker(), &marker).await?;
        Ok(marker.workspace(folder))
    }

    /// Keeps the leftovers of the last task. `false` where the clone is of another source and was
    /// therefore removed, its leftovers moved to that source's mirror.
    async fn put_away(
        &self,
        folder: &AgentFolder,
        old: Option<&Marker>,
        new: &Marker,
    ) -> Result<bool, Error> {
        let tree = self.git.tree(folder.tree());
        keep_leftovers(&tree, old.unwrap_or(new)).await?;
        let Some(old) = old.filter(|old| old.mirror_key() != new.mirror_key()) else {
            return Ok(true);
        };
        self.move_kept(folder, old).await?;
        remove_folder(&folder.tree()).await?;
        Ok(false)
    }
}

/// Without the index of a killed process that git cannot read, the next command writes a new one.
async fn mend_index(tree: &Repo<'_>) -> Result<(), Error> {
    let args = ["ls-files", "--unmerged", "-z"];
    let output = tree.git("read the index").args(args).output().await?;
    if output.code == Some(0) {
        return Ok(());
    }
    files::remove_file(&tree.git_dir().join("index")).await?;
    tree.git("write a new index").args(["reset", "--quiet"]).output().await.map(drop)
}

/// The commit that the branch is to begin at.
async fn resolve_base(mirror: &Repo<'_>, request: &Prepare) -> Result<CommitId, Error> {
    match &request.base {
        Base::Commit(commit) => Ok(commit.clone()),
        Base::Project { start } => {
            let branch = branch_ref(&project_branch(&request.project));
            Ok(mirror.commit(&branch).await?.unwrap_or_else(|| start.clone()))
        }
        Base::Branch(name) => {
            let found = mirror.commit(&branch_ref(name)).await?;
            found.ok_or_else(|| Error::BaseMissing {
                base: format!("branch {name}"),
                source_name: request.source.to_string(),
            })
        }
    }
}

async fn check_out(tree: &Repo<'_>, branch: &str, base: &CommitId) -> Result<(), Error> {
    tree.git("check out the task's branch")
        .slow()
        .args(["checkout", "--quiet", "--force", "--no-track", "-B", branch, base.as_str(), "--"])
        .done()
        .await
}

/// Leaves only the new branch, at `base`, with a clean work tree. Ignored files stay: they are
/// caches, and in no hidden ref.
async fn switch(tree: &Repo<'_>, branch: &str, base: &CommitId) -> Result<(), Error> {
    forget_half_done(&tree.git_dir()).await?;
    tree.git("leave the last task's branch")
        .slow()
        .args(["checkout", "--quiet", "--force", "--detach", base.as_str(), "--"])
        .done()
        .await?;
    let refs = tree
        .git("list branches")
        .args(["for-each-ref", "--format=delete %(refname)", "refs/heads", "refs/stash"])
        .text()
        .await?;
    tree.update_refs(if refs.is_empty() { refs } else { refs + "\n" }).await?;
    check_out(tree, branch, base).await?;
    tree.git("clean the work tree").args(["clean", "-d", "--force", "--quiet"]).done().await
}
