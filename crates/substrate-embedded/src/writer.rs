//! Group commit: one thread per database takes all writes that wait, and commits them together.
//!
//! ```text
//! BEGIN → apply each → COMMIT ─ok────────────────────────────────→ answer each
//!            │            └error→ ROLLBACK → fence → read back ─┬→ not written
//!            └error→ ROLLBACK → not written                     └→ unknown (fence failed)
//! ```
//!
//! Why the fence: after a failed COMMIT, complete frames may lie in the write-ahead log that this
//! process ignores but that a crash would bring back. A later transaction that is synced overwrites
//! them, and only then "not written" is the truth. A full disk needs none: the frame that makes the
//! transaction valid is the last one, and it did not fit.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use callboard_stdx::task;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::config::Config;
use crate::database;
use crate::health::Monitor;
use crate::trouble::Trouble;

/// Writes up to this size are bounded by the length of the queue alone.
const SMALL_BYTES: usize = 4096;

/// What one database does with its writes. Runs on the writer's thread, inside its transaction.
pub(crate) trait Apply: Send + 'static {
    /// What is asked for.
    type Request: Send + 'static;
    /// What was written, kept until the transaction is durable.
    type Done;
    /// What the caller is told.
    type Answer: Send + 'static;
    /// Why a request cannot be granted; nothing was written for it.
    type Refusal: Send + 'static;

    fn apply(
        &mut self,
        db: &Connection,
        request: Self::Request,
    ) -> rusqlite::Result<Result<Self::Done, Self::Refusal>>;

    /// Whether `done` is in the database, asked after a COMMIT that failed.
    fn landed(&self, db: &Connection, done: &Self::Done) -> rusqlite::Result<bool>;

    /// `done` is durable: tell those who wait for it. Called in the order of `apply`.
    fn committed(&mut self, done: Self::Done) -> Self::Answer;

    /// Nothing of the batch was written: forget what `apply` remembered.
    fn rolled_back(&mut self);
}

/// Why a write was not acknowledged.
#[derive(Debug)]
pub(crate) enum Failure<R> {
    Refused(R),
    NotWritten(String),
    Unknown(String),
}

type Outcome<A> = Result<<A as Apply>::Answer, Failure<<A as Apply>::Refusal>>;

enum Item<A: Apply> {
    Write {
        request: A::Request,
        reply: oneshot::Sender<Outcome<A>>,
        _room: Option<OwnedSemaphorePermit>,
    },
    Stop,
}

/// The callers' side of the queue.
pub(crate) struct Writer<A: Apply> {
    queue: mpsc::Sender<Item<A>>,
    room: Arc<Semaphore>,
    wait_max: Duration,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<A: Apply> Writer<A> {
    /// Starts the thread, which owns `db`. `guard` is dropped when the thread has ended.
    pub(crate) fn start(
        part: &'static str,
        path: PathBuf,
        db: Connection,
        apply: A,
        cfg: &Config,
        monitor: Arc<Monitor>,
        guard: impl Send + 'static,
    ) -> io::Result<Self> {
        let (queue, items) = mpsc::channel(cfg.queue_max);
        let gather_max = Duration::from_micros(cfg.gather_us_max);
        let worker = Worker {
            part,
            path,
            db,
            apply,
            monitor,
            gather_max,
            commit_took: Duration::ZERO,
            alerted: false,
            damaged: None,
        };
        let batch_max = cfg.batch_max;
        let thread = Builder::new().name(format!("callboard-{part}")).spawn(move || {
            let _guard = guard;
            worker.run(items, batch_max);
        })?;
        Ok(Self {
            queue,
            room: Arc::new(Semaphore::new(cfg.queue_bytes_max.min(Semaphore::MAX_PERMITS))),
            wait_max: cfg.wait_max(),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands a write of `bytes` to the writer and waits until it is durable or failed. When the
    /// queue is full, it waits for at most the configured time, then nothing is written.
    pub(crate) async fn write(&self, request: A::Request, bytes: usize) -> Outcome<A> {
        let (reply, answer) = oneshot::channel();
        let enqueue = async {
            let room = match bytes {
                0..=SMALL_BYTES => None,
                _ => {
                    let n = u32::try_from(bytes).unwrap_or(u32::MAX);
                    Some(Arc::clone(&self.room).acquire_many_owned(n).await.ok()?)
                }
            };
            self.queue.send(Item::Write { request, reply, _room: room }).await.ok()
        };
        match tokio::time::timeout(self.wait_max, enqueue).await {
            Ok(Some(())) => {}
            Ok(None) => return Err(Failure::NotWritten("the substrate is closed".to_owned())),
            Err(_elapsed) => {
                let reason = "the queue of writes is full: the disk is too slow; retry later";
                return Err(Failure::NotWritten(reason.to_owned()));
            }
        }
        match answer.await {
            Ok(outcome) => outcome,
            Err(_dropped) => Err(Failure::Unknown("the writer stopped".to_owned())),
        }
    }

    /// Writes all that waits, copies the write-ahead log to the database and ends the thread.
    pub(crate) async fn close(&self) {
        // An error says that the thread has ended already.
        let _ = self.queue.send(Item::Stop).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let ended = task::spawn_blocking("embedded close", move || thread.join()).await;
        if ended.is_err() {
            tracing::error!("the writer had panicked");
        }
    }
}

struct Worker<A: Apply> {
    part: &'static str,
    path: PathBuf,
    db: Connection,
    apply: A,
    monitor: Arc<Monitor>,
    gather_max: Duration,
    commit_took: Duration,
    alerted: bool,
    /// Set when the file proved damaged: nothing is written any more.
    damaged: Option<String>,
}

/// A write on its way: what `apply` said, `None` where it was not reached.
struct Write<A: Apply> {
    reply: oneshot::Sender<Outcome<A>>,
    result: Option<Result<A::Done, A::Refusal>>,
}

impl<A: Apply> Worker<A> {
    fn run(mut self, mut items: mpsc::Receiver<Item<A>>, batch_max: usize) {
        let mut batch = Vec::with_capacity(batch_max);
        let mut n_last = 0;
        while items.blocking_recv_many(&mut batch, batch_max) > 0 {
            self.gather(&mut items, &mut batch, n_last.min(batch_max));
            n_last = batch.len();
            if batch.iter().any(|item| matches!(item, Item::Stop)) {
                // What is in the queue already is still served.
                items.close();
            }
            self.write_batch(&mut batch);
        }
        if self.damaged.is_none()
            && let Err(error) = database::checkpoint(&self.db)
        {
            tracing::warn!(part = self.part, %error, "failed to checkpoint at the end");
        }
    }

    /// Waits a little for those who were in the last batch: they are on their way with their next
    /// write, and a sync for a few of them costs as much as one for all. It never waits longer than
    /// the last COMMIT took.
    fn gather(&self, items: &mut mpsc::Receiver<Item<A>>, batch: &mut Vec<Item<A>>, n: usize) {
        let start = Instant::now();
        let wait_max = self.gather_max.min(self.commit_took);
        while batch.len() + items.len() < n && start.elapsed() < wait_max {
            std::thread::yield_now();
        }
        while batch.len() < n
            && let Ok(item) = items.try_recv()
        {
            batch.push(item);
        }
    }

    fn write_batch(&mut self, batch: &mut Vec<Item<A>>) {
        let mut writes = Vec::with_capacity(batch.len());
        if let Err(reason) = self.apply_all(batch, &mut writes) {
            return self.refuse(writes, &reason);
        }
        let start = Instant::now();
        let commit = self.db.prepare_cached("COMMIT").and_then(|mut sql| sql.execute([]));
        self.commit_took = start.elapsed();
        let Err(error) = commit else { return self.acknowledge(writes) };
        self.roll_back();
        let reason = self.raise(&error);
        match self.landed(Trouble::of(&error), &writes) {
            Some(true) => self.acknowledge(writes),
            Some(false) => self.refuse(writes, &reason),
            None => self.give_up(writes, &reason),
        }
    }

    /// Applies `batch` in order within a transaction. On an error nothing of it is left.
    fn apply_all(
        &mut self,
        batch: &mut Vec<Item<A>>,
        writes: &mut Vec<Write<A>>,
    ) -> Result<(), String> {
        let mut outcome = match &self.damaged {
            Some(reason) => Err(reason.clone()),
            None => self.begin(),
        };
        for item in batch.drain(..) {
            let Item::Write { request, reply, .. } = item else { continue };
            let result = match &outcome {
                Ok(()) => match self.apply.apply(&self.db, request) {
                    Ok(result) => Some(result),
                    Err(error) => {
                        self.roll_back();
                        outcome = Err(self.raise(&error));
                        None
                    }
                },
                Err(_) => None,
            };
            writes.push(Write { reply, result });
        }
        outcome
    }

    fn begin(&mut self) -> Result<(), String> {
        let begin = self.db.prepare_cached("BEGIN IMMEDIATE").and_then(|mut sql| sql.execute([]));
        match begin {
            Ok(_) => Ok(()),
            Err(error) => Err(self.raise(&error)),
        }
    }

    fn roll_back(&mut self) {
        self.apply.rolled_back();
        // Some errors roll back by themselves.
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::error!(part = self.part, %error, "failed to roll back");
        }
    }

    /// Finds out, after a COMMIT that failed, whether the batch is stored. `None`: cannot be known.
    fn landed(&self, trouble: Trouble, writes: &[Write<A>]) -> Option<bool> {
        let done = writes.iter().find_map(|write| match &write.result {
            Some(Ok(done)) => Some(done),
            Some(Err(_)) | None => None,
        });
        let Some(done) = done else { return Some(false) };
        let landed = self.apply.landed(&self.db, done);
        if matches!(trouble, Trouble::Full | Trouble::Busy) && matches!(landed, Ok(false)) {
            return Some(false);
        }
        self.db.execute("UPDATE fence SET n = n + 1 WHERE id = 1", []).ok()?;
        self.apply.landed(&self.db, done).ok()
    }

    /// Raises the alert and gives its text.
    fn raise(&mut self, error: &rusqlite::Error) -> String {
        let trouble = Trouble::of(error);
        let reason = trouble.explain(&self.path, error);
        self.monitor.raise(self.part, &reason);
        self.alerted = true;
        if trouble == Trouble::Damaged {
            self.damaged = Some(reason.clone());
        }
        reason
    }

    fn acknowledge(&mut self, writes: Vec<Write<A>>) {
        let wrote = writes.iter().any(|write| matches!(write.result, Some(Ok(_))));
        if self.alerted && wrote {
            // Before the answers: who is told of success finds no alert.
            self.monitor.clear(self.part);
            self.alerted = false;
        }
        for Write { reply, result } in writes {
            let outcome = match result.expect("a committed batch was applied to its end") {
                Ok(done) => Ok(self.apply.committed(done)),
                Err(refusal) => Err(Failure::Refused(refusal)),
            };
            // A caller that went away reads the log when it comes back.
            let _ = reply.send(outcome);
        }
    }

    /// A refusal may rest on a write of the same batch, so it fails with the batch.
    fn refuse(&self, writes: Vec<Write<A>>, reason: &str) {
        self.monitor.count_not_written(writes.len());
        for write in writes {
            let _ = write.reply.send(Err(Failure::NotWritten(reason.to_owned())));
        }
    }

    fn give_up(&self, writes: Vec<Write<A>>, reason: &str) {
        self.monitor.count_unknown(writes.len());
        for write in writes {
            let failure = match write.result {
                Some(Ok(_)) => Failure::Unknown(reason.to_owned()),
                Some(Err(_)) | None => Failure::NotWritten(reason.to_owned()),
            };
            let _ = write.reply.send(Err(failure));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inserts numbers. A negative one breaks a deferred rule, so that COMMIT itself fails.
    struct Numbers {
        /// Whether reading back fails.
        blind: bool,
    }

    impl Apply for Numbers {
        type Request = i64;
        type Done = i64;
        type Answer = i64;
        type Refusal = ();

        fn apply(&mut self, db: &Connection, number: i64) -> rusqlite::Result<Result<i64, ()>> {
            match number {
                0 => return Ok(Err(())),
                1.. => db.execute("INSERT INTO numbers (n) VALUES (?1)", [number])?,
                _ => db.execute("INSERT INTO numbers (n, parent) VALUES (?1, -1)", [number])?,
            };
            Ok(Ok(number))
        }

        fn landed(&self, db: &Connection, number: &i64) -> rusqlite::Result<bool> {
            match self.blind {
                true => Err(rusqlite::Error::InvalidQuery),
                false => db.prepare("SELECT 1 FROM numbers WHERE n = ?1")?.exists([number]),
            }
        }

        fn committed(&mut self, number: i64) -> i64 {
            number
        }

        fn rolled_back(&mut self) {}
    }

    fn writer(blind: bool) -> (Writer<Numbers>, Arc<Monitor>) {
        let db = Connection::open_in_memory().expect("opens");
        db.execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE fence (id INTEGER PRIMARY KEY, n INTEGER);
             CREATE TABLE numbers (
                 n INTEGER PRIMARY KEY,
                 parent INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED
             );",
        )
        .expect("created");
        let monitor = Arc::new(Monitor::default());
        let cfg = Config::default();
        let numbers = Numbers { blind };
        let path = PathBuf::from("numbers.sqlite");
        let writer = Writer::start("numbers", path, db, numbers, &cfg, Arc::clone(&monitor), ())
            .expect("a thread starts");
        (writer, monitor)
    }

    #[tokio::test]
    async fn failed_commit_that_left_nothing_is_not_written() {
        let (writer, monitor) = writer(false);
        let outcome = writer.write(-7, 8).await;
        assert!(matches!(outcome, Err(Failure::NotWritten(_))), "{outcome:?}");
        assert_eq!((monitor.health().n_not_written, monitor.health().alerts.len()), (1, 1));
        // A refusal proves nothing, a write does.
        assert!(matches!(writer.write(0, 8).await, Err(Failure::Refused(()))));
        assert_eq!(monitor.health().alerts.len(), 1);
        assert!(matches!(writer.write(7, 8).await, Ok(7)));
        assert_eq!(monitor.health().alerts.len(), 0);
        writer.close().await;
    }

    #[tokio::test]
    async fn failed_commit_that_cannot_be_settled_is_unknown() {
        let (writer, monitor) = writer(true);
        let outcome = writer.write(-7, 8).await;
        assert!(matches!(outcome, Err(Failure::Unknown(_))), "{outcome:?}");
        assert_eq!((monitor.health().n_unknown, monitor.health().alerts.len()), (1, 1));
        writer.close().await;
    }
}
