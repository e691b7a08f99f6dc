//! The demo's own node: a real process, started and stopped as a person would.

use std::ffi::OsString;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, bail};
use callboard_client::Client;
use callboard_node::{DataFolder, RuntimeFile};
use callboard_process::detached::{self, Detached};
use callboard_process::sweep;
use callboard_stdx::task::spawn_blocking;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::folder::Folder;

/// How long the node may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(20);
/// How long it may take to stop before it is killed.
const STOP_MAX: Duration = Duration::from_secs(30);
/// How long left-over processes may take to end.
const SWEEP_MAX: Duration = Duration::from_secs(5);
/// How often something is looked at that says nothing by itself.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The node's process. Dropped while it runs, it is killed.
struct Process(Child);

/// The running node.
pub(super) struct DemoNode {
    process: Process,
    data: DataFolder,
    pub(super) client: Client,
}

/// How the node went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stopped {
    /// Its exit code; none where it had to be killed.
    pub(super) code: Option<i32>,
    /// Processes of it that were still there, by name.
    pub(super) left: Vec<String>,
}

impl DemoNode {
    /// Starts `callboard up` and waits until it answers.
    pub(super) async fn start(folder: &Folder) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("failed to find this program")?;
        let data = DataFolder::find(Some(&folder.data()))?;
        let args: [OsString; 6] = [
            "up".into(),
            // A Ctrl-C is for the demo, which then stops the node itself.
            "--own-session".into(),
            "--data-dir".into(),
            folder.data().into(),
            "--config".into(),
            folder.config().into(),
        ];
        let (path, log) = (folder.path(), folder.log());
        let what = Detached { program: &program, args: &args, folder: path, log: &log };
        let mut process = Process(detached::spawn(&what).context("failed to start the node")?);
        let file = runtime_file(&mut process.0, &data, folder).await?;
        let client = Client::new(&file.url, &data.read_token()?);
        Ok(Self { process, data, client })
    }

    /// Stops it as `callboard down` does, and looks for what it left behind.
    pub(super) async fn stop(mut self) -> anyhow::Result<Stopped> {
        let pid = Pid::from_raw(self.process.0.id().cast_signed());
        // It may have ended by itself.
        let _ = kill(pid, Signal::SIGTERM);
        let end = Instant::now() + STOP_MAX;
        let code = loop {
            match self.process.0.try_wait().context("failed to wait for the node")? {
                Some(status) => break status.code(),
                None if Instant::now() >= end => break None,
                None => sleep(LOOK_EVERY).await,
            }
        };
        if code.is_none() {
            self.process.kill();
        }
        let swept = sweep(&self.data.owner(), SWEEP_MAX).await;
        let left = swept.killed.into_iter().map(|process| process.name).collect();
        Ok(Stopped { code, left })
    }

    /// Calls the node from a thread that may block.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Client) -> Result<T, callboard_client::Error> + Send + 'static,
    ) -> Result<T, callboard_client::Error> {
        let client = self.client.clone();
        spawn_blocking("call the demo's node", move || call(&client)).await
    }
}

impl Process {
    fn kill(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

async fn runtime_file(
    child: &mut Child,
    data: &DataFolder,
    folder: &Folder,
) -> anyhow::Result<RuntimeFile> {
    let end = Instant::now() + START_MAX;
    loop {
        if let Some(file) = RuntimeFile::read(&data.runtime_file())? {
            return Ok(file);
        }
        if let Some(status) = child.try_wait().context("failed to wait for the node")? {
            let log = std::fs::read_to_string(folder.log()).unwrap_or_default();
            let last = log.lines().last().unwrap_or("it said nothing");
            bail!("the node ended with {status}: {last}");
        }
        if Instant::now() >= end {
            bail!("the node does not answer after {} s", START_MAX.as_secs());
        }
        sleep(LOOK_EVERY).await;
    }
}
