//! Workspaces that are played: clones and branches as counters, conflicts and failing checks by fixed
//! chance, so that a call that is repeated gives the same result.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use callboard_agent::Workspaces;
use callboard_agent::workspace::{
    Acceptance, CheckpointRef, Checkpointed, Cleanup, CommitId, Discard, Error, Evidence, Fence,
    Integrate, Integration, Prepare, ProjectDiff, Publication, Published, Restored, Scratch,
    Source, SourceFacts, Uncommitted, Workspace,
};
use callboard_domain::id::{AgentId, ProjectId};
use callboard_domain::task::Attempt;
use tokio::time::sleep;

use crate::broken::Broken;
use crate::dice::fixed;
use crate::host::{Checkout, Host};
use crate::record::Kind;

/// The workspaces of one machine.
pub struct PlayedWorkspaces {
    host: Arc<Host>,
    broken: Broken,
}

impl PlayedWorkspaces {
    /// The workspaces on `host`.
    #[must_use]
    pub fn new(host: Arc<Host>, broken: Broken) -> Self {
        Self { host, broken }
    }

    /// Takes time, and fails now and then with something that passes.
    async fn pass(&self, ms_max: u64) -> Result<(), Error> {
        let takes = self.host.disk().dice.millis(1, ms_max);
        sleep(takes).await;
        if self.host.mishap(0.05) {
            let (source_name, reason) = ("the source".to_owned(), "chance".to_owned());
            return Err(Error::Unreachable { source_name, reason });
        }
        Ok(())
    }

    fn made(&self, request: &Prepare) -> Workspace {
        let agent = &request.agent;
        Workspace {
            agent: agent.clone(),
            project: request.project.clone(),
            task: request.task.clone(),
            attempt: request.attempt,
            epoch: request.epoch,
            folder: PathBuf::from(format!("/sim/{agent}/clone")),
            home: PathBuf::from(format!("/sim/{agent}/home")),
            branch: format!("callboard/{}/{}", request.project, request.task),
            base_commit: commit("base"),
        }
    }

    fn is_on(&self, request: &Prepare) -> bool {
        let disk = self.host.disk();
        let checkout = disk.checkouts.get(&request.agent);
        checkout.is_some_and(|checkout| checkout.attempt == wanted(request))
    }
}

fn wanted(request: &Prepare) -> Attempt {
    Attempt { task: request.task.clone(), n: request.attempt }
}

/// A commit's name that depends on nothing but what it is.
#[must_use]
pub fn commit(what: &str) -> CommitId {
    let (high, low) = (fixed(1, what), fixed(2, what));
    CommitId::new(format!("{high:020x}{low:020x}")).expect("forty digits")
}

#[async_trait]
impl Workspaces for PlayedWorkspaces {
    async fn inspect(&self, source: &Source) -> Result<SourceFacts, Error> {
        self.pass(10).await?;
        Ok(SourceFacts {
            source: source.clone(),
            head: commit("base"),
            branch: Some("main".to_owned()),
            n_dirty_files: 0,
            bare: false,
            shallow: false,
        })
    }

    async fn find(&self, request: &Prepare) -> Result<Option<Workspace>, Error> {
        self.pass(10).await?;
        Ok(self.is_on(request).then(|| self.made(request)))
    }

    async fn scratch(&self, agent: &AgentId) -> Result<Scratch, Error> {
        self.pass(10).await?;
        let folder = PathBuf::from(format!("/sim/{agent}/scratch"));
        Ok(Scratch { folder, home: PathBuf::from(format!("/sim/{agent}/home")) })
    }

    async fn prepare(&self, request: &Prepare) -> Result<Workspace, Error> {
        self.pass(300).await?;
        let (agent, epoch) = (request.agent.clone(), request.epoch);
        self.host.did(Kind::WorkspacePrepared { agent, epoch });
        if !self.is_on(request) {
            let checkout = Checkout {
                project: request.project.clone(),
                attempt: wanted(request),
                epoch,
                n_steps: 0,
                n_commits: 0,
                n_saved: 0,
            };
            self.host.disk().checkouts.insert(request.agent.clone(), checkout);
        }
        Ok(self.made(request))
    }

    async fn checkpoint(
        &self,
        workspace: &Workspace,
        _session_files: &[PathBuf],
        seq: u64,
    ) -> Result<Checkpointed, Error> {
        self.pass(100).await?;
        let stored = CheckpointRef {
            blob: format!("checkpoint.{}.{seq}", workspace.agent),
            seq,
            bytes: 1_000,
            sha256: "00".repeat(32),
            commit: commit(&format!("checkpoint/{}/{seq}", workspace.agent)),
        };
        let mut disk = self.host.disk();
        if let Some(checkout) = disk.checkouts.get_mut(&workspace.agent) {
            checkout.n_saved = checkout.n_steps;
        }
        Ok(Checkpointed::Taken(stored))
    }

    async fn restore(
        &self,
        checkpoint: &CheckpointRef,
        request: &Prepare,
    ) -> Result<Restored, Error> {
        let workspace = self.prepare(request).await?;
        Ok(Restored { workspace, seq: checkpoint.seq, fell_back: None })
    }

    async fn publish(
        &self,
        workspace: &Workspace,
        _uncommitted: Uncommitted,
    ) -> Result<Publication, Error> {
        self.pass(200).await?;
        let attempt = Attempt { task: workspace.task.clone(), n: workspace.attempt };
        let disk = self.host.disk();
        let checkout = disk.checkouts.get(&workspace.agent);
        let n_commits = checkout
            .filter(|checkout| checkout.attempt == attempt)
            .map_or(0, |checkout| checkout.n_commits);
        if n_commits == 0 {
            return Ok(Publication::NoCommit { n_uncommitted: 0 });
        }
        Ok(Publication::Published(Published {
            blob: format!("result.{}.{}.{}", workspace.project, attempt.task, attempt.n),
            task: attempt.task.clone(),
            attempt: attempt.n,
            head: commit(&format!("head/{attempt}")),
            base: commit("base"),
            n_commits: u64::from(n_commits),
            n_uncommitted: 0,
        }))
    }

    async fn integrate(
        &self,
        request: &Integrate,
        fence: &dyn Fence,
    ) -> Result<Integration, Error> {
        self.pass(1_500).await?;
        let attempt =
            Attempt { task: request.published.task.clone(), n: request.published.attempt };
        let merged = |already| Integration::Merged {
            commit: commit(&format!("merge/{attempt}")),
            already,
            evidence: request.check.as_ref().map(|check| evidence(&check.command, 0)),
        };
        let known = |branch: &Vec<Attempt>| branch.contains(&attempt);
        let is_merged = self.host.disk().branches.get(&request.project).is_some_and(known);
        if is_merged && self.broken != Broken::IntegratesTwice {
            return Ok(merged(true));
        }
        let chance = fixed(self.host.seed, &format!("integrate/{attempt}")) % 100;
        if chance < 8 {
            return Ok(Integration::Conflict { files: vec!["src/main.rs".to_owned()] });
        }
        if chance < 18 && request.check.is_some() {
            return Ok(Integration::CheckFailed(evidence("make check", 1)));
        }
        if !fence.holds().await {
            return Err(Error::Fenced { operation: "move the branch" });
        }
        let project = request.project.clone();
        self.host.disk().branches.entry(project.clone()).or_default().push(attempt.clone());
        let (task, attempt) = (attempt.task.clone(), attempt.n);
        self.host.did(Kind::Merged { project, task, attempt });
        // The branch has moved; the answer is still on its way.
        self.pass(200).await?;
        Ok(merged(false))
    }

    async fn diff(&self, _: &ProjectId, _: &Source) -> Result<Option<ProjectDiff>, Error> {
        self.pass(10).await?;
        Ok(None)
    }

    async fn accept(
        &self,
        _: &ProjectId,
        _: &Source,
        _: Option<&str>,
    ) -> Result<Acceptance, Error> {
        self.pass(10).await?;
        Ok(Acceptance::Nothing)
    }

    async fn discard(&self, _: &ProjectId, _: &Source) -> Result<Discard, Error> {
        self.pass(10).await?;
        Ok(Discard::Nothing)
    }

    async fn cleanup(&self, keep: &BTreeSet<AgentId>) -> Result<Cleanup, Error> {
        self.pass(10).await?;
        self.host.disk().checkouts.retain(|agent, _| keep.contains(agent));
        Ok(Cleanup::default())
    }
}

fn evidence(command: &str, exit_code: i32) -> Evidence {
    Evidence {
        command: command.to_owned(),
        exit_code: Some(exit_code),
        output_tail: "output".to_owned(),
        duration_ms: 10,
    }
}
