//! Looking at a source: what it is, and a clear word where it cannot be used.

use std::path::{Path, PathBuf};

use callboard_agent::workspace::{Error, Source, SourceFacts};

use crate::files::{Scratch, exists};
use crate::git::{Output, Repo, commit_id};
use crate::service::GitWorkspaces;

const NO_REPOSITORY: &str = "not a git repository";

impl GitWorkspaces {
    pub(crate) async fn do_inspect(&self, source: &Source) -> Result<SourceFacts, Error> {
        match source {
            Source::Path(path) => self.inspect_path(path).await,
            Source::Url(url) => self.inspect_url(source, url).await,
            Source::Bundle(blob) => self.inspect_bundle(source, blob).await,
        }
    }

    async fn inspect_path(&self, path: &Path) -> Result<SourceFacts, Error> {
        let name = || path.display().to_string();
        let path =
            tokio::fs::canonicalize(path).await.map_err(|_| Error::NotFound { path: name() })?;
        // A file is no repository either.
        if !path.is_dir() {
            return Err(Error::NotARepository { path: name() });
        }
        let found = self
            .git
            .at(&path)
            .git("look at the repository")
            .args(["rev-parse", "--is-bare-repository", "--is-shallow-repository"])
            .args(["--absolute-git-dir"])
            .output()
            .await?;
        let mut lines = match found.code {
            Some(0) => found.stdout.lines(),
            _ if found.stderr.contains(NO_REPOSITORY) => {
                return Err(Error::NotARepository { path: name() });
            }
            _ => return Err(found.error("look at the repository")),
        };
        let bare = lines.next() == Some("true");
        let shallow = lines.next() == Some("true");
        let git_dir = PathBuf::from(lines.next().unwrap_or_default());
        let top = if bare { git_dir } else { self.top_folder(&path).await? };
        let repo = self.git.at(&top);
        let head = repo.commit("HEAD").await?.ok_or_else(|| Error::NoCommit { path: name() })?;
        let n_dirty_files = if bare { 0 } else { count_dirty(&repo).await? };
        let branch = current_branch(&repo).await?;
        Ok(SourceFacts { source: Source::Path(top), head, branch, n_dirty_files, bare, shallow })
    }

    async fn top_folder(&self, path: &Path) -> Result<PathBuf, Error> {
        let args = ["rev-parse", "--show-toplevel"];
        let output = self.git.at(path).git("find the work tree").args(args).output().await?;
        match output.code {
            Some(0) => Ok(PathBuf::from(output.stdout.trim_end_matches('\n'))),
            // Inside a `.git` folder there is no work tree.
            _ => Err(Error::NotARepository { path: path.display().to_string() }),
        }
    }

    async fn inspect_url(&self, source: &Source, url: &str) -> Result<SourceFacts, Error> {
        check_url(url)?;
        crate::files::create_folder(&self.layout.scratch()).await?;
        let output = self
            .git
            .at(self.layout.scratch())
            .git("reach the repository")
            .for_person()
            .args(["ls-remote", "--symref", "--", url, "HEAD"])
            .output()
            .await?;
        if output.code != Some(0) {
            return Err(unreachable(source, output));
        }
        let mut branch = None;
        let mut head = None;
        for line in output.stdout.lines() {
            match line.split_once('\t') {
                Some((target, "HEAD")) if target.starts_with("ref: ") => {
                    branch = target.strip_prefix("ref: refs/heads/").map(ToOwned::to_owned);
                }
                Some((commit, "HEAD")) => head = Some(commit_id(commit)?),
                _ => {}
            }
        }
        let head = head.ok_or_else(|| Error::NoCommit { path: url.to_owned() })?;
        let source = source.clone();
        Ok(SourceFacts { source, head, branch, n_dirty_files: 0, bare: true, shallow: false })
    }

    async fn inspect_bundle(&self, source: &Source, blob: &str) -> Result<SourceFacts, Error> {
        let bundle =
            Scratch::with_bytes(&self.layout.scratch(), self.get_blob(blob).await?).await?;
        let output = self
            .git
            .at(self.layout.scratch())
            .git("read the bundle")
            .args(["bundle", "list-heads"])
            .arg(bundle.path())
            .output()
            .await?;
        if output.code != Some(0) {
            return Err(Error::NotARepository { path: source.to_string() });
        }
        let refs: Vec<_> = output.stdout.lines().filter_map(|line| line.split_once(' ')).collect();
        let named = |wanted: &str| refs.iter().find(|(_, name)| *name == wanted).copied();
        let (head, _) =
            named("HEAD").ok_or_else(|| Error::NoCommit { path: source.to_string() })?;
        let branch = refs
            .iter()
            .filter(|(commit, _)| *commit == head)
            .find_map(|(_, name)| name.strip_prefix("refs/heads/"))
            .map(ToOwned::to_owned);
        let (head, source) = (commit_id(head)?, source.clone());
        Ok(SourceFacts { source, head, branch, n_dirty_files: 0, bare: true, shallow: false })
    }
}

/// The branch that HEAD is on; `None` where it is detached.
pub(crate) async fn current_branch(repo: &Repo<'_>) -> Result<Option<String>, Error> {
    let output =
        repo.git("read HEAD").args(["symbolic-ref", "--quiet", "--short", "HEAD"]).output().await?;
    match output.code {
        Some(0) => Ok(Some(output.stdout.trim().to_owned())),
        Some(1) => Ok(None),
        _ => Err(output.error("read HEAD")),
    }
}

/// Changed and untracked files, without ignored ones. Writes nothing, not even the index.
pub(crate) async fn dirty(repo: &Repo<'_>) -> Result<Vec<String>, Error> {
    let fields = repo
        .git("look for changes")
        .args(["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"])
        .fields()
        .await?;
    // Two letters and a space, then the path.
    Ok(fields.iter().filter_map(|field| field.get(3..)).map(ToOwned::to_owned).collect())
}

pub(crate) async fn count_dirty(repo: &Repo<'_>) -> Result<u64, Error> {
    Ok(dirty(repo).await?.len() as u64)
}

/// A URL that git cannot take for an option or a helper program.
pub(crate) fn check_url(url: &str) -> Result<(), Error> {
    let bad = url.is_empty()
        || url.starts_with('-')
        || url.contains("::")
        || url.chars().any(char::is_control);
    if bad {
        let text = url.chars().take(200).collect();
        return Err(Error::BadInput { what: "repository URL", text });
    }
    Ok(())
}

/// The error of a source that git could not read.
pub(crate) fn unreachable(source: &Source, output: Output) -> Error {
    let reason = crate::git::tail(output.stderr.trim(), 500).to_owned();
    Error::Unreachable { source_name: source.to_string(), reason }
}

/// The error of a path that git could not read: what is wrong with it.
pub(crate) async fn path_error(source: &Source, path: &Path, output: Output) -> Error {
    if !exists(path).await {
        return Error::NotFound { path: source.to_string() };
    }
    if output.stderr.contains("does not appear to be a git repository") {
        return Error::NotARepository { path: source.to_string() };
    }
    unreachable(source, output)
}
