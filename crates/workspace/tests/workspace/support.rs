//! A host with a person's repository, blobs in memory, and workspaces.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use callboard_agent::workspace::{
    Base, CheckSpec, CheckpointRef, Checkpointed, CommitId, Integrate, Integration, Prepare,
    Publication, Published, Source, Uncommitted, Unfenced, Workspace, Workspaces,
};
use callboard_domain::id::{AgentId, ProjectId, TaskId};
use callboard_process::{Environment, command};
use callboard_stdx::digest::sha256_hex;
use callboard_substrate::Blobs;
use callboard_substrate::blobs::{BlobError, BlobInfo};
use callboard_substrate::name::BlobName;
use callboard_workspace::{Config, GitWorkspaces};
use tempfile::TempDir;

pub(crate) const KEY: [u8; 32] = [42; 32];

#[derive(Default)]
pub(crate) struct MemoryBlobs(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryBlobs {
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").keys().cloned().collect()
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.0.lock().expect("not poisoned").get_mut(name).expect("it exists"));
    }

    pub(crate) fn remove(&self, name: &str) {
        self.0.lock().expect("not poisoned").remove(name);
    }

    pub(crate) fn insert(&self, name: &str, bytes: Vec<u8>) {
        self.0.lock().expect("not poisoned").insert(name.to_owned(), bytes);
    }
}

fn info(name: &str, bytes: &[u8]) -> BlobInfo {
    let name = BlobName::new(name).expect("legal");
    BlobInfo { name, bytes: bytes.len() as u64, sha256: sha256_hex(bytes) }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, name: &BlobName, bytes: Vec<u8>) -> Result<BlobInfo, BlobError> {
        let info = info(name.as_str(), &bytes);
        self.insert(name.as_str(), bytes);
        Ok(info)
    }

    async fn get(&self, name: &BlobName) -> Result<Vec<u8>, BlobError> {
        let blobs = self.0.lock().expect("not poisoned");
        let bytes = blobs.get(name.as_str()).cloned();
        bytes.ok_or_else(|| BlobError::NotFound { name: name.clone() })
    }

    async fn delete(&self, name: &BlobName) -> Result<(), BlobError> {
        self.remove(name.as_str());
        Ok(())
    }

    async fn list(&self, prefix: &BlobName) -> Result<Vec<BlobInfo>, BlobError> {
        let prefix = format!("{prefix}.");
        let blobs = self.0.lock().expect("not poisoned");
        let mine = blobs.iter().filter(|(name, _)| name.starts_with(&prefix));
        Ok(mine.map(|(name, bytes)| info(name, bytes)).collect())
    }

    fn bytes_max(&self) -> u64 {
        1 << 30
    }
}

pub(crate) fn environment(home: &Path) -> Environment {
    Environment::cleaned()
        .with("HOME", home)
        .with("GIT_CONFIG_NOSYSTEM", "1")
        .with("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .with("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
}

/// Runs git like a person or an agent does; its output.
pub(crate) async fn git(folder: &Path, args: &[&str]) -> String {
    let output = try_git(folder, args).await;
    assert!(output.ending.success(), "git {args:?}: {}", output.stderr.text());
    output.stdout.text().trim_end_matches('\n').to_owned()
}

pub(crate) async fn try_git(folder: &Path, args: &[&str]) -> command::Output {
    let mut spec = command::Spec::new("git", folder).args(args.iter().copied());
    spec.env = environment(Path::new("/nonexistent"));
    command::run(spec).await.expect("git runs")
}

pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("has a folder")).expect("writable");
    fs::write(path, text).expect("writable");
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One cluster's blobs, a person's repository, and a first host.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) repo: PathBuf,
    pub(crate) host: GitWorkspaces,
    pub(crate) start: CommitId,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repo = folder.path().join("person/repo with space");
        fs::create_dir_all(&repo).expect("writable");
        git(&repo, &["init", "-q", "-b", "main"]).await;
        git(&repo, &["config", "user.name", "Ada"]).await;
        git(&repo, &["config", "user.email", "ada@example.org"]).await;
        write(&repo.join("a.txt"), "one\ntwo\nthree\n");
        write(&repo.join(".gitignore"), "target/\n");
        git(&repo, &["add", "-A"]).await;
        git(&repo, &["commit", "-qm", "first"]).await;
        let blobs = Arc::new(MemoryBlobs::default());
        let host = host(folder.path(), "host", &blobs, |_| {});
        let start = head(&repo).await;
        Self { folder, blobs, repo, host, start }
    }

    /// Another host of the cluster: it has the blobs and can reach the source, nothing else.
    pub(crate) fn other_host(&self, name: &str) -> GitWorkspaces {
        host(self.folder.path(), name, &self.blobs, |_| {})
    }

    pub(crate) fn host_with(&self, name: &str, change: impl FnOnce(&mut Config)) -> GitWorkspaces {
        host(self.folder.path(), name, &self.blobs, change)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    pub(crate) fn source(&self) -> Source {
        Source::Path(self.repo.clone())
    }

    pub(crate) fn request(&self, agent: &str, task: &str) -> Prepare {
        Prepare {
            agent: AgentId::new(agent).expect("legal"),
            project: project(),
            task: TaskId::new(task).expect("legal"),
            attempt: 1,
            source: self.source(),
            base: Base::Project { start: self.start.clone() },
            results: vec![],
            epoch: 1,
        }
    }

    pub(crate) async fn prepare(&self, agent: &str, task: &str) -> Workspace {
        self.host.prepare(&self.request(agent, task)).await.expect("prepared")
    }

    /// An agent that writes one file, commits and publishes.
    pub(crate) async fn result(
        &self,
        agent: &str,
        task: &str,
        file: &str,
        text: &str,
    ) -> Published {
        let workspace = self.prepare(agent, task).await;
        commit(&workspace, file, text).await;
        publish(&self.host, &workspace).await
    }

    pub(crate) fn integration(&self, published: &Published, check: Option<&str>) -> Integrate {
        let check =
            check.map(|command| CheckSpec { command: command.to_owned(), deadline_ms: 10_000 });
        Integrate {
            project: project(),
            published: published.clone(),
            source: self.source(),
            start: self.start.clone(),
            check,
            title: format!("{}: a title", published.task),
        }
    }

    pub(crate) async fn integrate(&self, published: &Published) -> Integration {
        let request = self.integration(published, None);
        self.host.integrate(&request, &Unfenced).await.expect("integrated")
    }

    pub(crate) async fn result_branch(&self) -> Option<String> {
        let output =
            try_git(&self.repo, &["rev-parse", "--verify", "-q", "refs/heads/callboard/p"]).await;
        output.ending.success().then(|| output.stdout.text().trim().to_owned())
    }

    /// What must never change in the person's repository.
    pub(crate) async fn person_state(&self) -> String {
        let status = git(&self.repo, &["--no-optional-locks", "status", "--porcelain"]).await;
        let head = git(&self.repo, &["rev-parse", "HEAD", "refs/heads/main"]).await;
        let branch = read(&self.repo.join(".git/HEAD"));
        let index = sha256_hex(&fs::read(self.repo.join(".git/index")).expect("readable"));
        format!("{status}\n{head}\n{branch}\n{index}")
    }
}

fn host(
    folder: &Path,
    name: &str,
    blobs: &Arc<MemoryBlobs>,
    change: impl FnOnce(&mut Config),
) -> GitWorkspaces {
    let mut cfg = Config::new(folder.join(name), KEY);
    cfg.environment = environment(folder);
    cfg.stale_lock_ms = 200;
    change(&mut cfg);
    GitWorkspaces::new(cfg, Arc::clone(blobs) as Arc<dyn Blobs>)
}

pub(crate) fn project() -> ProjectId {
    ProjectId::new("p").expect("legal")
}

pub(crate) async fn head(folder: &Path) -> CommitId {
    CommitId::new(git(folder, &["rev-parse", "HEAD"]).await).expect("legal")
}

pub(crate) async fn commit(workspace: &Workspace, file: &str, text: &str) {
    write(&workspace.folder.join(file), text);
    git(&workspace.folder, &["add", "-A"]).await;
    git(&workspace.folder, &["commit", "-qm", &format!("change {file}")]).await;
}

pub(crate) async fn publish(host: &GitWorkspaces, workspace: &Workspace) -> Published {
    match host.publish(workspace, Uncommitted::Report).await.expect("published") {
        Publication::Published(published) => published,
        other @ Publication::NoCommit { .. } => panic!("{other:?}"),
    }
}

pub(crate) async fn take(host: &GitWorkspaces, workspace: &Workspace, seq: u64) -> CheckpointRef {
    match host.checkpoint(workspace, &["session".into()], seq).await.expect("taken") {
        Checkpointed::Taken(checkpoint) => checkpoint,
        other => panic!("{other:?}"),
    }
}
