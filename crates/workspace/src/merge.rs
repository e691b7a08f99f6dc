//! Merging in a repository of the project's own, never in one of the person.

use std::path::PathBuf;

use callboard_agent::workspace::{CommitId, Error};
use callboard_domain::id::ProjectId;

use crate::files::{self, create_folder, exists, remove_folder};
use crate::git::{Repo, commit_id};
use crate::service::GitWorkspaces;
use crate::tree::{borrow_objects, clear_locks};

/// The place where a project's results are merged.
pub(crate) struct Bench<'a> {
    /// A bare repository that borrows from the mirror.
    pub(crate) repo: Repo<'a>,
    /// Where merges are checked out.
    pub(crate) tree: PathBuf,
}

/// A merge to make.
pub(crate) struct Merge<'a> {
    pub(crate) onto: &'a CommitId,
    pub(crate) head: &'a CommitId,
    pub(crate) message: &'a str,
    /// Name and address of the author.
    pub(crate) author: (&'a str, &'a str),
}

/// What came of a merge.
pub(crate) enum Outcome {
    Merged(CommitId),
    Conflict(Vec<String>),
}

impl GitWorkspaces {
    /// The project's bench, clean.
    pub(crate) async fn bench(
        &self,
        project: &ProjectId,
        mirror: &Repo<'_>,
    ) -> Result<Bench<'_>, Error> {
        let folder = self.layout.integration(project);
        let repo = self.git.bare(folder.join("repo.git"));
        if !exists(&folder.join("ready.json")).await {
            // One that is half made may hold the locks of a killed process.
            remove_folder(repo.folder()).await?;
            create_folder(repo.folder()).await?;
            let format = crate::tree::object_format(mirror.folder()).await;
            repo.git("make the integration repository")
                .args(["init", "--quiet", "--bare", "--template=", "--object-format", format])
                .done()
                .await?;
            files::write_json(&folder.join("ready.json"), &1).await?;
        }
        borrow_objects(repo.folder(), mirror.folder()).await?;
        clear_locks(repo.folder()).await?;
        let bench = Bench { repo, tree: folder.join("tree") };
        bench.clear().await?;
        Ok(bench)
    }
}

impl Bench<'_> {
    /// Removes the work tree.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        remove_folder(&self.tree).await?;
        remove_folder(&self.repo.folder().join("worktrees")).await
    }

    /// Merges in a fresh work tree, with a merge commit always. The work tree then is the result.
    pub(crate) async fn merge(
        &self,
        git: &crate::git::Git,
        merge: Merge<'_>,
    ) -> Result<Outcome, Error> {
        let Merge { onto, head, message, author: (name, email) } = merge;
        self.repo
            .git("check out the merge")
            .slow()
            .args(["worktree", "add", "--quiet", "--detach", "--force"])
            .arg(&self.tree)
            .arg(onto.as_str())
            .done()
            .await?;
        let tree = git.at(&self.tree);
        let merged = tree
            .git("merge the result")
            .slow()
            .env("GIT_AUTHOR_NAME", name)
            .env("GIT_AUTHOR_EMAIL", email)
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", email)
            .args(["merge", "--quiet", "--no-ff", "--no-edit", "--no-verify", "-m", message])
            .arg(head.as_str())
            .output()
            .await?;
        if merged.code == Some(0) {
            let args = ["rev-parse", "--verify", "HEAD"];
            return commit_id(&tree.git("look up the merge").args(args).text().await?)
                .map(Outcome::Merged);
        }
        let args = ["diff", "--name-only", "--diff-filter=U", "-z"];
        let files = tree.git("list conflicts").args(args).fields().await?;
        if files.is_empty() {
            return Err(merged.error("merge the result"));
        }
        Ok(Outcome::Conflict(files))
    }
}
