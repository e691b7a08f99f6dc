//! Merging a project's result into a branch of the person.
//!
//! The merge is made on the project's bench. In the person's repository only fast-forwards happen:
//! `git merge --ff-only` where the branch is checked out, which refuses rather than overwrite what
//! is not committed. So there is never a half-done merge to abort.

use std::collections::BTreeSet;
use std::path::Path;

use callboard_agent::workspace::{Acceptance, CommitId, Error, Source, project_branch};
use callboard_domain::id::ProjectId;

use crate::files::exists;
use crate::git::{Repo, tail};
use crate::inspect::dirty;
use crate::merge::{Bench, Merge, Outcome};
use crate::names::{CANDIDATE_REF, branch_ref};
use crate::service::GitWorkspaces;

/// Files in a git folder that show a merge or the like under way.
const UNDER_WAY: &[&str] =
    &["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply"];

/// The commit that the person's branch is to become.
struct Target {
    commit: CommitId,
    fast_forward: bool,
}

impl GitWorkspaces {
    pub(crate) async fn do_accept(
        &self,
        project: &ProjectId,
        source: &Source,
        branch: Option<&str>,
    ) -> Result<Acceptance, Error> {
        let facts = self.do_inspect(source).await?;
        let mirror = self.mirror(project, source, &[&facts.head]).await?;
        let result_branch = project_branch(project);
        let Some(result) = mirror.commit(&branch_ref(&result_branch)).await? else {
            return Ok(Acceptance::Nothing);
        };
        let Some(branch) = branch.map(ToOwned::to_owned).or(facts.branch) else {
            return refused("no branch is checked out: name the branch to merge into");
        };
        if branch == result_branch {
            return refused("a result cannot be merged into itself: name another branch");
        }
        if !is_branch_name(&mirror, &branch).await? {
            return Err(Error::BadInput { what: "branch", text: branch });
        }
        let Some(tip) = mirror.commit(&branch_ref(&branch)).await? else {
            return refused(&format!("there is no branch {branch}"));
        };
        if mirror.is_ancestor(&result, &tip).await? {
            return Ok(Acceptance::AlreadyAccepted { branch, commit: tip });
        }
        let bench = self.bench(project, &mirror).await?;
        let target = self.target(&bench, source, &branch, &tip, &result).await;
        bench.clear().await?;
        let target = match target? {
            Ok(target) => target,
            Err(files) => return Ok(Acceptance::Conflict { files }),
        };
        let work_tree = match source {
            Source::Path(path) => self.checked_out(path, &branch).await?,
            Source::Url(_) | Source::Bundle(_) => None,
        };
        match work_tree {
            Some(folder) => self.forward_work_tree(&bench, &folder, branch, &tip, target).await,
            None => match self.push(&bench, project, source, &branch, &target.commit).await {
                Ok(()) => Ok(accepted(branch, target)),
                Err(Error::BranchRefused { reason, .. }) => refused(&reason),
                Err(error) => Err(error),
            },
        }
    }

    /// The result itself, or a merge of it by the person; or the files in conflict.
    async fn target(
        &self,
        bench: &Bench<'_>,
        source: &Source,
        branch: &str,
        tip: &CommitId,
        result: &CommitId,
    ) -> Result<Result<Target, Vec<String>>, Error> {
        if bench.repo.is_ancestor(tip, result).await? {
            return Ok(Ok(Target { commit: result.clone(), fast_forward: true }));
        }
        let (name, email) = self.identity(&bench.repo, source).await?;
        let message = format!("Merge the result of Callboard into {branch}");
        let author = (name.as_str(), email.as_str());
        let merge = Merge { onto: tip, head: result, message: &message, author };
        Ok(match bench.merge(&self.git, merge).await? {
            Outcome::Merged(commit) => Ok(Target { commit, fast_forward: false }),
            Outcome::Conflict(files) => Err(files),
        })
    }

    async fn forward_work_tree(
        &self,
        bench: &Bench<'_>,
        folder: &Path,
        branch: String,
        tip: &CommitId,
        target: Target,
    ) -> Result<Acceptance, Error> {
        let repo = self.git.at(folder);
        if is_under_way(&repo).await? {
            return refused(&format!(
                "a merge or rebase is under way in {}: finish it first",
                folder.display()
            ));
        }
        bench.repo.update_refs(format!("update {CANDIDATE_REF} {}\n", target.commit)).await?;
        repo.git("fetch the result")
            .slow()
            .args(["fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--"])
            .arg(bench.repo.folder())
            .arg(format!("+{CANDIDATE_REF}:{CANDIDATE_REF}"))
            .done()
            .await?;
        let files = files_in_the_way(&repo, tip, &target.commit).await?;
        if !files.is_empty() {
            return Ok(Acceptance::Dirty { files });
        }
        let merged = repo
            .git("merge the result")
            .slow()
            .args([
                "merge",
                "--quiet",
                "--ff-only",
                "--no-overwrite-ignore",
                target.commit.as_str(),
            ])
            .output()
            .await?;
        if merged.code == Some(0) {
            return Ok(accepted(branch, target));
        }
        refused(tail(merged.stderr.trim(), 500))
    }
}

fn accepted(branch: String, target: Target) -> Acceptance {
    Acceptance::Accepted { branch, commit: target.commit, fast_forward: target.fast_forward }
}

fn refused(reason: &str) -> Result<Acceptance, Error> {
    Ok(Acceptance::Refused { reason: reason.to_owned() })
}

async fn is_branch_name(repo: &Repo<'_>, name: &str) -> Result<bool, Error> {
    let args = ["check-ref-format", &branch_ref(name)];
    let output = repo.git("check the branch's name").args(args).output().await?;
    Ok(output.code == Some(0) && !name.starts_with('-'))
}

async fn is_under_way(repo: &Repo<'_>) -> Result<bool, Error> {
    let args = ["rev-parse", "--absolute-git-dir"];
    let git_dir = repo.git("find the git folder").args(args).text().await?;
    Ok(UNDER_WAY.iter().any(|name| Path::new(&git_dir).join(name).exists()))
}

/// The person's uncommitted files that the merge would change, or whose folder it would.
async fn files_in_the_way(
    repo: &Repo<'_>,
    from: &CommitId,
    to: &CommitId,
) -> Result<Vec<String>, Error> {
    let list = |filter: &'static str| {
        repo.git("list the result's files")
            .args(["diff", "--name-only", "--no-renames", "-z", filter])
            .args([from.as_str(), to.as_str(), "--"])
            .fields()
    };
    let changed = list("--diff-filter=ACDMT").await?;
    let added = list("--diff-filter=A").await?;
    let collides = |one: &str, other: &str| {
        one == other
            || one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
            || other.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'))
    };
    let mut files: BTreeSet<String> = dirty(repo).await?.into_iter().collect();
    files.retain(|path| changed.iter().any(|it| collides(it, path)));
    // Ignored files are in no status, and git would overwrite them.
    for path in added {
        let listed = files.iter().any(|it| collides(it, &path));
        if !listed && exists(&repo.folder().join(&path)).await {
            files.insert(path);
        }
    }
    Ok(files.into_iter().collect())
}
