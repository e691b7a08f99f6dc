//! What the tests of real processes share: unique names by which leftovers are found.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use callboard_process::guarded::{Isolation, Spec};
use callboard_process::{Launcher, Marks};
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_guard-for-tests");

/// Both kinds, for every promise must hold with both.
pub(crate) const KINDS: [Isolation; 2] = [Isolation::PidNamespace, Isolation::Subreaper];

static STAGES: AtomicU32 = AtomicU32::new(0);

/// One test's folder and unique name.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) owner: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let n = STAGES.fetch_add(1, Ordering::Relaxed);
        // Also a number of seconds, so that a sleep carries it in its arguments.
        let owner = format!("1000.{}9{n:03}", std::process::id());
        Self { folder: tempfile::tempdir().expect("a temporary folder"), owner }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn marks(&self) -> Marks {
        Marks { agent: "tests".to_owned(), epoch: 7, owner: self.owner.clone() }
    }

    /// Leaves group, session, parents and environment in every way at once: five sleep.
    pub(crate) fn daemoniser(&self) -> String {
        let n = &self.owner;
        format!(
            "setsid sh -c 'sleep {n} & exit' &
             setsid sh -c '(setsid sleep {n} &) & exit' &
             (trap '' TERM HUP INT; setsid nohup sleep {n} >/dev/null 2>&1 &)
             env -i setsid sh -c 'sleep {n} & exit' &
             sleep {n}"
        )
    }

    /// A node of its own process that holds `script` under a guard, once that runs.
    #[expect(clippy::disallowed_methods, reason = "a test kills it")]
    pub(crate) async fn node(&self, isolation: Isolation, script: &str) -> std::process::Child {
        let isolation = match isolation {
            Isolation::PidNamespace => "namespace",
            Isolation::Subreaper | Isolation::Auto => "subreaper",
        };
        let node = std::process::Command::new(BINARY)
            .args(["node", isolation, &self.owner, script])
            .current_dir(self.folder.path())
            .spawn()
            .expect("the tests' own binary");
        until(|| self.path("held").exists(), || "the node holds its program".to_owned()).await;
        node
    }

    /// A shell under a guard, in this stage's folder.
    pub(crate) fn sh(&self, isolation: Isolation, script: &str) -> Spec {
        let mut spec = Spec::new(Launcher::at(BINARY), "/bin/sh", self.folder.path(), self.marks());
        spec.args = vec!["-c".into(), script.into()];
        spec.isolation = isolation;
        spec
    }

    /// The live processes that carry this stage's name in their environment or arguments, without
    /// the test itself.
    pub(crate) fn processes(&self) -> Vec<String> {
        self.processes_where(|_| true)
    }

    pub(crate) fn processes_where(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("a /proc").flatten() {
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let has_name = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&self.owner);
            if !has_name(&read("environ")) && !has_name(&read("cmdline")) {
                continue;
            }
            let stat = String::from_utf8_lossy(&read("stat")).into_owned();
            let lives = !stat.is_empty() && !stat.contains(") Z ");
            let cmdline = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            if lives && is_wanted(&cmdline) {
                found.push(format!("{} {cmdline}", entry.file_name().display()));
            }
        }
        found
    }

    pub(crate) fn sleeps(&self) -> Vec<String> {
        self.processes_where(|it| it.starts_with("sleep "))
    }

    /// Waits until `n` processes of this stage run `sleep`.
    pub(crate) async fn until_sleeping(&self, n: usize) {
        let sleeps = || self.sleeps();
        until(|| sleeps().len() == n, || format!("{n} sleep: {:?}", sleeps())).await;
    }

    /// Waits until nothing of this stage is left; the promise is 2 s.
    pub(crate) async fn until_gone(&self) {
        until_within(
            Duration::from_secs(2),
            || self.processes().is_empty(),
            || format!("none is left: {:#?}", self.processes()),
        )
        .await;
    }
}

pub(crate) async fn until(fact: impl Fn() -> bool, what: impl Fn() -> String) {
    until_within(Duration::from_secs(10), fact, what).await;
}

async fn until_within(time: Duration, fact: impl Fn() -> bool, what: impl Fn() -> String) {
    let waiting = async {
        while !fact() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(time, waiting).await.is_err() {
        panic!("not within {time:?}: {}", what());
    }
}
