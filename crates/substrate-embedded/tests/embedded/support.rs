//! Small helpers of these tests: names, commits, children.

use std::path::Path;
use std::process::Command;

use callboard_substrate::EventLog;
use callboard_substrate::log::{AppendError, Appended, Commit, Version};
use callboard_substrate::name::Stream;
use callboard_substrate::seal::{self, Chain};
use callboard_substrate_embedded::{Config, Embedded};
use uuid::Uuid;

/// Tells the child of a test which folder to work in, and thereby that it is the child.
const FOLDER: &str = "CALLBOARD_TEST_FOLDER";

pub(crate) fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, Config::default()).expect("the folder opens")
}

pub(crate) fn stream(name: &str) -> Stream {
    Stream::new(format!("test.{name}")).expect("a legal name")
}

/// An owner of a stream, which seals what it appends.
pub(crate) struct Owner {
    stream: Stream,
    version: Version,
    chain: Chain,
}

impl Owner {
    pub(crate) fn new(name: &str) -> Self {
        Self { stream: stream(name), version: Version::EMPTY, chain: Chain::new() }
    }

    /// Continues a stream that exists, after verifying it.
    pub(crate) async fn load(log: &dyn EventLog, name: &str) -> Self {
        let mut owner = Self::new(name);
        let commits = log.read(&owner.stream, Version::EMPTY, usize::MAX).await.expect("readable");
        for stored in commits {
            let sealed = seal::open(&stored.bytes).expect("sealed");
            owner.chain.check(&sealed, &stored.bytes).expect("a whole chain");
            owner.version = stored.version;
        }
        owner
    }

    /// Appends one sealed commit with a body of `n_bytes`.
    pub(crate) async fn append(
        &mut self,
        log: &dyn EventLog,
        n_bytes: usize,
    ) -> (Uuid, Result<Appended, AppendError>) {
        let id = Uuid::now_v7();
        let bytes = seal::seal(self.chain.header(id, 1, ""), &vec![b'x'; n_bytes]);
        let sealed = seal::open(&bytes).expect("sealed above");
        let mut chain = self.chain.clone();
        chain.check(&sealed, &bytes).expect("it follows");
        let outcome = log.append(&self.stream, self.version, Commit { id, bytes }).await;
        if let Ok(appended) = &outcome {
            self.version = appended.version;
            self.chain = chain;
        }
        (id, outcome)
    }
}

/// The folder to work in, where this process is the child of a test.
#[expect(clippy::disallowed_methods, reason = "how a test tells its child that it is one")]
pub(crate) fn child_folder() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

/// This test binary again, which runs only the test `name`, as a child in `folder`. `wrapper` is
/// a command that ends by executing its arguments.
#[expect(clippy::disallowed_methods, reason = "a child to be killed or limited, without an owner")]
pub(crate) fn child(name: &str, folder: &Path, wrapper: &[&str]) -> Command {
    let exe = std::env::current_exe().expect("the test binary has a path");
    let mut command = match wrapper {
        [] => Command::new(exe),
        [program, args @ ..] => {
            let mut command = Command::new(program);
            command.args(args).arg(exe);
            command
        }
    };
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(FOLDER, folder);
    command
}
