//! Making a workspace as it was at a checkpoint.

use callboard_agent::workspace::{CheckpointRef, CommitId, Error, Prepare, Restored, task_branch};
use callboard_stdx::digest::sha256_hex;
use callboard_stdx::task::spawn_blocking;

use crate::archive::{Contents, Facts};
use crate::checkpoint::seq_of;
use crate::files::{self, Scratch, create_folder, remove_folder, rename};
use crate::git::Repo;
use crate::keep::keep_leftovers;
use crate::marker::Marker;
use crate::names::{AgentFolder, WIP_REF};
use crate::service::GitWorkspaces;
use crate::session;
use crate::tree::forget_half_done;

/// A stored checkpoint to be tried.
struct Candidate {
    blob: String,
    seq: u64,
    sha256: Option<String>,
}

impl GitWorkspaces {
    pub(crate) async fn do_restore(
        &self,
        checkpoint: &CheckpointRef,
        request: &Prepare,
    ) -> Result<Restored, Error> {
        let mut problems = Vec::new();
        for candidate in self.candidates(checkpoint, request).await? {
            let outcome = match self.load(&candidate, request).await {
                Ok(contents) => self.rebuild(contents, request).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(workspace) => {
                    let fell_back = (!problems.is_empty()).then(|| problems.join("; "));
                    return Ok(Restored { workspace, seq: candidate.seq, fell_back });
                }
                // It may be good: an older one must not be taken for it.
                Err(error) if error.retryable() => return Err(error),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|it| format!(": {it}"));
                    let problem = format!("{error}{}", cause.unwrap_or_default());
                    tracing::warn!(blob = candidate.blob, %problem, "checkpoint not usable");
                    problems.push(format!("checkpoint {}: {problem}", candidate.seq));
                }
            }
        }
        Err(Error::NoCheckpoint { agent: request.agent.clone(), reason: problems.join("; ") })
    }

    async fn candidates(
        &self,
        checkpoint: &CheckpointRef,
        request: &Prepare,
    ) -> Result<Vec<Candidate>, Error> {
        let CheckpointRef { blob, seq, sha256, .. } = checkpoint.clone();
        let mut candidates = vec![Candidate { blob, seq, sha256: Some(sha256) }];
        for info in self.checkpoints_before(&request.agent, seq).await? {
            let Some(seq) = seq_of(&info) else { continue };
            candidates.push(Candidate { blob: info.name.to_string(), seq, sha256: None });
        }
        Ok(candidates)
    }

    async fn load(&self, candidate: &Candidate, request: &Prepare) -> Result<Contents, Error> {
        let sealed = self.get_blob(&candidate.blob).await?;
        let bad = |reason: String| Error::NoCheckpoint { agent: request.agent.clone(), reason };
        if candidate.sha256.as_ref().is_some_and(|wanted| *wanted != sha256_hex(&sealed)) {
            return Err(bad("its digest is not the recorded one".to_owned()));
        }
        let (key, agent, seq) = (self.cfg.key, request.agent.clone(), candidate.seq);
        let opened =
            spawn_blocking("open a checkpoint", move || Contents::open(&sealed, &key, &agent, seq));
        let contents = opened.await.map_err(|error| bad(error.to_string()))?;
        let Facts { project, task, attempt, .. } = &contents.facts;
        if (project, task, attempt) != (&request.project, &request.task, &request.attempt) {
            return Err(bad(format!("it is of task {task}, attempt {attempt}")));
        }
        Ok(contents)
    }

    async fn rebuild(
        &self,
        contents: Contents,
        request: &Prepare,
    ) -> Result<callboard_agent::workspace::Workspace, Error> {
        let Contents { facts, bundle, sessions } = contents;
        let folder = self.layout.agent(&request.agent);
        create_folder(&folder.home()).await?;
        let Prepare { project, source, results, .. } = request;
        let mirror = self.mirror_having(project, source, &facts.base_commit).await?;
        let branch = task_branch(&request.project, &request.task);
        let marker = Marker::new(request, branch, facts.base_commit.clone());
        let in_place = self.make_room(&folder, &marker).await?;
        let path = if in_place { folder.tree() } else { folder.new_tree() };
        if !in_place {
            self.build_tree(&mirror, source, &path).await?;
        }
        let tree = self.git.tree(path);
        if !in_place || !results.is_empty() {
            self.fetch_into_tree(&tree, &mirror, results).await?;
        }
        self.unbundle(&tree, bundle).await?;
        apply(&tree, &facts).await?;
        if !in_place {
            rename(&folder.new_tree(), &folder.tree()).await?;
        }
        session::write(&folder.home(), sessions).await?;
        files::remove_file(&folder.last_checkpoint()).await?;
        files::write_json(&folder.marker(), &marker).await?;
        Ok(marker.workspace(&folder))
    }

    /// Keeps what lies in the workspace. `true` where its clone can be used again, with its
    /// ignored files.
    async fn make_room(&self, folder: &AgentFolder, new: &Marker) -> Result<bool, Error> {
        if !self.usable_tree(folder).await? {
            return Ok(false);
        }
        let old = Marker::read(folder).await;
        keep_leftovers(&self.git.tree(folder.tree()), old.as_ref().unwrap_or(new)).await?;
        match old.filter(|old| old.mirror_key() != new.mirror_key()) {
            None => Ok(true),
            Some(old) => {
                self.move_kept(folder, &old).await?;
                remove_folder(&folder.tree()).await?;
                Ok(false)
            }
        }
    }

    async fn unbundle(&self, tree: &Repo<'_>, bundle: Vec<u8>) -> Result<(), Error> {
        let bundle = Scratch::with_bytes(&self.layout.scratch(), bundle).await?;
        tree.git("unpack the checkpoint")
            .slow()
            .args(["bundle", "unbundle"])
            .arg(bundle.path())
            .done()
            .await
    }
}

/// Sets refs, HEAD, work tree and index. May be repeated.
async fn apply(tree: &Repo<'_>, facts: &Facts) -> Result<(), Error> {
    forget_half_done(&tree.git_dir()).await?;
    set_refs(tree, facts).await?;
    let wip = facts.wip.as_str();
    tree.git("restore the work tree")
        .slow()
        .args(["read-tree", "--reset", "-u", wip])
        .done()
        .await?;
    tree.git("clean the work tree").args(["clean", "-d", "--force", "--quiet"]).done().await?;
    let unstage = match &facts.head {
        Some(head) => ["read-tree", head.as_str()],
        None => ["read-tree", "--empty"],
    };
    tree.git("restore the index").args(unstage).done().await?;
    // Ends with 1 where files differ from HEAD, as they may.
    tree.git("refresh the index").args(["update-index", "-q", "--refresh"]).output().await?;
    Ok(())
}

async fn set_refs(tree: &Repo<'_>, facts: &Facts) -> Result<(), Error> {
    // Detached, so that no branch is in use while branches are replaced.
    detach(tree, &facts.base_commit).await?;
    let existing = tree
        .git("list branches")
        .args(["for-each-ref", "--format=%(refname)", "refs/heads", "refs/stash"])
        .text()
        .await?;
    let mut lines = String::new();
    for name in existing.lines().filter(|name| !facts.refs.iter().any(|(it, _)| it == name)) {
        lines.push_str(&format!("delete {name}\n"));
    }
    tree.update_refs(lines).await?;
    let mut lines = format!("update {WIP_REF} {}\n", facts.wip);
    for (name, commit) in &facts.refs {
        lines.push_str(&format!("update {name} {commit}\n"));
    }
    tree.update_refs(lines).await?;
    match (&facts.head_ref, &facts.head) {
        (Some(name), _) => {
            tree.git("restore HEAD").args(["symbolic-ref", "HEAD", name]).done().await
        }
        (None, Some(head)) => detach(tree, head).await,
        (None, None) => Ok(()),
    }
}

async fn detach(tree: &Repo<'_>, commit: &CommitId) -> Result<(), Error> {
    let args = ["update-ref", "--no-deref", "HEAD", commit.as_str()];
    tree.git("set HEAD").args(args).done().await
}
