//! What a person does with a project's result besides accepting it: read it, throw it away.

use callboard_agent::workspace::{CommitId, Discard, Error, ProjectDiff, Source, project_branch};
use callboard_domain::id::ProjectId;
use callboard_process::Limits;

use crate::git::{Repo, commit_id};
use crate::names::{branch_ref, integrated_blob};
use crate::service::GitWorkspaces;

const N_COMMITS_MAX: &str = "--max-count=200";

impl GitWorkspaces {
    pub(crate) async fn do_diff(
        &self,
        project: &ProjectId,
        source: &Source,
    ) -> Result<Option<ProjectDiff>, Error> {
        let facts = self.do_inspect(source).await?;
        let mirror = self.mirror(project, source, &[&facts.head]).await?;
        let Some(head) = mirror.commit(&branch_ref(&project_branch(project))).await? else {
            return Ok(None);
        };
        let base = merge_base(&mirror, &facts.head, &head).await?;
        let range = format!("{base}..{head}");
        let commits = mirror
            .git("list the commits")
            .args(["log", "--no-merges", "--format=%h %s", N_COMMITS_MAX, &range, "--"])
            .text()
            .await?;
        let stat = diff(&mirror, "--stat=100", &base, &head).text().await?;
        let n = self.cfg.patch_bytes_max;
        let limits = Limits { head_bytes: n, tail_bytes: 0, ..Limits::default() };
        let patch = diff(&mirror, "--patch", &base, &head).limits(limits).output().await?;
        if patch.code != Some(0) {
            return Err(patch.error("show the changes"));
        }
        Ok(Some(ProjectDiff {
            base,
            head,
            commits: commits.lines().map(ToOwned::to_owned).collect(),
            stat,
            truncated: patch.cut,
            patch: patch.stdout,
        }))
    }

    pub(crate) async fn do_discard(
        &self,
        project: &ProjectId,
        source: &Source,
    ) -> Result<Discard, Error> {
        let mirror = self.mirror(project, source, &[]).await?;
        let branch = project_branch(project);
        let name = branch_ref(&branch);
        let Some(commit) = mirror.commit(&name).await? else {
            return Ok(Discard::Nothing);
        };
        let kept = format!("refs/callboard/discarded/{project}/{commit}");
        match source {
            Source::Path(path) => {
                if let Some(folder) = self.checked_out(path, &branch).await? {
                    let reason = format!("{branch} is checked out in {}", folder.display());
                    return Ok(Discard::Refused { reason });
                }
                let lines = format!("update {kept} {commit}\ndelete {name} {commit}\n");
                self.git.at(path).update_refs(lines).await?;
            }
            Source::Url(url) => {
                mirror.update_refs(format!("update {kept} {commit}\n")).await?;
                mirror
                    .git("delete the branch")
                    .slow()
                    .for_person()
                    .args(["push", "--quiet", "--no-verify", "--", url.as_str()])
                    .arg(format!(":{name}"))
                    .done()
                    .await?;
            }
            Source::Bundle(_) => {
                mirror.update_refs(format!("update {kept} {commit}\n")).await?;
                self.delete_blob(&integrated_blob(project)).await?;
            }
        }
        // Otherwise the next result would bring back what was thrown away.
        let bench = self.bench(project, &mirror).await?;
        if bench.repo.commit(&name).await?.is_some() {
            bench.repo.update_refs(format!("delete {name}\n")).await?;
        }
        Ok(Discard::Discarded { commit, kept })
    }
}

fn diff(mirror: &Repo<'_>, what: &str, base: &CommitId, head: &CommitId) -> crate::git::Call {
    mirror
        .git("show the changes")
        .args(["diff", "--no-color", "--no-ext-diff", "--no-textconv", what])
        .args([base.as_str(), head.as_str(), "--"])
}

async fn merge_base(
    mirror: &Repo<'_>,
    one: &CommitId,
    other: &CommitId,
) -> Result<CommitId, Error> {
    let args = ["merge-base", one.as_str(), other.as_str()];
    commit_id(&mirror.git("find the common ancestor").args(args).text().await?)
}
