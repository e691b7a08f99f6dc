//! What the interface is given besides the cluster: repositories, output, the node's own part.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use callboard_agent::output::{Chunk, Output};
use callboard_agent::workspace::{
    Acceptance, CheckpointRef, Checkpointed, Cleanup, CommitId, Discard, Error, Fence, Integrate,
    Integration, Prepare, ProjectDiff, Publication, Restored, Scratch, Source, SourceFacts,
    Uncommitted, Workspace, Workspaces,
};
use callboard_api::request::{self, LogVerified};
use callboard_api::status::Alert;
use callboard_cluster::report::{Measured, Reports};
use callboard_domain::id::{AgentId, ProjectId};
use callboard_gateway::Control;
use callboard_placement::{Cpu, Memory};
use chrono::DateTime;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub(crate) struct Machine;

impl Reports for Machine {
    fn measure(&self) -> BoxFuture<'_, Measured> {
        let cpu = Cpu { count: 4, limit_millis: 4_000, used_pct: 5.0, load1: 0.1, pressure: None };
        let memory = Memory {
            total_bytes: 8 << 30,
            available_bytes: 6 << 30,
            limit_bytes: None,
            pressure: None,
        };
        std::future::ready(Measured { cpu, memory, disk_free_bytes: 1 << 40 }).boxed()
    }
}

/// `/repos/NAME` are repositories; the word `dirty`, `empty`, `plain` in it is what they are. Project
/// `calendar` has a result once it was looked for; `mine` is a branch of the person's.
#[derive(Default)]
pub(crate) struct Repositories {
    opened: AtomicBool,
}

#[async_trait]
impl Workspaces for Repositories {
    async fn inspect(&self, source: &Source) -> Result<SourceFacts, Error> {
        let path = source.to_string();
        match path.as_str() {
            "/repos/empty" => Err(Error::NoCommit { path }),
            "/repos/plain" => Err(Error::NotARepository { path }),
            found if found.starts_with("/repos/") => Ok(SourceFacts {
                source: source.clone(),
                head: CommitId::new("a".repeat(40)).expect("legal"),
                branch: Some("main".to_owned()),
                n_dirty_files: u64::from(found.contains("dirty")) * 3,
                bare: false,
                shallow: false,
            }),
            _ => Err(Error::NotFound { path }),
        }
    }

    async fn diff(&self, project: &ProjectId, _: &Source) -> Result<Option<ProjectDiff>, Error> {
        let commit = |letter: &str| CommitId::new(letter.repeat(40)).expect("legal");
        let shown = match project.as_str() {
            "calendar" => self.opened.swap(true, Ordering::Relaxed),
            name => name == "mine",
        };
        Ok(shown.then(|| ProjectDiff {
            base: commit("a"),
            head: commit("c"),
            commits: vec!["ccccccc merge calendar-1".to_owned()],
            stat: " a.rs | 1 +".to_owned(),
            patch: "+fn a() {}".to_owned(),
            truncated: false,
        }))
    }

    async fn prepare(&self, _: &Prepare) -> Result<Workspace, Error> {
        unreachable!("the interface only looks")
    }

    async fn find(&self, _: &Prepare) -> Result<Option<Workspace>, Error> {
        unreachable!("the interface only looks")
    }

    async fn scratch(&self, _: &AgentId) -> Result<Scratch, Error> {
        unreachable!("the interface only looks")
    }

    async fn checkpoint(
        &self,
        _: &Workspace,
        _: &[PathBuf],
        _: u64,
    ) -> Result<Checkpointed, Error> {
        unreachable!("the interface only looks")
    }

    async fn restore(&self, _: &CheckpointRef, _: &Prepare) -> Result<Restored, Error> {
        unreachable!("the interface only looks")
    }

    async fn publish(&self, _: &Workspace, _: Uncommitted) -> Result<Publication, Error> {
        unreachable!("the interface only looks")
    }

    async fn integrate(&self, _: &Integrate, _: &dyn Fence) -> Result<Integration, Error> {
        unreachable!("the interface only looks")
    }

    async fn accept(
        &self,
        _: &ProjectId,
        _: &Source,
        _: Option<&str>,
    ) -> Result<Acceptance, Error> {
        unreachable!("the interface only looks")
    }

    async fn discard(&self, _: &ProjectId, _: &Source) -> Result<Discard, Error> {
        unreachable!("the interface only looks")
    }

    async fn cleanup(&self, _: &BTreeSet<AgentId>) -> Result<Cleanup, Error> {
        unreachable!("the interface only looks")
    }
}

pub(crate) struct Words;

impl Output for Words {
    fn append(&self, _: &AgentId, _: &str) {}

    fn read(&self, agent: &AgentId, after: Option<u64>, _: u64) -> std::io::Result<Chunk> {
        let text = format!("{agent} said this\n");
        let next = text.len() as u64;
        let after = usize::try_from(after.unwrap_or_default()).unwrap_or(usize::MAX);
        Ok(Chunk { text: text.get(after..).unwrap_or_default().to_owned(), next })
    }
}

pub(crate) struct NoNode;

#[async_trait]
impl Control for NoNode {
    fn alerts(&self) -> Vec<Alert> {
        let (at, subject) = (DateTime::UNIX_EPOCH, "store".to_owned());
        vec![Alert { at, subject, text: "the disk is nearly full".to_owned() }]
    }

    fn shut_down(&self) {}

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "gateway": { "listen": "127.0.0.1:7117" } })
    }

    async fn verify_log(&self) -> Result<LogVerified, String> {
        Ok(LogVerified { streams: 3, commits: 9, damages: Vec::new() })
    }

    async fn cleanup(&self) -> Result<request::Cleanup, String> {
        Err("the disk does not answer".to_owned())
    }
}
