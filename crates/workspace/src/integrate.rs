//! Merging a result into the project's branch, with a check before anybody sees it.
//!
//! The source's branch is the truth. Nothing is remembered here that cannot be lost: a merge is
//! recognised by the trailer of its commit, on the branch's first-parent line, where only our
//! merges are.

use std::path::PathBuf;
use std::time::Duration;

use callboard_agent::workspace::{
    CheckSpec, CommitId, Error, Evidence, Fence, Integrate, Integration, Published, Source,
    project_branch,
};
use serde::{Deserialize, Serialize};

use crate::check::{CheckEnded, CheckRun};
use crate::files::{self, create_folder};
use crate::git::{Repo, commit_id, tail};
use crate::merge::{Bench, Merge, Outcome};
use crate::names::{branch_ref, result_ref};
use crate::service::GitWorkspaces;

const TITLE_CHARS_MAX: usize = 200;

/// What a check showed for a merge commit.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    commit: CommitId,
    evidence: Option<Evidence>,
}

impl GitWorkspaces {
    pub(crate) async fn do_integrate(
        &self,
        request: &Integrate,
        fence: &dyn Fence,
    ) -> Result<Integration, Error> {
        let Integrate { project, published, source, start, .. } = request;
        if published.head == published.base {
            return Ok(Integration::NoCommit);
        }
        let mirror = self.mirror(project, source, &[start, &published.base]).await?;
        let bench = self.bench(project, &mirror).await?;
        let name = branch_ref(&project_branch(project));
        let in_source = mirror.commit(&name).await?;
        let tip = match &in_source {
            Some(tip) => tip.clone(),
            // Somebody deleted it: what was merged stays merged.
            None => bench.repo.commit(&name).await?.unwrap_or_else(|| start.clone()),
        };
        if let Some(commit) = find_merge(&bench.repo, start, &tip, published).await? {
            if in_source.is_none() {
                self.advance(&bench, request, &tip, fence).await?;
            }
            let evidence = self.recall(request, &commit).await;
            return Ok(Integration::Merged { commit, already: true, evidence });
        }
        self.fetch_result(&bench.repo, published).await?;
        if bench.repo.is_ancestor(&published.head, &tip).await? {
            return Ok(Integration::Merged { commit: tip, already: true, evidence: None });
        }
        if let Source::Path(path) = source {
            self.refuse_checked_out(path, &project_branch(project)).await?;
        }
        let outcome = self.merge_and_check(&bench, request, &tip, fence).await;
        bench.clear().await?;
        outcome
    }

    async fn fetch_result(&self, repo: &Repo<'_>, published: &Published) -> Result<(), Error> {
        let name = result_ref(&published.task, published.attempt);
        self.fetch_blob(repo, &published.blob, &[&format!("+{name}:{name}")]).await?;
        match repo.commit(&name).await? {
            Some(commit) if commit == published.head => Ok(()),
            _ => Err(Error::Git {
                operation: "read the result",
                detail: format!("the bundle does not end at {}", published.head),
            }),
        }
    }

    async fn merge_and_check(
        &self,
        bench: &Bench<'_>,
        request: &Integrate,
        tip: &CommitId,
        fence: &dyn Fence,
    ) -> Result<Integration, Error> {
        let message = message(request);
        let author = ("Callboard", "callboard@localhost");
        let head = &request.published.head;
        let merge = Merge { onto: tip, head, message: &message, author };
        let commit = match bench.merge(&self.git, merge).await? {
            Outcome::Merged(commit) => commit,
            Outcome::Conflict(files) => return Ok(Integration::Conflict { files }),
        };
        let evidence = match &request.check {
            None => None,
            Some(check) => match self.check(bench, check).await? {
                (evidence, true) => return Ok(Integration::CheckTimedOut(evidence)),
                (evidence, false) if evidence.exit_code != Some(0) => {
                    return Ok(Integration::CheckFailed(evidence));
                }
                (evidence, false) => Some(evidence),
            },
        };
        self.remember(request, &Record { commit: commit.clone(), evidence: evidence.clone() })
            .await?;
        self.advance(bench, request, &commit, fence).await?;
        Ok(Integration::Merged { commit, already: false, evidence })
    }

    /// Runs the check in the merge's work tree; also says whether its deadline passed.
    async fn check(&self, bench: &Bench<'_>, check: &CheckSpec) -> Result<(Evidence, bool), Error> {
        let CheckSpec { command, deadline_ms } = check;
        let run = CheckRun {
            command: command.clone(),
            folder: bench.tree.clone(),
            environment: self.cfg.environment.clone(),
            deadline: Duration::from_millis(*deadline_ms),
            output_bytes_max: self.cfg.check_output_bytes_max,
        };
        let CheckEnded { exit_code, timed_out, output_tail, duration } =
            self.checks.run(run).await?;
        let output_tail = tail(&output_tail, self.cfg.check_output_bytes_max).to_owned();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Ok((Evidence { command: command.clone(), exit_code, output_tail, duration_ms }, timed_out))
    }

    /// Moves the project's branch: in the source, then here.
    async fn advance(
        &self,
        bench: &Bench<'_>,
        request: &Integrate,
        commit: &CommitId,
        fence: &dyn Fence,
    ) -> Result<(), Error> {
        let branch = project_branch(&request.project);
        if !fence.holds().await {
            return Err(Error::Fenced { operation: "update the project's branch" });
        }
        self.push(bench, &request.project, &request.source, &branch, commit).await?;
        bench.repo.update_refs(format!("update {} {commit}\n", branch_ref(&branch))).await
    }

    fn record_path(&self, request: &Integrate) -> PathBuf {
        let Published { task, attempt, .. } = &request.published;
        let folder = self.layout.integration(&request.project);
        folder.join("evidence").join(format!("{task}.{attempt}.json"))
    }

    /// Before the branch moves, so that a repeated call knows what the check showed.
    async fn remember(&self, request: &Integrate, record: &Record) -> Result<(), Error> {
        let path = self.record_path(request);
        if let Some(folder) = path.parent() {
            create_folder(folder).await?;
        }
        files::write_json(&path, record).await
    }

    async fn recall(&self, request: &Integrate, commit: &CommitId) -> Option<Evidence> {
        let record: Record = files::read_json(&self.record_path(request)).await?;
        if record.commit == *commit { record.evidence } else { None }
    }
}

/// The merge commit that an earlier call made.
async fn find_merge(
    repo: &Repo<'_>,
    start: &CommitId,
    tip: &CommitId,
    published: &Published,
) -> Result<Option<CommitId>, Error> {
    let text = repo
        .git("look for an earlier merge")
        .args(["log", "--first-parent", "--max-count=1", "--format=%H"])
        .arg(format!("--grep=^{}$", trailer(published)))
        .arg(format!("{start}..{tip}"))
        .arg("--")
        .text()
        .await?;
    if text.is_empty() { Ok(None) } else { commit_id(&text).map(Some) }
}

fn trailer(published: &Published) -> String {
    format!("Callboard-Result: {}/{}", published.task, published.attempt)
}

fn message(request: &Integrate) -> String {
    let title: String =
        request.title.lines().next().unwrap_or_default().chars().take(TITLE_CHARS_MAX).collect();
    let title = if title.trim().is_empty() { "Merge a result" } else { title.trim() };
    format!("{title}\n\n{}", trailer(&request.published))
}
