//! What the cases share: sealed commits, waiting for a state, racing tasks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use callboard_stdx::task::{self, Kind};
use tokio::sync::Barrier;
use tokio::time::Instant;
use uuid::Uuid;

use crate::log::{AppendError, Appended, Commit, EventLog, Stored, Version};
use crate::name::{Bucket, Key, Stream};
use crate::seal::{self, Chain};

/// How many writers race. The figure.
pub(super) const N_WRITERS: usize = 32;

/// How many commits are read at once where paging is not the question.
pub(super) const PAGE: usize = 64;

const AT: &str = "2026-01-01T00:00:00Z";

/// Between two looks at a state that must come.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) fn stream(name: &str) -> Stream {
    Stream::new(name).expect("the suite's names are legal")
}

pub(super) fn bucket(name: &str) -> Bucket {
    Bucket::new(name).expect("the suite's names are legal")
}

pub(super) fn key(name: &str) -> Key {
    Key::new(name).expect("the suite's names are legal")
}

/// Looks again until `look` finds something.
///
/// # Panics
/// When `patience` is over.
pub(super) async fn eventually<T>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come within {patience:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Reads again until it reads as expected.
///
/// # Panics
/// With what was read last, when `patience` is over.
pub(super) async fn reads<T: PartialEq + std::fmt::Debug>(
    patience: Duration,
    expected: &T,
    mut read: impl AsyncFnMut() -> T,
) {
    let deadline = Instant::now() + patience;
    loop {
        let found = read().await;
        if found == *expected {
            return;
        }
        assert!(Instant::now() < deadline, "read {found:?} at last, not {expected:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Runs `n` racers, which start together, and gives back what each came to.
pub(super) async fn race<T, F>(n: usize, mut racer: impl FnMut(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(n));
    let mut tasks = Vec::new();
    for idx in 0..n {
        let (barrier, racer) = (Arc::clone(&barrier), racer(idx));
        tasks.push(task::spawn(Kind::Work, format!("racer {idx}"), async move {
            barrier.wait().await;
            racer.await
        }));
    }
    let mut ends = Vec::new();
    for task in tasks {
        ends.push(task.join().await.expect("a racer panicked, see above"));
    }
    ends
}

/// One owner of a stream: knows where it stands and seals what follows.
pub(super) struct Writer {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) stream: Stream,
    pub(super) version: Version,
    pub(super) chain: Chain,
}

impl Writer {
    /// Stands at the beginning of `stream`.
    pub(super) fn new(log: Arc<dyn EventLog>, stream: Stream) -> Self {
        Self { log, stream, version: Version::EMPTY, chain: Chain::new() }
    }

    /// The commit that would follow.
    pub(super) fn seal(&self, id: u128, body: &[u8]) -> Commit {
        let id = Uuid::from_u128(id);
        Commit { id, bytes: seal::seal(self.chain.header(id, 1, AT), body) }
    }

    /// Appends once, and moves on if it is acknowledged.
    pub(super) async fn append(&mut self, id: u128, body: &[u8]) -> Result<Appended, AppendError> {
        let commit = self.seal(id, body);
        let appended = self.log.append(&self.stream, self.version, commit.clone()).await?;
        self.follow(&commit.bytes, appended.version);
        Ok(appended)
    }

    /// Appends where nobody else writes.
    pub(super) async fn must_append(&mut self, id: u128, body: &[u8]) -> Appended {
        self.append(id, body).await.expect("nobody else writes here")
    }

    /// Appends against others: reads on and tries again until it is acknowledged.
    pub(super) async fn contend(&mut self, id: u128, body: &[u8]) -> Appended {
        loop {
            match self.append(id, body).await {
                Ok(appended) => return appended,
                Err(AppendError::Conflict { .. }) => self.catch_up().await,
                // Lets the others go on, where the runtime has one thread.
                Err(AppendError::NotWritten { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("no fault was injected, and yet: {error}"),
            }
        }
    }

    /// Reads to the end, as it is seen now, and verifies what it reads.
    pub(super) async fn catch_up(&mut self) {
        loop {
            let page = self.log.read(&self.stream, self.version, PAGE).await.expect("readable");
            for stored in &page {
                self.follow(&stored.bytes, stored.version);
            }
            if page.len() < PAGE {
                return;
            }
        }
    }

    fn follow(&mut self, bytes: &[u8], version: Version) {
        let sealed = seal::open(bytes).expect("the stored bytes are those that were sealed");
        self.chain.check(&sealed, bytes).expect("the stream's commits follow one another");
        self.version = version;
    }
}

/// Reads the whole stream in pages and verifies its chain.
pub(super) async fn read_stream(log: &dyn EventLog, stream: &Stream) -> Vec<Stored> {
    let (mut commits, mut chain) = (Vec::<Stored>::new(), Chain::new());
    loop {
        let after = commits.last().map_or(Version::EMPTY, |stored| stored.version);
        let page = log.read(stream, after, PAGE).await.expect("readable");
        let n = page.len();
        for stored in page {
            let sealed = seal::open(&stored.bytes).expect("undamaged");
            assert_eq!((sealed.header.id, stream), (stored.id, &stored.stream));
            chain.check(&sealed, &stored.bytes).expect("the commits follow one another");
            commits.push(stored);
        }
        if n < PAGE {
            return commits;
        }
    }
}

/// [`read_stream`], repeated until it has `n` commits.
pub(super) async fn read_n(
    log: &dyn EventLog,
    stream: &Stream,
    n: usize,
    patience: Duration,
) -> Vec<Stored> {
    eventually(patience, "the stream's last commit", async || {
        let commits = read_stream(log, stream).await;
        assert!(commits.len() <= n, "{} commits where {n} were appended", commits.len());
        (commits.len() == n).then_some(commits)
    })
    .await
}

/// The ids of commits, as the numbers that the cases gave.
pub(super) fn ids(commits: &[Stored]) -> Vec<u128> {
    commits.iter().map(|stored| stored.id.as_u128()).collect()
}
