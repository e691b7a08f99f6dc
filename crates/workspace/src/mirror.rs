//! The node's copy of a source, from which clones borrow objects.
//!
//! Invariants: no object ever leaves a mirror (no garbage collection); branches and tags are those
//! of the source at the last refresh; what is kept for agents lies under `refs/callboard`.

use std::path::{Path, PathBuf};

use callboard_agent::workspace::{CommitId, Error, Source};
use callboard_domain::id::ProjectId;

use crate::files::{self, Scratch, create_folder, exists, remove_folder};
use crate::git::Repo;
use crate::inspect::{check_url, path_error, unreachable};
use crate::locks::holding;
use crate::names::{integrated_blob, source_key};
use crate::service::GitWorkspaces;
use crate::tree::clear_locks;

const BRANCHES_AND_TAGS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

impl GitWorkspaces {
    /// The mirror of `source`, fresh, with all of `needed` in it.
    pub(crate) async fn mirror(
        &self,
        project: &ProjectId,
        source: &Source,
        needed: &[&CommitId],
    ) -> Result<Repo<'_>, Error> {
        let key = source_key(source);
        let lock = self.locks.mirror(&key).await;
        let repo = self.git.bare(self.layout.mirror(&key));
        holding(lock, self.update_mirror(&repo, project, source, needed)).await?;
        Ok(repo)
    }

    /// The mirror with `commit` in it, as old as it may be: a restore must not depend on the source
    /// where it need not.
    pub(crate) async fn mirror_having(
        &self,
        project: &ProjectId,
        source: &Source,
        commit: &CommitId,
    ) -> Result<Repo<'_>, Error> {
        let repo = self.git.bare(self.layout.mirror(&source_key(source)));
        if exists(&ready_file(&repo)).await && has(&repo, commit).await? {
            return Ok(repo);
        }
        self.mirror(project, source, &[commit]).await
    }

    async fn update_mirror(
        &self,
        repo: &Repo<'_>,
        project: &ProjectId,
        source: &Source,
        needed: &[&CommitId],
    ) -> Result<(), Error> {
        self.ensure_mirror(repo, source).await?;
        clear_locks(&repo.git_dir()).await?;
        self.refresh(repo, project, source).await?;
        for commit in needed {
            if !has(repo, commit).await? {
                self.fetch_commit(repo, source, commit).await?;
            }
        }
        Ok(())
    }

    async fn ensure_mirror(&self, repo: &Repo<'_>, source: &Source) -> Result<(), Error> {
        if exists(&ready_file(repo)).await {
            return Ok(());
        }
        // Nobody borrows from one that is half made; it may hold the locks of a killed process.
        remove_folder(repo.folder()).await?;
        create_folder(repo.folder()).await?;
        let format = match source {
            Source::Path(path) if exists(path).await => self.object_format(path).await?,
            _ => "sha1".to_owned(),
        };
        repo.git("make the mirror")
            .args(["init", "--quiet", "--bare", "--template=", "--object-format", &format])
            .done()
            .await?;
        files::write_json(&ready_file(repo), &source.to_string()).await
    }

    async fn object_format(&self, path: &Path) -> Result<String, Error> {
        let args = ["rev-parse", "--show-object-format"];
        let output = self.git.at(path).git("look at the repository").args(args).output().await?;
        let format = output.stdout.trim();
        Ok(if output.code == Some(0) && format == "sha256" { "sha256" } else { "sha1" }.to_owned())
    }

    async fn refresh(
        &self,
        repo: &Repo<'_>,
        project: &ProjectId,
        source: &Source,
    ) -> Result<(), Error> {
        let fetch = repo.git("refresh the mirror").slow().args([
            "fetch",
            "--quiet",
            "--no-write-fetch-head",
            "--update-shallow",
            "--prune",
        ]);
        match source {
            Source::Path(path) => {
                let output = fetch.arg("--").arg(path).args(BRANCHES_AND_TAGS).output().await?;
                match output.code {
                    Some(0) => Ok(()),
                    _ => Err(path_error(source, path, output).await),
                }
            }
            Source::Url(url) => {
                check_url(url)?;
                let call = fetch.for_person().arg("--").arg(url).args(BRANCHES_AND_TAGS);
                let output = call.output().await?;
                if output.code == Some(0) { Ok(()) } else { Err(unreachable(source, output)) }
            }
            Source::Bundle(blob) => {
                self.fetch_blob(repo, blob, &BRANCHES_AND_TAGS).await?;
                let integrated = integrated_blob(project);
                match self.fetch_blob(repo, &integrated, &BRANCHES_AND_TAGS).await {
                    Err(Error::Blob { retryable: false, .. }) | Ok(()) => Ok(()),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Commits that no branch has: a detached HEAD, or a branch that moved on since.
    async fn fetch_commit(
        &self,
        repo: &Repo<'_>,
        source: &Source,
        commit: &CommitId,
    ) -> Result<(), Error> {
        let missing =
            || Error::BaseMissing { base: commit.to_string(), source_name: source.to_string() };
        let fetch = repo.git("fetch a commit").slow().args([
            "fetch",
            "--quiet",
            "--no-write-fetch-head",
            "--no-tags",
            "--update-shallow",
        ]);
        let call = match source {
            Source::Path(path) => fetch.arg("--").arg(path),
            Source::Url(url) => fetch.for_person().arg("--").arg(url),
            Source::Bundle(_) => return Err(missing()),
        };
        let output = call.arg(format!("{commit}:refs/callboard/pinned/{commit}")).output().await?;
        if output.code == Some(0) { Ok(()) } else { Err(missing()) }
    }

    /// Fetches refs from a bundle in the blobs.
    pub(crate) async fn fetch_blob(
        &self,
        repo: &Repo<'_>,
        blob: &str,
        refspecs: &[&str],
    ) -> Result<(), Error> {
        let bytes = self.get_blob(blob).await?;
        let bundle = Scratch::with_bytes(&self.layout.scratch(), bytes).await?;
        repo.git("read a bundle")
            .slow()
            .args(["fetch", "--quiet", "--no-write-fetch-head", "--no-tags", "--update-shallow"])
            .arg("--")
            .arg(bundle.path())
            .args(refspecs.iter().copied())
            .done()
            .await
    }
}

/// Written when the mirror is whole.
fn ready_file(mirror: &Repo<'_>) -> PathBuf {
    mirror.folder().join("callboard-ready")
}

/// Whether the repository has the commit.
pub(crate) async fn has(repo: &Repo<'_>, commit: &CommitId) -> Result<bool, Error> {
    let args = ["cat-file", "-e", &format!("{commit}^{{commit}}")];
    let output = repo.git("look up a commit").args(args).output().await?;
    Ok(output.code == Some(0))
}
