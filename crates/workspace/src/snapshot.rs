//! The state of a clone as one commit, taken without touching index, HEAD, branches or stash.

use std::fs;
use std::io;
use std::path::PathBuf;

use callboard_agent::workspace::{CommitId, Error};

use crate::files;
use crate::git::{Repo, commit_id};

/// How the names of our temporary indexes begin.
pub(crate) const INDEX_PREFIX: &[u8] = b"callboard-index-";

/// What a clone looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The tree of the files in the work tree, untracked ones too, without ignored ones.
    pub(crate) tree: String,
    /// The commit of HEAD; `None` on a branch without commits.
    pub(crate) head: Option<CommitId>,
    /// The ref that HEAD is on; `None` where it is detached.
    pub(crate) head_ref: Option<String>,
    /// Local branches and the newest stash, by name.
    pub(crate) refs: Vec<(String, CommitId)>,
}

impl Snapshot {
    /// Takes one. Ends well while the agent works; what it changes meanwhile may be in it or not.
    pub(crate) async fn take(repo: &Repo<'_>, index: &TemporaryIndex) -> Result<Self, Error> {
        let tree = index.tree(repo).await?;
        let refs = local_refs(repo).await?;
        let head_ref = head_ref(repo).await?;
        let head = match &head_ref {
            Some(name) => refs.iter().find(|(it, _)| it == name).map(|(_, commit)| commit.clone()),
            None => repo.commit("HEAD").await?,
        };
        Ok(Self { tree, head, head_ref, refs })
    }

    /// The snapshot as a commit on top of HEAD. The same state always gives the same commit.
    pub(crate) async fn commit(&self, repo: &Repo<'_>) -> Result<CommitId, Error> {
        let parent = self.head.iter().flat_map(|head| ["-p", head.as_str()]);
        let text = repo
            .git("commit the work in progress")
            .env("GIT_AUTHOR_NAME", "Callboard")
            .env("GIT_AUTHOR_EMAIL", "callboard@localhost")
            .env("GIT_COMMITTER_NAME", "Callboard")
            .env("GIT_COMMITTER_EMAIL", "callboard@localhost")
            .env("GIT_AUTHOR_DATE", "@0 +0000")
            .env("GIT_COMMITTER_DATE", "@0 +0000")
            .args(["commit-tree", &self.tree, "-m", "work in progress"])
            .args(parent)
            .text()
            .await?;
        commit_id(&text)
    }

    /// Whether the work tree differs from HEAD.
    pub(crate) async fn is_dirty(&self, repo: &Repo<'_>) -> Result<bool, Error> {
        let Some(head) = &self.head else { return Ok(true) };
        let args = ["rev-parse", "--verify", &format!("{head}^{{tree}}")];
        let tree = repo.git("look up a tree").args(args).text().await?;
        Ok(tree != self.tree)
    }
}

async fn local_refs(repo: &Repo<'_>) -> Result<Vec<(String, CommitId)>, Error> {
    let text = repo
        .git("list branches")
        .args(["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/stash"])
        .text()
        .await?;
    let mut refs = Vec::new();
    for line in text.lines() {
        let Some((commit, name)) = line.split_once(' ') else { continue };
        refs.push((name.to_owned(), commit_id(commit)?));
    }
    Ok(refs)
}

async fn head_ref(repo: &Repo<'_>) -> Result<Option<String>, Error> {
    let bytes = files::read(&repo.git_dir().join("HEAD")).await?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim().strip_prefix("ref: ").map(ToOwned::to_owned))
}

/// An index of our own beside the agent's. Removed when it is dropped.
pub(crate) struct TemporaryIndex {
    path: PathBuf,
    /// Changed and untracked files with their sizes: what a snapshot has to read.
    pub(crate) changed: Vec<(String, u64)>,
}

impl TemporaryIndex {
    /// Copies the agent's index, which spares reading the files that did not change. A broken one
    /// must not stand in the way: without it, all files count as changed.
    pub(crate) async fn open(repo: &Repo<'_>) -> Result<Self, Error> {
        let prefix = String::from_utf8_lossy(INDEX_PREFIX);
        let path = repo.git_dir().join(format!("{prefix}{}", uuid::Uuid::now_v7()));
        let mut index = Self { path, changed: Vec::new() };
        let (from, to) = (repo.git_dir().join("index"), index.path.clone());
        files::blocking("copy", &from.clone(), move || match fs::copy(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await?;
        index.changed = match index.list_changed(repo).await {
            Err(Error::Git { .. }) => {
                files::remove_file(&index.path).await?;
                index.list_changed(repo).await?
            }
            changed => changed?,
        };
        Ok(index)
    }

    async fn list_changed(&self, repo: &Repo<'_>) -> Result<Vec<(String, u64)>, Error> {
        let mut paths = repo
            .git("look for changes")
            .env("GIT_INDEX_FILE", &self.path)
            .args(["ls-files", "-z", "--others", "--modified", "--exclude-standard"])
            .fields()
            .await?;
        // Files in conflict are listed once for each side.
        paths.dedup();
        let folder = repo.folder().to_path_buf();
        files::blocking("read", repo.folder(), move || {
            let size =
                |path: &str| fs::symlink_metadata(folder.join(path)).map_or(0, |facts| facts.len());
            Ok(paths.into_iter().map(|path| (size(&path), path)).map(|(n, it)| (it, n)).collect())
        })
        .await
    }

    /// The tree of all files.
    async fn tree(&self, repo: &Repo<'_>) -> Result<String, Error> {
        let added = repo
            .git("add the work in progress")
            .slow()
            .env("GIT_INDEX_FILE", &self.path)
            .args(["add", "--all", "--ignore-errors", "--", ":/"])
            .output()
            .await?;
        match added.code {
            Some(0) => {}
            // Files that cannot be read are left out.
            Some(1) => tracing::warn!(detail = %added.stderr.trim(), "some files left out"),
            _ => return Err(added.error("add the work in progress")),
        }
        repo.git("write the work in progress")
            .env("GIT_INDEX_FILE", &self.path)
            .args(["write-tree"])
            .text()
            .await
    }
}

impl Drop for TemporaryIndex {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
