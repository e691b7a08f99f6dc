//! Moving one branch of a source forward: the only way in which commits reach it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use callboard_agent::workspace::{CommitId, Error, Source, project_branch};
use callboard_domain::id::ProjectId;
use tokio::time::{Duration, Instant};

use crate::files::{self, Scratch, exists};
use crate::git::{Output, tail};
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
                let output = self.fetch_into(bench, path, &refspec).await?;
                if output.code != Some(0) && self.remove_stale_lock(path, &name).await? {
                    self.fetch_into(bench, path, &refspec).await?
                } else {
                    output
                }
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

    /// The person's repository fetches: unlike a push, that runs none of its hooks.
    async fn fetch_into(
        &self,
        bench: &Bench<'_>,
        path: &Path,
        refspec: &str,
    ) -> Result<Output, Error> {
        self.git
            .at(path)
            .git("update the branch")
            .slow()
            .args(["fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--"])
            .arg(bench.repo.folder())
            .arg(refspec)
            .output()
            .await
    }

    /// Removes the lock that a killed process of ours left on the project's branch. Whether it
    /// may be worth trying again.
    async fn remove_stale_lock(&self, path: &Path, name: &str) -> Result<bool, Error> {
        if !name.starts_with("refs/heads/callboard/") {
            return Ok(false);
        }
        let args = ["rev-parse", "--git-common-dir"];
        let common = self.git.at(path).git("find the git folder").args(args).text().await?;
        let lock = path.join(common).join(format!("{name}.lock"));
        let Ok(first) = tokio::fs::symlink_metadata(&lock).await else { return Ok(false) };
        let stale = Duration::from_millis(self.cfg.stale_lock_ms);
        let deadline = Instant::now() + stale;
        while Instant::now() < deadline {
            tokio::time::sleep(stale / 10).await;
            match tokio::fs::symlink_metadata(&lock).await {
                Ok(now) if now.ino() == first.ino() && now.ctime() == first.ctime() => {}
                // Somebody is at work, and was done with this one.
                _ => return Ok(true),
            }
        }
        tracing::warn!(lock = %lock.display(), "stale lock of a killed process removed");
        files::remove_file(&lock).await?;
        Ok(true)
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
