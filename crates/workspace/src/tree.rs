//! An agent's clone: building it, and cleaning up after killed git processes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use callboard_agent::workspace::{Error, Published, Source};

use crate::files::{self, create_folder, remove_folder};
use crate::git::Repo;
use crate::names::result_ref;
use crate::service::GitWorkspaces;

/// What an interrupted merge, rebase or bisection leaves in the git folder.
const HALF_DONE: &[&str] = &[
    "rebase-merge",
    "rebase-apply",
    "sequencer",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "MERGE_RR",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "AUTO_MERGE",
    "REBASE_HEAD",
    "BISECT_LOG",
    "BISECT_START",
    "BISECT_TERMS",
    "BISECT_NAMES",
    "BISECT_EXPECTED_REV",
];

impl GitWorkspaces {
    /// A clone in `folder` that borrows from the mirror, with nothing checked out.
    pub(crate) async fn build_tree(
        &self,
        mirror: &Repo<'_>,
        source: &Source,
        folder: &Path,
    ) -> Result<(), Error> {
        remove_folder(folder).await?;
        create_folder(folder).await?;
        let format = object_format(mirror.folder()).await;
        self.git
            .at(folder)
            .git("make the clone")
            .args(["init", "--quiet", "--template=", "--object-format", format])
            .done()
            .await?;
        borrow_objects(&folder.join(".git"), mirror.folder()).await?;
        let text = self.clone_config(mirror, source).await?;
        let path = folder.join(".git/config");
        files::blocking("write", &path.clone(), move || {
            let mut config = fs::read_to_string(&path)?;
            config.push_str(&text);
            fs::write(&path, config)
        })
        .await
    }

    async fn clone_config(&self, mirror: &Repo<'_>, source: &Source) -> Result<String, Error> {
        let (name, email) = self.identity(mirror, source).await?;
        let url = quoted(&mirror.folder().display().to_string());
        Ok(format!(
            "[remote \"origin\"]\n\turl = {url}\n\tpushurl = results-are-collected-by-callboard\n\
             \tfetch = +refs/heads/*:refs/remotes/origin/*\n\
             [user]\n\tname = {}\n\temail = {}\n[commit]\n\tgpgSign = false\n",
            quoted(&name),
            quoted(&email)
        ))
    }

    /// Who the person is by the source's or their own configuration; they own what their agents
    /// commit.
    pub(crate) async fn identity(
        &self,
        mirror: &Repo<'_>,
        source: &Source,
    ) -> Result<(String, String), Error> {
        let repo = match source {
            Source::Path(path) if files::exists(path).await => self.git.at(path),
            Source::Path(_) | Source::Url(_) | Source::Bundle(_) => mirror.clone(),
        };
        let output = repo
            .git("read who the person is")
            .for_person()
            .args(["config", "--get-regexp", "^user\\.(name|email)$"])
            .output()
            .await?;
        let value = |key: &str| {
            let mut values = output.stdout.lines().filter_map(|line| line.strip_prefix(key));
            values.next_back().filter(|value| !value.is_empty()).map(ToOwned::to_owned)
        };
        match (value("user.name "), value("user.email ")) {
            (Some(name), Some(email)) => Ok((name, email)),
            _ => Ok(("Callboard agent".to_owned(), "agent@callboard.localhost".to_owned())),
        }
    }

    /// Brings the mirror's branches and tags into the clone, and the results asked for.
    pub(crate) async fn fetch_into_tree(
        &self,
        tree: &Repo<'_>,
        mirror: &Repo<'_>,
        results: &[Published],
    ) -> Result<(), Error> {
        tree.git("fetch from the mirror")
            .slow()
            .args(["fetch", "--quiet", "--no-write-fetch-head", "--update-shallow", "--prune"])
            .arg("--")
            .arg(mirror.folder())
            .args(["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"])
            .done()
            .await?;
        for Published { blob, task, attempt, .. } in results {
            let from = result_ref(task, *attempt);
            let refspec = format!("+{from}:refs/remotes/results/{task}-{attempt}");
            self.fetch_blob(tree, blob, &[&refspec]).await?;
        }
        Ok(())
    }
}

pub(crate) async fn object_format(mirror: &Path) -> &'static str {
    let config = tokio::fs::read_to_string(mirror.join("config")).await.unwrap_or_default();
    if config.to_lowercase().contains("objectformat = sha256") { "sha256" } else { "sha1" }
}

/// Lets the repository at `git_dir` read the objects of the bare repository `lender`, which may be
/// shallow.
pub(crate) async fn borrow_objects(git_dir: &Path, lender: &Path) -> Result<(), Error> {
    let (git_dir, lender) = (git_dir.to_path_buf(), lender.to_path_buf());
    let line = [lender.join("objects").as_os_str().as_encoded_bytes(), b"\n"].concat();
    files::blocking("lend objects to", &git_dir.clone(), move || {
        fs::create_dir_all(git_dir.join("objects/info"))?;
        fs::write(git_dir.join("objects/info/alternates"), line)?;
        match fs::copy(lender.join("shallow"), git_dir.join("shallow")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    })
    .await
}

/// A value of a git configuration file.
fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    format!("\"{escaped}\"")
}

/// Removes the lock files of killed git processes, and our temporary indexes. The caller knows that
/// no git process runs there.
pub(crate) async fn clear_locks(git_dir: &Path) -> Result<(), Error> {
    let owned = git_dir.to_path_buf();
    files::blocking("clear locks in", git_dir, move || {
        remove_locks(&owned, false)?;
        remove_locks_below(vec![owned.join("refs"), owned.join("objects/info")])
    })
    .await
}

/// Removes the locks on our hidden refs alone: nobody but the caller writes those, so that the
/// agent may be at work.
pub(crate) async fn clear_own_locks(git_dir: &Path) -> Result<(), Error> {
    let folder = git_dir.join("refs/callboard");
    files::blocking("clear locks in", git_dir, move || remove_locks_below(vec![folder])).await
}

fn remove_locks_below(mut folders: Vec<PathBuf>) -> io::Result<()> {
    while let Some(folder) = folders.pop() {
        folders.extend(remove_locks(&folder, true)?);
    }
    Ok(())
}

/// Removes the locks directly in `folder`; returns its folders.
fn remove_locks(folder: &Path, descend: bool) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if descend && entry.file_type()?.is_dir() {
            folders.push(entry.path());
        } else if name.ends_with(b".lock") || name.starts_with(crate::snapshot::INDEX_PREFIX) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(folders)
}

/// Forgets a merge, rebase or the like that was never finished.
pub(crate) async fn forget_half_done(git_dir: &Path) -> Result<(), Error> {
    for name in HALF_DONE {
        let path = git_dir.join(name);
        match tokio::fs::symlink_metadata(&path).await {
            Ok(facts) if facts.is_dir() => remove_folder(&path).await?,
            Ok(_) => files::remove_file(&path).await?,
            Err(_) => {}
        }
    }
    Ok(())
}
