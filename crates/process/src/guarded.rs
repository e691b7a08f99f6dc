//! A program under a guard, as the node holds it: [`Guarded`] is its only owner.
//!
//! Dropping it kills the whole process tree, as does the death of the node. A program that ends
//! takes what it left in the background along.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use callboard_stdx::clock::{Clock, SystemClock};
use callboard_stdx::task::{Kind, Task, spawn as spawn_task};
use callboard_wire::v1::guard::{self, Command, Refusal, Report, Start, Step};
use callboard_wire::{Decoder, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::guard::{SUBCOMMAND, channel};
use crate::sweep::sweep_tree;
use crate::{Ending, Environment, Marks, command};

pub use callboard_wire::v1::guard::{Fence, Isolation};

/// Events that wait for a reader. A full queue makes the guard's reports wait, never the guard.
const EVENTS_MAX: usize = 16;
/// How long what a killed guard owned may take to end.
const SWEEP_WITHIN: Duration = Duration::from_secs(5);

/// Where the guard is: a binary that calls [`crate::guard::main`] for [`SUBCOMMAND`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher(PathBuf);

impl Launcher {
    /// This very program, even where its file was replaced since it started.
    #[must_use]
    pub fn this_program() -> Self {
        Self("/proc/self/exe".into())
    }

    /// Another binary: tests have their own.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path that starts it.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

/// What to run. [`Spec::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The program: a path, or a name to be found in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory.
    pub folder: PathBuf,
    /// Its whole environment, to which the marks are added; default [`Environment::cleaned`].
    pub env: Environment,
    /// Who owns it.
    pub marks: Marks,
    /// What holds its tree together; default [`Isolation::Auto`].
    pub isolation: Isolation,
    /// When the guard freezes the tree by itself; default never. Its epoch is that of the marks.
    pub fence: Option<FenceTimes>,
    /// Where the guard is.
    pub launcher: Launcher,
    /// How long the start may take; default 10 s.
    pub start_within: Duration,
}

/// When a guard acts without a word from its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FenceTimes {
    /// Freezes this long after the last confirmation.
    pub deadline: Duration,
    /// Kills what has been frozen for this long.
    pub kill_after: Duration,
}

impl Spec {
    /// A program with the defaults.
    #[must_use]
    pub fn new(
        launcher: Launcher,
        program: impl Into<OsString>,
        folder: impl Into<PathBuf>,
        marks: Marks,
    ) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            folder: folder.into(),
            env: Environment::cleaned(),
            marks,
            isolation: Isolation::Auto,
            fence: None,
            launcher,
            start_within: Duration::from_secs(10),
        }
    }
}

/// Why a program did not start. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such program.
    #[error("failed to find the program {program:?}")]
    Missing {
        /// The program.
        program: OsString,
    },
    /// There is no such folder to run it in.
    #[error("failed to enter the folder {folder:?}")]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system did not execute it.
    #[error("failed to start the program {program:?}")]
    Start {
        /// The program.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// A PID namespace was demanded, and the host does not allow one.
    #[error("failed to make a PID namespace: {reason}")]
    NoNamespace {
        /// The kernel's words.
        reason: String,
    },
    /// The guard did not start, or ended.
    #[error("failed to start the guard {launcher:?}")]
    Guard {
        /// Where it was looked for.
        launcher: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error("failed to start the program {program:?} within {deadline:?}")]
    TimedOut {
        /// The program.
        program: OsString,
        /// The deadline.
        deadline: Duration,
    },
}

/// What happened to a guarded program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The program itself ended; the rest of its tree is being killed.
    Exited(Ending),
    /// The tree stands still.
    Frozen {
        /// Because the fence's deadline passed.
        by_deadline: bool,
    },
    /// The tree goes on.
    Thawed,
    /// No process of the tree is left. The last event.
    Gone,
}

/// A running program under its guard. Dropping it kills the tree.
#[derive(Debug)]
pub struct Guarded {
    /// What the program reads, until it is taken or dropped.
    pub stdin: Option<ChildStdin>,
    /// What the program writes.
    pub stdout: Option<ChildStdout>,
    /// What the program writes as errors.
    pub stderr: Option<ChildStderr>,
    pid: u32,
    guard_pid: u32,
    isolation: Isolation,
    control: OwnedWriteHalf,
    events: mpsc::Receiver<Event>,
    ending: Option<Ending>,
    _watcher: Task<()>,
}

/// Starts a program under a guard. Dropping the future leaves no process.
///
/// # Errors
/// See [`Error`].
pub async fn spawn(spec: Spec) -> Result<Guarded, Error> {
    if !spec.folder.is_dir() {
        return Err(Error::NoFolder { folder: spec.folder });
    }
    match timeout(spec.start_within, start(&spec)).await {
        Ok(result) => result,
        Err(_elapsed) => {
            Err(Error::TimedOut { program: spec.program, deadline: spec.start_within })
        }
    }
}

async fn start(spec: &Spec) -> Result<Guarded, Error> {
    let failed = |source| Error::Guard { launcher: spec.launcher.0.clone(), source };
    let socket = format!("callboard-guard-{}", SystemClock.new_id());
    let listener = channel::listen(&socket)
        .and_then(|it| it.set_nonblocking(true).map(|()| it))
        .and_then(UnixListener::from_std)
        .map_err(failed)?;
    let mut child = start_guard(spec, &socket).map_err(failed)?;
    let guard_pid = child.id().unwrap_or_default();
    // Before the first wait, which would close the program's input.
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut stream = accept(&listener, &mut child).await.map_err(failed)?;
    drop(listener);
    let start = encode(&Command::Start(wanted(spec))).map_err(|it| failed(io::Error::other(it)))?;
    stream.write_all(&start).await.map_err(failed)?;
    let (mut reading, control) = stream.into_split();
    let mut decoder = Decoder::default();
    let (pid, isolation) = match next_report(&mut reading, &mut decoder).await {
        Some(Report::Started { pid, isolation }) => (pid, isolation),
        Some(Report::Refused(refusal)) => return Err(refused(spec, refusal)),
        Some(_) | None => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
    };
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let watcher = Watcher { child, reading, decoder, sender, tree: socket };
    let _watcher = spawn_task(Kind::Work, format!("guard of {}", spec.marks.agent), watcher.run());
    let ending = None;
    Ok(Guarded {
        stdin,
        stdout,
        stderr,
        pid,
        guard_pid,
        isolation,
        control,
        events,
        ending,
        _watcher,
    })
}

fn start_guard(spec: &Spec, socket: &str) -> io::Result<Child> {
    let mut env = spec.env.clone();
    spec.marks.put_into(&mut env, socket);
    command::bare(spec.launcher.0.as_os_str(), &spec.folder, &env)
        .args([SUBCOMMAND, "outer", socket])
        // The terminal's Ctrl-C is for the node alone.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

fn wanted(spec: &Spec) -> Start {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let fence = match spec.fence {
        None => Fence { epoch: spec.marks.epoch, deadline_ms: 0, kill_after_ms: 0 },
        Some(FenceTimes { deadline, kill_after }) => Fence {
            epoch: spec.marks.epoch,
            deadline_ms: ms(deadline),
            kill_after_ms: ms(kill_after),
        },
    };
    Start {
        program: spec.program.as_bytes().to_vec(),
        args: spec.args.iter().map(|it| it.as_bytes().to_vec()).collect(),
        isolation: spec.isolation,
        fence,
    }
}

fn refused(spec: &Spec, refusal: Refusal) -> Error {
    let Refusal { step, errno, text } = refusal;
    let source = match errno {
        0 => io::Error::other(text.clone()),
        errno => io::Error::from_raw_os_error(errno),
    };
    match step {
        Step::Guard => Error::Guard { launcher: spec.launcher.0.clone(), source },
        Step::PidNamespace => Error::NoNamespace { reason: text },
        Step::Program if source.kind() == io::ErrorKind::NotFound => {
            Error::Missing { program: spec.program.clone() }
        }
        Step::Program => Error::Start { program: spec.program.clone(), source },
    }
}

/// Waits for the guard, and for nobody else, to connect; or for its early end.
async fn accept(listener: &UnixListener, child: &mut Child) -> io::Result<UnixStream> {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            ended = child.wait() => {
                let ending = Ending::from(ended?);
                return Err(io::Error::other(format!("the guard ended with {ending}")));
            }
        };
        let peer = stream.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok());
        if peer == child.id() {
            return Ok(stream);
        }
    }
}

/// The next report, or `None` where the guard is gone or does not keep to the format.
async fn next_report(reading: &mut OwnedReadHalf, decoder: &mut Decoder) -> Option<Report> {
    let mut buffer = [0; 1024];
    loop {
        if let Some(report) = decoder.take().ok()? {
            return Some(report);
        }
        match reading.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => decoder.feed(&buffer[..n]),
        }
    }
}

impl Guarded {
    /// The program's process id as this host sees it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The process id of its guard.
    #[must_use]
    pub fn guard_pid(&self) -> u32 {
        self.guard_pid
    }

    /// What holds its tree together.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// The next event; `None` after [`Event::Gone`]. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.events.recv().await?;
        if let Event::Exited(ending) = event {
            self.ending = Some(ending);
        }
        Some(event)
    }

    /// Waits until no process of the tree is left, and tells how the program ended. Cancel-safe.
    /// Output that nobody reads may keep the program from ending.
    pub async fn wait(&mut self) -> Ending {
        while self.next().await.is_some() {}
        self.ending.unwrap_or(Ending::Unknown)
    }

    /// Asks every process of the tree to end, kills what is left after `grace`, and waits until
    /// none is.
    pub async fn stop(&mut self, grace: Duration) -> Ending {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.tell(&Command::Stop { grace_ms }).await;
        self.wait().await
    }

    /// Kills the tree and waits until nothing is left of it.
    pub async fn kill(&mut self) -> Ending {
        self.tell(&Command::Kill).await;
        self.wait().await
    }

    /// Stops the tree where it is; [`Event::Frozen`] follows.
    pub async fn freeze(&mut self) {
        self.tell(&Command::Freeze).await;
    }

    /// Lets a frozen tree go on; [`Event::Thawed`] follows, unless the fence is closed.
    pub async fn thaw(&mut self) {
        self.tell(&Command::Thaw).await;
    }

    /// Tells the guard that `epoch` still holds, and until when without the next confirmation.
    pub async fn confirm(&mut self, epoch: u64, deadline: Option<Duration>) {
        let deadline_ms =
            deadline.map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        self.tell(&Command::Confirm { epoch, deadline_ms }).await;
    }

    /// A guard that no longer listens is dead, and its tree with it: the events say so.
    async fn tell(&mut self, command: &Command) {
        let frame = encode(command).expect("a command without data always fits");
        let _ = self.control.write_all(&frame).await;
    }
}

/// Turns the guard's reports into events and reaps it.
struct Watcher {
    child: Child,
    reading: OwnedReadHalf,
    decoder: Decoder,
    sender: mpsc::Sender<Event>,
    tree: String,
}

impl Watcher {
    async fn run(mut self) {
        let mut ended = false;
        while let Some(report) = next_report(&mut self.reading, &mut self.decoder).await {
            let event = match report {
                Report::Exited(ending) => Event::Exited(ending.into()),
                Report::Frozen { by_deadline } => Event::Frozen { by_deadline },
                Report::Thawed => Event::Thawed,
                Report::Gone => {
                    let _ = self.child.wait().await;
                    self.tell(Event::Gone).await;
                    return;
                }
                // Only ever the first report.
                Report::Started { .. } | Report::Refused(_) => continue,
            };
            ended |= matches!(event, Event::Exited(_));
            self.tell(event).await;
        }
        self.guard_died(ended).await;
    }

    /// The guard was killed: its tree dies by itself; this waits for that, and helps.
    async fn guard_died(mut self, ended: bool) {
        let _ = self.child.kill().await;
        if !ended {
            self.tell(Event::Exited(guard::Ending::Unknown.into())).await;
        }
        sweep_tree(self.tree.clone(), SWEEP_WITHIN).await;
        self.tell(Event::Gone).await;
    }

    /// Nobody listens where the owner is dropped.
    async fn tell(&self, event: Event) {
        let _ = self.sender.send(event).await;
    }
}
