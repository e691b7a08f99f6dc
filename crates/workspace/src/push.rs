//! Moving one branch of a source forward: the only way in which commits reach it.

use std::path::{Path, PathBuf};

use callboard_agent::workspace::{CommitId, Error, Source, project_branch};
use callboard_domain::id::ProjectId;

use crate::files::{self, Scratch, exists};
use crate::git::tail;
use crate::inspect::check_url;
use crate::merge::Bench;
use crate::names::{CANDIDATE_REF, branch_ref, integrated_blob};
use crate::service::GitWorkspaces;

impl GitWorkspaces {
    /// Sets `branch` of the source to `commit`, which must contain what the branch has. Never a
    /// branch that is checked out. Repeating it changes nothing.
    pub(crate) async fn push(
        &self,
        bench: &Bench<'_>,
        project: &ProjectId,
        source: &Source,
        branch: &str,
        commit: &CommitId,
    ) -> Result<(), Error> {
        bench.repo.update_refs(format!("update {CANDIDATE_REF} {commit}\n")).await?;
        let name = branch_ref(branch);
        let refspec = format!("{CANDIDATE_REF}:{name}");
        let output = match source {
            Source::Path(path) => {
                self.refuse_checked_out(path, branch).await?;
                // The source fetches: unlike a push, that runs none of its hooks.
                self.git
                    .at(path)
                    .git("update the branch")
                    .slow()
                    .args(["fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head"])
                    .arg("--")
                    .arg(bench.repo.folder())
                    .arg(refspec)
                    .output()
                    .await?
            }
            Source::Url(url) => {
                check_url(url)?;
                bench
                    .repo
                    .git("push the branch")
                    .slow()
                    .for_person()
                    .args(["push", "--quiet", "--no-verify", "--", url.as_str(), &refspec])
                    .output()
                    .await?
            }
            Source::Bundle(_) => return self.push_bundle(bench, project, branch, commit).await,
        };
        if output.code == Some(0) {
            return Ok(());
        }
        let reason = tail(output.stderr.trim(), 500).to_owned();
        Err(Error::BranchRefused { branch: branch.to_owned(), reason })
    }

    async fn push_bundle(
        &self,
        bench: &Bench<'_>,
        project: &ProjectId,
        branch: &str,
        commit: &CommitId,
    ) -> Result<(), Error> {
        if branch != project_branch(project) {
            let reason = "the source is a bundle: it has no branches of a person".to_owned();
            return Err(Error::BranchRefused { branch: branch.to_owned(), reason });
        }
        let name = branch_ref(branch);
        bench.repo.update_refs(format!("update {name} {commit}\n")).await?;
        let bundle = Scratch::new(&self.layout.scratch()).await?;
        bench
            .repo
            .git("bundle the branch")
            .slow()
            .args(["bundle", "create", "--quiet"])
            .arg(bundle.path())
            .arg(&name)
            .done()
            .await?;
        self.put_blob(&integrated_blob(project), files::read(bundle.path()).await?).await
    }

    pub(crate) async fn refuse_checked_out(&self, path: &Path, branch: &str) -> Result<(), Error> {
        match self.checked_out(path, branch).await? {
            None => Ok(()),
            Some(folder) => Err(Error::BranchRefused {
                branch: branch.to_owned(),
                reason: format!("it is checked out in {}", folder.display()),
            }),
        }
    }

    /// The work tree of the repository at `path` that has `branch` checked out.
    pub(crate) async fn checked_out(
        &self,
        path: &Path,
        branch: &str,
    ) -> Result<Option<PathBuf>, Error> {
        let args = ["worktree", "list", "--porcelain"];
        let text = self.git.at(path).git("list work trees").args(args).text().await?;
        let wanted = format!("branch {}", branch_ref(branch));
        for entry in text.split("\n\n") {
            let mut lines = entry.lines();
            let folder = lines.next().and_then(|line| line.strip_prefix("worktree "));
            let bare = lines.clone().any(|line| line == "bare");
            let Some(folder) = folder.map(PathBuf::from).filter(|_| !bare) else { continue };
            if lines.any(|line| line == wanted) && exists(&folder).await {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }
}
