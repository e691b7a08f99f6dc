//! One running program: moves bytes between its pipes and the codec.
//!
//! Nothing runs in the background: the pipes are read while somebody waits for an event or hands
//! something over, so that a slow reader slows the program, and dropping the session kills the tree.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use callboard_agent::event::{Event, PermissionAnswer};
use callboard_agent::runtime::{Session, SessionError};
use callboard_process::{Ending, Guarded, guarded};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use crate::codec::{Codec, Fed};
use crate::tail::Tail;

const READ_LEN: usize = 32 << 10;
/// How long the rest of the output may take when no process of the tree is left.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// The limits of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long the program may take until it is ready for a prompt; then it is killed.
    pub ready_within_ms: u64,
    /// How long it may take to read what is written to it; then the caller gets an error.
    pub write_within_ms: u64,
    /// How many events may wait; beyond it the program's output is not read, and it waits.
    pub events_max: usize,
    /// How much of the end of its standard error is kept.
    pub stderr_len_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ready_within_ms: 60_000,
            write_within_ms: 10_000,
            events_max: 1_024,
            stderr_len_max: 16 << 10,
        }
    }
}

/// A program that is driven over its pipes, in the language of its codec.
pub(crate) struct PipeSession<C> {
    cfg: Config,
    guarded: Guarded,
    pipes: Pipes,
    codec: C,
    events: VecDeque<Event>,
    ending: Option<Ending>,
    phase: Phase,
}

/// ```text
/// running --tree gone--> draining --pipes ended, or time is up--> ended
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// No process of the tree is left; the rest of its output is read until then.
    Draining(Instant),
    /// The last event is in the queue.
    Ended,
}

struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// What is still to be written.
    outbox: Vec<u8>,
    stderr_tail: Tail,
}

/// What one step of input or output gave.
enum Step {
    Output(Vec<u8>),
    Other,
    Process(Option<guarded::Event>),
}

impl<C: Codec> PipeSession<C> {
    /// A session of a program that just started; its first bytes are on their way.
    pub(crate) fn new(cfg: Config, mut guarded: Guarded, codec: C) -> Self {
        let pipes = Pipes {
            stdin: guarded.stdin.take(),
            stdout: guarded.stdout.take(),
            stderr: guarded.stderr.take(),
            outbox: codec.hello(),
            stderr_tail: Tail::new(cfg.stderr_len_max),
        };
        Self {
            cfg,
            guarded,
            pipes,
            codec,
            events: VecDeque::new(),
            ending: None,
            phase: Phase::Running,
        }
    }

    /// Waits until the program is ready for a prompt, or gone. Cancel-safe.
    pub(crate) async fn ready(&mut self) -> bool {
        while !self.codec.is_ready() && self.phase != Phase::Ended {
            self.step().await;
        }
        self.codec.is_ready()
    }

    /// How the program ended and its last words, for a start that failed.
    pub(crate) fn last_words(&self) -> String {
        let ending = self.ending.unwrap_or(Ending::Unknown);
        format!("{ending}: {}", self.pipes.stderr_tail.text().trim())
    }

    /// Does one piece of input or output. Cancel-safe: each branch is.
    async fn step(&mut self) {
        let has_room = self.events.len() < self.cfg.events_max;
        let step = match self.phase {
            Phase::Ended => return,
            Phase::Draining(_) if self.pipes.are_closed() => return self.end(),
            Phase::Draining(until) => match timeout_at(until, self.pipes.step(has_room)).await {
                Ok(step) => step,
                // A process outside the tree holds a pipe open: it is not waited for.
                Err(_elapsed) => return self.end(),
            },
            Phase::Running => tokio::select! {
                step = self.pipes.step(has_room) => step,
                event = self.guarded.next() => Step::Process(event),
            },
        };
        match step {
            Step::Output(bytes) => {
                let fed = self.codec.feed(&bytes);
                self.take(fed);
            }
            Step::Process(Some(guarded::Event::Exited(ending))) => self.ending = Some(ending),
            Step::Process(Some(guarded::Event::Gone) | None) => self.drain(),
            Step::Process(Some(guarded::Event::Frozen { .. } | guarded::Event::Thawed))
            | Step::Other => {}
        }
    }

    fn take(&mut self, fed: Fed) {
        self.events.extend(fed.events);
        self.pipes.outbox.extend(fed.replies);
    }

    fn drain(&mut self) {
        self.pipes.close_input();
        self.phase = Phase::Draining(Instant::now() + DRAIN_WITHIN);
    }

    fn end(&mut self) {
        let fed = self.codec.finish();
        self.take(fed);
        let (code, signal) = match self.ending {
            Some(Ending::Code(code)) => (Some(code), None),
            Some(Ending::Signal(signal)) => (None, Some(signal)),
            Some(Ending::Unknown) | None => (None, None),
        };
        let stderr = self.pipes.stderr_tail.text();
        self.events.push_back(Event::Exited { code, signal, stderr });
        self.phase = Phase::Ended;
    }

    /// Writes, and reads meanwhile: a program that waits for its reader does not read. What was not
    /// written in time is still written later, for half a line would spoil the next.
    async fn hand_over(&mut self, bytes: Vec<u8>) -> Result<(), SessionError> {
        if self.phase != Phase::Running || self.pipes.stdin.is_none() {
            return Err(SessionError::Gone);
        }
        self.pipes.outbox.extend(bytes);
        let deadline = Duration::from_millis(self.cfg.write_within_ms);
        let written = timeout(deadline, async {
            while !self.pipes.outbox.is_empty() && self.phase == Phase::Running {
                self.step().await;
            }
        });
        match written.await {
            Err(_elapsed) => Err(SessionError::TimedOut(deadline)),
            Ok(()) if self.pipes.stdin.is_none() => Err(SessionError::Gone),
            Ok(()) => Ok(()),
        }
    }

    /// Asks the tree to end, kills it after `grace`, and reads meanwhile.
    async fn terminate(&mut self, grace: Duration) {
        let Self { guarded, pipes, codec, events, .. } = self;
        let ending = {
            let stopped = guarded.stop(grace);
            tokio::pin!(stopped);
            loop {
                tokio::select! {
                    ending = &mut stopped => break ending,
                    step = pipes.step(true) => if let Step::Output(bytes) = step {
                        let fed = codec.feed(&bytes);
                        events.extend(fed.events.into_iter().filter(|event| !is_text(event)));
                    },
                }
            }
        };
        self.ending = Some(ending);
        self.drain();
        self.until_ended().await;
    }

    /// Reads on to the end. Nobody reads text any more, so it is left out.
    async fn until_ended(&mut self) {
        while self.phase != Phase::Ended {
            self.step().await;
            self.events.retain(|event| !is_text(event));
        }
    }
}

fn is_text(event: &Event) -> bool {
    matches!(event, Event::Output { .. })
}

impl Pipes {
    /// Writes what waits, or reads what is there. Never ends while all pipes are idle.
    async fn step(&mut self, has_room: bool) -> Step {
        let mut buffer = vec![0; READ_LEN];
        let mut errors = [0; 1_024];
        tokio::select! {
            written = write(self.stdin.as_mut(), &self.outbox), if !self.outbox.is_empty() => {
                self.written(written);
                Step::Other
            }
            read = read(self.stdout.as_mut(), &mut buffer), if has_room => match read {
                Ok(n) if n > 0 => {
                    buffer.truncate(n);
                    Step::Output(buffer)
                }
                Ok(_) | Err(_) => {
                    self.stdout = None;
                    Step::Other
                }
            },
            read = read(self.stderr.as_mut(), &mut errors) => {
                match read {
                    Ok(n) if n > 0 => self.stderr_tail.push(&errors[..n]),
                    Ok(_) | Err(_) => self.stderr = None,
                }
                Step::Other
            }
        }
    }

    /// A program that does not read any more is about to end: what was for it is thrown away.
    fn written(&mut self, written: io::Result<usize>) {
        match written {
            Ok(n) => drop(self.outbox.drain(..n)),
            Err(_) => self.close_input(),
        }
    }

    /// Whether all output was read.
    fn are_closed(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// The end of its input ends an idle program by itself.
    fn close_input(&mut self) {
        self.stdin = None;
        self.outbox.clear();
    }
}

/// Writes to a pipe; never where there is none.
async fn write(stdin: Option<&mut ChildStdin>, bytes: &[u8]) -> io::Result<usize> {
    match stdin {
        Some(stdin) => stdin.write(bytes).await,
        None => std::future::pending().await,
    }
}

/// Reads from a pipe; never where there is none.
async fn read(
    pipe: Option<&mut (impl tokio::io::AsyncRead + Unpin)>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(buffer).await,
        None => std::future::pending().await,
    }
}

#[async_trait]
impl<C: Codec> Session for PipeSession<C> {
    fn pid(&self) -> u32 {
        self.guarded.guard_pid()
    }

    async fn next(&mut self) -> Option<Event> {
        while self.events.is_empty() && self.phase != Phase::Ended {
            self.step().await;
        }
        self.events.pop_front()
    }

    async fn prompt(&mut self, id: Uuid, text: &str) -> Result<(), SessionError> {
        if self.phase != Phase::Running {
            return Err(SessionError::Gone);
        }
        let bytes = self.codec.prompt(id, text)?;
        self.hand_over(bytes).await
    }

    async fn answer(&mut self, id: &str, answer: PermissionAnswer) -> Result<(), SessionError> {
        let bytes = self.codec.answer(id, &answer);
        self.hand_over(bytes).await
    }

    async fn interrupt(&mut self) -> Result<(), SessionError> {
        let bytes = self.codec.interrupt();
        self.hand_over(bytes).await
    }

    async fn stop(&mut self, grace: Duration) {
        self.pipes.close_input();
        // In a turn it would go on to the turn's end.
        let polite = if self.codec.in_turn() { Duration::ZERO } else { grace / 2 };
        if timeout(polite, self.until_ended()).await.is_ok() {
            return;
        }
        self.terminate(grace.saturating_sub(polite)).await;
    }
}
