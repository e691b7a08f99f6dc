//! Storing the commits of an attempt as a result.

use callboard_agent::workspace::{CommitId, Error, Publication, Published, Uncommitted, Workspace};

use crate::files::{self, Scratch};
use crate::git::Repo;
use crate::inspect::count_dirty;
use crate::names::{branch_ref, result_blob, result_ref};
use crate::service::GitWorkspaces;
use crate::tree::clear_own_locks;

impl GitWorkspaces {
    pub(crate) async fn do_publish(
        &self,
        workspace: &Workspace,
        uncommitted: Uncommitted,
    ) -> Result<Publication, Error> {
        let tree = self.git.tree(self.layout.agent(&workspace.agent).tree());
        clear_own_locks(&tree.git_dir()).await?;
        let mut n_uncommitted = count_dirty(&tree).await?;
        if uncommitted == Uncommitted::Commit && n_uncommitted > 0 {
            commit_all(&tree, workspace).await?;
            n_uncommitted = 0;
        }
        let Some((head, n_commits)) = find_head(&tree, workspace).await? else {
            return Ok(Publication::NoCommit { n_uncommitted });
        };
        let Workspace { project, task, attempt, base_commit, .. } = workspace;
        let name = result_ref(task, *attempt);
        tree.update_refs(format!("update {name} {head}\n")).await?;
        let bundle = Scratch::new(&self.layout.scratch()).await?;
        tree.git("bundle the result")
            .slow()
            .args(["bundle", "create", "--quiet"])
            .arg(bundle.path())
            .args([&name, "--not", base_commit.as_str()])
            .done()
            .await?;
        let blob = result_blob(project, task, *attempt);
        self.put_blob(&blob, files::read(bundle.path()).await?).await?;
        Ok(Publication::Published(Published {
            blob,
            task: task.clone(),
            attempt: *attempt,
            head,
            base: base_commit.clone(),
            n_commits,
            n_uncommitted,
        }))
    }
}

/// The task's branch, or where it has no commit HEAD: some agents make a branch of their own.
async fn find_head(
    tree: &Repo<'_>,
    workspace: &Workspace,
) -> Result<Option<(CommitId, u64)>, Error> {
    for name in [branch_ref(&workspace.branch), "HEAD".to_owned()] {
        let Some(head) = tree.commit(&name).await? else { continue };
        let n_commits = tree.count(&workspace.base_commit, &head).await?;
        if n_commits > 0 {
            return Ok(Some((head, n_commits)));
        }
    }
    Ok(None)
}

async fn commit_all(tree: &Repo<'_>, workspace: &Workspace) -> Result<(), Error> {
    tree.git("add the agent's changes").slow().args(["add", "--all", "--", ":/"]).done().await?;
    tree.git("commit the agent's changes")
        .slow()
        .args(["commit", "--quiet", "--no-verify", "-m"])
        .arg(format!("{}: commit what was left in the work tree", workspace.task))
        .done()
        .await
}
