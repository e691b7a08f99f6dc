//! The event log: what landed, what is under way, and the port over it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use callboard_substrate::EventLog;
use callboard_substrate::log::{
    AppendError, Appended, Commit, Position, ReadError, Stored, Version,
};
use callboard_substrate::name::Stream;
use rand::RngExt;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::plan::{Delay, Fate, Plan};
use crate::shared::{State, Unreachable, wait};
use crate::store::Store;

const LOST: &str = "the acknowledgement was lost";
const TOO_LATE: &str = "the log did not take it in time";

/// All commits, in the total order. A stream's version is the position of its last commit.
pub(crate) struct LogState {
    step_max: u64,
    commits: Vec<Stored>,
    /// Each stream's commits, as indices of `commits`.
    streams: BTreeMap<Stream, Vec<usize>>,
    /// Appends that were sent and have not landed, by when they do.
    under_way: BTreeMap<Ticket, UnderWay>,
    n_sent: u64,
    pub(crate) frozen_until: Option<Instant>,
}

/// When an append lands, and which of those that land then.
type Ticket = (Instant, u64);

type Answer = Result<Appended, AppendError>;

/// What a client sends.
struct Append {
    node: String,
    stream: Stream,
    expected: Version,
    commit: Commit,
}

/// What became of sending it.
enum Sent {
    Refused,
    Ghost,
    UnderWay(Ticket, oneshot::Receiver<Answer>),
}

/// What a client that waited for its append learns.
enum Landing {
    Answered(Answer),
    TakenBack,
    InDoubt,
}

/// An append on its way. It lands whether or not its client still waits.
struct UnderWay {
    node: String,
    stream: Stream,
    expected: Version,
    commit: Commit,
    fate: Fate,
    answer: oneshot::Sender<Answer>,
}

impl LogState {
    pub(crate) fn new(step_max: u64) -> Self {
        Self {
            step_max: step_max.max(1),
            commits: Vec::new(),
            streams: BTreeMap::new(),
            under_way: BTreeMap::new(),
            n_sent: 0,
            frozen_until: None,
        }
    }

    fn version(&self, stream: &Stream) -> Version {
        let last = self.streams.get(stream).and_then(|own| own.last());
        last.map_or(Version::EMPTY, |idx| self.commits[*idx].version)
    }

    fn store(&mut self, stream: Stream, commit: Commit, step: u64) -> Appended {
        let last = self.commits.last().map_or(0, |stored| stored.position.0);
        let (version, position) = (Version(last + step), Position(last + step));
        self.streams.entry(stream.clone()).or_default().push(self.commits.len());
        let Commit { id, bytes } = commit;
        self.commits.push(Stored { stream, version, position, id, bytes });
        Appended { version, position }
    }

    /// The commits of one stream after a version, among the first `n_seen` of all.
    fn of_stream(
        &self,
        stream: &Stream,
        after: Version,
        n_seen: usize,
    ) -> impl DoubleEndedIterator<Item = &Stored> {
        let own = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let own = &own[..own.partition_point(|idx| *idx < n_seen)];
        let start = own.partition_point(|idx| self.commits[*idx].version <= after);
        own[start..].iter().map(|idx| &self.commits[*idx])
    }

    fn after(&self, after: Position, n_seen: usize, n_max: usize) -> Vec<Stored> {
        let seen = &self.commits[..n_seen];
        let start = seen.partition_point(|stored| stored.position <= after);
        seen[start..].iter().take(n_max).cloned().collect()
    }

    fn is_frozen(&self, now: Instant) -> bool {
        self.frozen_until.is_some_and(|until| now < until)
    }

    /// When time alone changes something here.
    fn next_landing(&self) -> Option<Instant> {
        let (at, _) = *self.under_way.first_key_value()?.0;
        Some(self.frozen_until.map_or(at, |until| at.max(until)))
    }

    pub(crate) fn damage(&mut self, stream: &Stream, id: Uuid) -> bool {
        let own = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let idx = own.iter().find(|idx| self.commits[**idx].id == id).copied();
        let last = idx.and_then(|idx| self.commits[idx].bytes.last_mut());
        last.map(|byte| *byte ^= 1).is_some()
    }
}

impl State {
    /// Lets everything land that was to land by now, in its order. Says whether anything did.
    pub(crate) fn settle(&mut self, now: Instant) -> bool {
        let mut landed = false;
        while !self.log.is_frozen(now)
            && let Some(next) = self.log.under_way.first_entry()
            && next.key().0 <= now
        {
            let under_way = next.remove();
            self.land(under_way);
            landed = true;
        }
        landed
    }

    fn land(&mut self, under_way: UnderWay) {
        let UnderWay { node, stream, expected, commit, fate, answer } = under_way;
        let actual = self.log.version(&stream);
        let outcome = if self.chance.plan.storage_full {
            self.chance.counts.n_not_written += 1;
            Err(not_written(&stream, "the storage is full"))
        } else if actual != expected {
            Err(AppendError::Conflict { stream, expected, actual })
        } else {
            let step = self.chance.rng.random_range(1..=self.log.step_max);
            let appended = self.log.store(stream.clone(), commit, step);
            match fate {
                Fate::Lands | Fate::NotWritten => Ok(appended),
                Fate::LoseAck => {
                    self.chance.counts.n_acks_lost += 1;
                    Err(unknown(&stream, LOST))
                }
                Fate::CrashAfter => {
                    self.crash(&node);
                    Err(unknown(&stream, Unreachable::Down.reason()))
                }
                Fate::Ghost(_) => {
                    self.chance.counts.n_ghosts_landed += 1;
                    Err(unknown(&stream, LOST))
                }
            }
        };
        // A client that went away does not learn of it.
        let _ = answer.send(outcome);
    }

    /// Sends an append on its way.
    fn send(&mut self, append: Append, now: Instant) -> Sent {
        let fate = self.chance.fate();
        let mut at = now + self.chance.plan.log.draw(&mut self.chance.rng);
        match fate {
            Fate::NotWritten => {
                self.chance.counts.n_not_written += 1;
                return Sent::Refused;
            }
            Fate::Ghost(later) => at += later,
            Fate::Lands | Fate::LoseAck | Fate::CrashAfter => {}
        }
        let (answer, answered) = oneshot::channel();
        self.log.n_sent += 1;
        let ticket = (at, self.log.n_sent);
        let Append { node, stream, expected, commit } = append;
        let under_way = UnderWay { node, stream, expected, commit, fate, answer };
        self.log.under_way.insert(ticket, under_way);
        match fate {
            Fate::Ghost(_) => Sent::Ghost,
            _ => Sent::UnderWay(ticket, answered),
        }
    }

    /// How many commits the next read sees.
    fn n_seen(&mut self) -> usize {
        self.log.commits.len().saturating_sub(self.chance.n_stale())
    }
}

impl Store {
    /// Waits for an append to land, up to the call's timeout.
    async fn landing(&self, ticket: Ticket, mut answered: oneshot::Receiver<Answer>) -> Landing {
        let deadline = Instant::now() + self.shared.config.call_timeout;
        // Others may go first, also without a delay.
        tokio::task::yield_now().await;
        loop {
            let changed = self.shared.log_changed.notified();
            let wake_at = {
                let mut state = self.shared.settled();
                if let Ok(answer) = answered.try_recv() {
                    return Landing::Answered(answer);
                }
                if Instant::now() >= deadline {
                    return state.give_up(ticket);
                }
                let lands_at = state.log.frozen_until.map_or(ticket.0, |until| until.max(ticket.0));
                lands_at.min(deadline)
            };
            wait(changed, Some(wake_at)).await;
        }
    }
}

impl State {
    /// An append took too long: either it is taken back, or nobody knows what becomes of it.
    fn give_up(&mut self, ticket: Ticket) -> Landing {
        self.chance.counts.n_appends_timed_out += 1;
        if self.chance.happens(0.5) {
            self.log.under_way.remove(&ticket);
            return Landing::TakenBack;
        }
        if let Some(under_way) = self.log.under_way.get_mut(&ticket) {
            under_way.fate = Fate::Ghost(Duration::ZERO);
        }
        Landing::InDoubt
    }
}

#[async_trait]
impl EventLog for Store {
    async fn append(
        &self,
        stream: &Stream,
        expected: Version,
        commit: Commit,
    ) -> Result<Appended, AppendError> {
        let (bytes, bytes_max) = (commit.bytes.len(), self.commit_bytes_max());
        if bytes > bytes_max {
            let reason = format!("{bytes} bytes are over the limit of {bytes_max}");
            return Err(not_written(stream, &reason));
        }
        match self.shared.reach_store(&self.node).await {
            Ok(()) => {}
            Err(end @ Unreachable::Down) => return Err(not_written(stream, end.reason())),
            Err(end @ Unreachable::Cut) => return Err(unknown(stream, end.reason())),
        }
        let (node, now) = (self.node.clone(), Instant::now());
        let append = Append { node, stream: stream.clone(), expected, commit };
        let sent = self.shared.lock().send(append, now);
        let outcome = match sent {
            Sent::Refused => Err(not_written(stream, "the store refused it")),
            Sent::Ghost => Err(unknown(stream, LOST)),
            Sent::UnderWay(ticket, answered) => match self.landing(ticket, answered).await {
                Landing::Answered(answer) => answer,
                Landing::TakenBack => Err(not_written(stream, TOO_LATE)),
                Landing::InDoubt => Err(unknown(stream, TOO_LATE)),
            },
        };
        self.travel(way).await;
        self.still_up().map_err(|down| unknown(stream, down.reason()))?;
        outcome
    }

    async fn read(
        &self,
        stream: &Stream,
        after: Version,
        n_max: usize,
    ) -> Result<Vec<Stored>, ReadError> {
        let look = |state: &mut State| {
            let n_seen = state.n_seen();
            state.log.of_stream(stream, after, n_seen).take(n_max).cloned().collect()
        };
        self.read(|| stream.to_string(), way, look).await
    }

    async fn find(&self, stream: &Stream, id: Uuid) -> Result<Option<Stored>, ReadError> {
        let look = |state: &mut State| {
            let n_seen = state.n_seen();
            let mut own = state.log.of_stream(stream, Version::EMPTY, n_seen);
            own.rfind(|stored| stored.id == id).cloned()
        };
        self.read(|| stream.to_string(), way, look).await
    }

    async fn read_all(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        let look = |state: &mut State| {
            let n_seen = state.n_seen();
            state.log.after(after, n_seen, n_max)
        };
        self.read(|| "all streams".to_owned(), way, look).await
    }

    async fn tail(&self, after: Position, n_max: usize) -> Result<Vec<Stored>, ReadError> {
        let what = || "all streams".to_owned();
        loop {
            let changed = self.shared.log_changed.notified();
            let page = self
                .read(what, way, |state| {
                    let n_seen = state.log.commits.len();
                    state.log.after(after, n_seen, n_max)
                })
                .await?;
            if !page.is_empty() {
                return Ok(page);
            }
            let wake_at = self.shared.lock().log.next_landing();
            wait(changed, wake_at).await;
        }
    }

    async fn head(&self) -> Result<Position, ReadError> {
        let look = |state: &mut State| {
            let n_seen = state.n_seen();
            let last = state.log.commits[..n_seen].last();
            last.map_or_else(Position::default, |stored| stored.position)
        };
        self.read(|| "all streams".to_owned(), way, look).await
    }

    fn commit_bytes_max(&self) -> usize {
        self.shared.config.commit_bytes_max
    }
}

fn way(plan: &Plan) -> Delay {
    plan.log
}

fn not_written(stream: &Stream, reason: &str) -> AppendError {
    AppendError::NotWritten { stream: stream.clone(), reason: reason.to_owned() }
}

fn unknown(stream: &Stream, reason: &str) -> AppendError {
    AppendError::Unknown { stream: stream.clone(), reason: reason.to_owned() }
}
