//! A small log, a clock that follows tokio's, and a counter entity.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use callboard_actors::sourced::{
    self, Alert, Alerts, EffectError, Executor, Sourced, SourcedHandle,
};
use callboard_domain::{Ctx, EffectKey, Entity};
use callboard_stdx::clock::Clock;
use callboard_substrate::blobs::{BlobError, BlobInfo};
use callboard_substrate::log::{
    AppendError, Appended, Commit, Position, ReadError, Stored, Version,
};
use callboard_substrate::name::{BlobName, Stream};
use callboard_substrate::{Blobs, EventLog};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a test waits for something that happens at once, in virtual time.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Runs a test on one paused thread.
pub(crate) fn simulate<T>(test: impl Future<Output = T>) -> T {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    actix::System::with_tokio_rt(runtime).block_on(test)
}

/// Waits until `is_so`, at most an hour of virtual time.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..360_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}

/// What happens to the next appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Stored, but the acknowledgement is lost.
    LostAck,
    /// Neither stored nor acknowledged.
    LostRequest,
    /// Refused.
    NotWritten,
    /// Stored, and the answer never comes.
    StoredThenHangs,
}

#[derive(Default)]
struct Inner {
    commits: Vec<Stored>,
    blobs: BTreeMap<String, Vec<u8>>,
    faults: Vec<Fault>,
}

/// A log and blobs in memory, with faults.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Inner>);

impl Memory {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics while it holds the lock")
    }

    /// The next appends fail like this, in order.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.inner().faults = faults.iter().rev().copied().collect();
    }

    pub(crate) fn n_commits(&self) -> usize {
        self.inner().commits.len()
    }

    pub(crate) fn blob_names(&self) -> Vec<String> {
        self.inner().blobs.keys().cloned().collect()
    }

    pub(crate) fn change_blob(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.inner().blobs.get_mut(name).expect("the blob exists"));
    }

    pub(crate) fn change_commit(&self, idx: usize, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.inner().commits[idx].bytes);
    }
}

impl Inner {
    fn version(&self, stream: &Stream) -> Version {
        let last = self.commits.iter().rev().find(|stored| stored.stream == *stream);
        last.map_or(Version::EMPTY, |stored| stored.version)
    }

    fn store(&mut self, stream: &Stream, commit: Commit) -> Appended {
        let n = self.commits.len() as u64 + 1;
        let (version, position) = (Version(n), Position(n));
        let Commit { id, bytes } = commit;
        self.commits.push(Stored { stream: stream.clone(), version, position, id, bytes });
        Appended { version, position }
    }
}

#[async_trait]
impl EventLog for Memory {
    async fn append(
        &self,
        stream: &Stream,
        expected: Version,
        commit: Commit,
    ) -> Result<Appended, AppendError> {
        let stream = stream.clone();
        let reason = "a fault".to_owned();
        {
            let mut inner = self.inner();
            let fault = inner.faults.pop();
            if fault == Some(Fault::NotWritten) {
                return Err(AppendError::NotWritten { stream, reason });
            }
            if fault == Some(Fault::LostRequest) {
                return Err(AppendError::Unknown { stream, reason });
            }
            let actual = inner.version(&stream);
            if actual != expected {
                return Err(AppendError::Conflict { stream, expected, actual });
            }
            let appended = inner.store(&stream, commit);
            match fault {
                Some(Fault::LostAck) => return Err(AppendError::Unknown { stream, reason }),
                Some(Fault::StoredThenHangs) => {}
                _ => return Ok(appended),
            }
        }
        std::future::pending().await
    }

    async fn read(
        &self,
        stream: &Stream,
        after: Version,
        n_max: usize,
    ) -> Result<Vec<Stored>, ReadError> {
        let inner = self.inner();
        let later = inner.commits.iter().filter(|s| s.stream == *stream && s.version > after);
        Ok(later.take(n_max).cloned().collect())
    }

    async fn find(&self, stream: &Stream, id: Uuid) -> Result<Option<Stored>, ReadError> {
        let inner = self.inner();
        Ok(inner.commits.iter().find(|s| s.stream == *stream && s.id == id).cloned())
    }

    async fn read_all(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        let inner = self.inner();
        Ok(inner.commits.iter().filter(|s| s.position > after).take(n_max).cloned().collect())
    }

    async fn tail(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        self.read_all(after, n_max).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        Ok(Position(self.n_commits() as u64))
    }

    fn commit_bytes_max(&self) -> usize {
        100_000
    }
}

#[async_trait]
impl Blobs for Memory {
    async fn put(&self, name: &BlobName, bytes: Vec<u8>) -> Result<BlobInfo, BlobError> {
        let info =
            BlobInfo { name: name.clone(), bytes: bytes.len() as u64, sha256: String::new() };
        self.inner().blobs.insert(name.as_str().to_owned(), bytes);
        Ok(info)
    }

    async fn get(&self, name: &BlobName) -> Result<Vec<u8>, BlobError> {
        let found = self.inner().blobs.get(name.as_str()).cloned();
        found.ok_or_else(|| BlobError::NotFound { name: name.clone() })
    }

    async fn delete(&self, name: &BlobName) -> Result<(), BlobError> {
        self.inner().blobs.remove(name.as_str());
        Ok(())
    }

    async fn list(&self, _: &BlobName) -> Result<Vec<BlobInfo>, BlobError> {
        Ok(Vec::new())
    }

    fn bytes_max(&self) -> u64 {
        1 << 30
    }
}

/// Wall-clock time that follows tokio's, and ids by counting.
pub(crate) struct TestClock {
    started: tokio::time::Instant,
    n_ids: AtomicU64,
    skew_ms: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        let started = tokio::time::Instant::now();
        Arc::new(Self { started, n_ids: AtomicU64::new(0), skew_ms: AtomicU64::new(0) })
    }

    /// The wall clock jumps forward; tokio's time does not.
    pub(crate) fn jump(&self, by: Duration) {
        self.skew_ms.fetch_add(u64::try_from(by.as_millis()).expect("short"), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let skew = Duration::from_millis(self.skew_ms.load(Ordering::Relaxed));
        DateTime::<Utc>::UNIX_EPOCH + self.started.elapsed() + skew
    }

    fn new_id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.n_ids.fetch_add(1, Ordering::Relaxed) + 1))
    }

    fn random(&self) -> f64 {
        0.5
    }
}

/// A counter that owes effects.
pub(crate) struct Counter;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) sum: u64,
    pub(crate) n_activations: u64,
    pub(crate) seen: Vec<u32>,
    pub(crate) fired: Vec<String>,
    pub(crate) outbox: BTreeMap<EffectKey, Owed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owed {
    Work(u64),
    Timer(DateTime<Utc>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Adds `n`, once per `id`.
    Add { id: u32, n: u64 },
    /// Owes an effect.
    Owe { key: String, owed: Owed },
    /// The effect under the key is done, or no longer wanted.
    Settle { key: String },
    /// Panics.
    Poison,
    /// Is refused.
    Refuse,
    /// Makes an event of so many bytes.
    Grow(usize),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Event {
    Activated { epoch: u64 },
    Added { id: u32, n: u64 },
    Owed { key: String, owed: Owed },
    Settled { key: String },
    Grown(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("failed to count: it was asked to refuse")]
pub(crate) struct Refused;

impl Entity for Counter {
    const KIND: &'static str = "agent";
    const VERSION: u32 = 1;
    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = Owed;
    type Rejection = Refused;

    fn decide(state: &State, command: Command, _: &mut Ctx) -> Result<Vec<Event>, Refused> {
        Ok(match command {
            Command::Add { id, .. } if state.seen.contains(&id) => vec![],
            Command::Add { id, n } => vec![Event::Added { id, n }],
            Command::Owe { key, owed } => vec![Event::Owed { key, owed }],
            Command::Settle { key } if !state.outbox.contains_key(&key.as_str().into()) => vec![],
            Command::Settle { key } => vec![Event::Settled { key }],
            Command::Poison => panic!("poisoned"),
            Command::Refuse => return Err(Refused),
            Command::Grow(n) => vec![Event::Grown("x".repeat(n))],
        })
    }

    fn apply(state: &mut State, event: &Event) {
        match event {
            Event::Activated { .. } => state.n_activations += 1,
            Event::Added { id, n } => {
                state.sum += n;
                state.seen.push(*id);
            }
            Event::Owed { key, owed } => {
                state.outbox.insert(key.as_str().into(), owed.clone());
            }
            Event::Settled { key } => {
                state.outbox.remove(&key.as_str().into());
                state.fired.push(key.clone());
            }
            Event::Grown(_) => {}
        }
    }

    fn outbox(state: &State) -> &BTreeMap<EffectKey, Owed> {
        &state.outbox
    }

    fn activated(_: &State, ctx: &mut Ctx) -> Event {
        Event::Activated { epoch: ctx.epoch }
    }

    fn timer(key: &EffectKey, effect: &Owed) -> Option<(DateTime<Utc>, Command)> {
        match effect {
            Owed::Timer(due) => Some((*due, Command::Settle { key: key.0.clone() })),
            Owed::Work(_) => None,
        }
    }
}

/// What the executor does with a key, by its first letter: `o` settles at once, `f` fails, `h` hangs,
/// `q` ends without confirming, `p` panics.
#[derive(Default)]
pub(crate) struct Doer {
    pub(crate) started: Mutex<Vec<String>>,
    pub(crate) dropped: Arc<Mutex<Vec<String>>>,
}

struct OnDrop(String, Arc<Mutex<Vec<String>>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.1.lock().expect("not poisoned").push(self.0.clone());
    }
}

impl Doer {
    pub(crate) fn n_started(&self, key: &str) -> usize {
        self.started.lock().expect("not poisoned").iter().filter(|k| *k == key).count()
    }

    pub(crate) fn n_dropped(&self, key: &str) -> usize {
        self.dropped.lock().expect("not poisoned").iter().filter(|k| *k == key).count()
    }
}

#[async_trait(?Send)]
impl Executor<Counter> for Doer {
    async fn run(
        &self,
        key: EffectKey,
        _: Owed,
        _: SourcedHandle<Counter>,
    ) -> Result<Vec<Command>, EffectError> {
        self.started.lock().expect("not poisoned").push(key.0.clone());
        let _on_drop = OnDrop(key.0.clone(), Arc::clone(&self.dropped));
        match key.0.as_bytes()[0] {
            b'o' => Ok(vec![Command::Settle { key: key.0 }]),
            b'f' => Err(EffectError::new("it always fails")),
            b'q' => Ok(vec![]),
            b'p' => panic!("on request"),
            _ => std::future::pending().await,
        }
    }
}

#[derive(Default)]
pub(crate) struct Collected(Mutex<Vec<Alert>>);

impl Collected {
    pub(crate) fn all(&self) -> Vec<Alert> {
        self.0.lock().expect("not poisoned").clone()
    }
}

impl Alerts for Collected {
    fn raise(&self, alert: Alert) {
        self.0.lock().expect("not poisoned").push(alert);
    }
}

/// One cluster's worth of parts.
pub(crate) struct World {
    pub(crate) memory: Arc<Memory>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) doer: Arc<Doer>,
    pub(crate) alerts: Arc<Collected>,
    pub(crate) cfg: sourced::Config,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            memory: Arc::default(),
            clock: TestClock::new(),
            doer: Arc::default(),
            alerts: Arc::default(),
            cfg: sourced::Config::default(),
        }
    }

    /// The counter `a`, owned with `epoch`.
    pub(crate) fn counter(&self, epoch: u64) -> sourced::Launcher<Counter> {
        Sourced {
            id: "agent/a".parse().expect("legal"),
            epoch,
            node: "n1".to_owned(),
            log: self.memory.clone(),
            blobs: self.memory.clone(),
            clock: self.clock.clone(),
            alerts: self.alerts.clone(),
            executor: self.doer.clone(),
            cfg: self.cfg.clone(),
        }
        .launcher()
    }
}
