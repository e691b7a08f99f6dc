//! A home folder, the binary in it, and the node that it starts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use callboard_api::task::Task;
use callboard_client::Client;
use callboard_testkit::poll::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, Repository, processes};

/// The binary in a folder, with nothing of this machine's user.
#[expect(clippy::disallowed_methods, reason = "a test starts the binary as a shell would")]
fn callboard(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command
        .current_dir(home)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("CALLBOARD__GATEWAY__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null());
    command
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// That it ended with this code and said these words to people.
    #[track_caller]
    pub(crate) fn check(self, code: i32, words: &[&str]) -> Self {
        let Self { code: ended, out, err } = &self;
        assert_eq!(*ended, code, "stdout: {out}\nstderr: {err}");
        for word in words {
            assert!(err.contains(word), "standard error does not say {word:?}: {err}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// A person's machine. Dropping it ends its node and everything that the node started.
pub(crate) struct Machine {
    home: TempDir,
    node: Option<Child>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder"), node: None }
    }

    /// One with this `callboard.toml`.
    pub(crate) fn configured(toml: &str) -> Self {
        let machine = Self::new();
        machine.write("callboard.toml", toml);
        machine
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home().join("data/callboard")
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.home().join(path);
        std::fs::write(&path, text).expect("writable");
        path
    }

    /// A repository with one commit.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        Repository::create(&self.home().join(name))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        callboard(self.home()).args(args).output().expect("the binary starts").into()
    }

    /// Runs a command that must succeed and answers with data.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).check(0, &[]).json()
    }

    /// Submits a script to the scripted runtime, and tells the task's id.
    #[track_caller]
    pub(crate) fn submit(&self, repository: &Repository, steps: &str) -> String {
        let text = format!("Follow the script\n```script\n{steps}\n```");
        let args = ["submit", &text, "--runtime", "scripted", "--repo", repository.path()];
        let submitted = self.json(&args);
        submitted["tasks"][0].as_str().expect("one task").to_owned()
    }

    /// Starts a node as a child, and does not wait for it.
    pub(crate) fn start(&mut self) {
        assert!(self.node.is_none(), "one node at a time");
        // What an earlier node said about itself is not what this one says.
        let _ = std::fs::remove_file(self.data().join("node.json"));
        let log = File::options().create(true).append(true).open(self.home().join("up.log"));
        let log = log.expect("writable");
        let node = callboard(self.home()).arg("up").stdout(Stdio::null()).stderr(log).spawn();
        self.node = Some(node.expect("the binary starts"));
    }

    /// Starts a node and waits until it is ready.
    #[track_caller]
    pub(crate) fn up(&mut self) -> Client {
        self.start();
        self.ready()
    }

    /// Waits until the node is ready.
    #[track_caller]
    pub(crate) fn ready(&mut self) -> Client {
        let file = self.data().join("node.json");
        let node = self.node.as_mut().expect("a node was started");
        let log = self.home.path().join("up.log");
        until("the node is ready", PATIENCE, || {
            if let Some(status) = node.try_wait().expect("a child") {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                panic!("the node ended with {status}: {log}");
            }
            let client = Client::from_runtime_file(&file).ok()?;
            client.status().is_ok().then_some(client)
        })
    }

    /// A client of the node that runs, also of one in the background.
    pub(crate) fn client(&self) -> Client {
        Client::from_runtime_file(&self.data().join("node.json")).expect("a node runs")
    }

    /// The process id of the node that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.node.as_ref().expect("a node was started").id()
    }

    /// Kills the node without a warning.
    pub(crate) fn kill(&mut self) {
        let mut node = self.node.take().expect("a node runs");
        node.kill().expect("a child");
        node.wait().expect("a child");
    }

    /// Stops the node, and waits until it has ended.
    #[track_caller]
    pub(crate) fn down(&mut self) {
        self.run(&["down"]).check(0, &[]);
        let mut node = self.node.take().expect("a node runs");
        assert!(node.wait().expect("a child").success(), "it stops cleanly");
    }

    /// Waits until no process of this machine is left.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self) {
        let mut left = Vec::new();
        until("no process is left", PATIENCE, || {
            left = processes::of(self.home());
            left.is_empty().then_some(())
        });
    }

    /// Waits until a task is in one of these states.
    #[track_caller]
    pub(crate) fn task_is(&self, task: &str, states: &[&str]) -> Task {
        let client = self.client();
        let mut last = None;
        let end = tokio::time::Instant::now() + PATIENCE;
        until(&format!("task {task} is {states:?}"), PATIENCE * 2, || {
            last = client.task(task).ok().map(|it| it.task);
            assert!(tokio::time::Instant::now() < end, "{task} is not {states:?}: {last:?}");
            last.clone().filter(|it| {
                states.contains(&it.state.as_str())
                    || it.stage.as_deref().is_some_and(|stage| states.contains(&stage))
            })
        })
    }
}

impl Drop for Machine {
    #[expect(clippy::print_stderr, reason = "where to look after a failure")]
    fn drop(&mut self) {
        if let Some(mut node) = self.node.take() {
            // It may be over already; what it started ends with it.
            let _ = node.kill();
            let _ = node.wait();
        }
        if std::thread::panicking() {
            // Its log and its data say why.
            self.home.disable_cleanup(true);
            eprintln!("the machine is kept in {}", self.home.path().display());
        }
        // Nodes in the background, and programs whose guards look no more.
        for process in processes::of(self.home.path()) {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }
}
