//! Plain commands: one program, run to its end in a folder, with a deadline and bounded output.
//!
//! For git, probes of versions and the like. A command is its own process group, which is killed
//! when the command ends, when its deadline passes and when the future is dropped. A process that
//! leaves the group (`setsid`) survives that; what a user may have written runs under a guard
//! ([`Spec::guard`]), which leaves no descendant.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::{Instant, timeout};

use crate::capture::{Capture, Captured, Limits};
use crate::{Ending, Environment, Guarded, Launcher, Marks, guarded};

/// How long output is still read after the program ended: a process that left the group may hold
/// the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(200);

/// What to run. [`Spec::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The program: a path, or a name to be found in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory.
    pub folder: PathBuf,
    /// Its whole environment; default [`Environment::cleaned`].
    pub env: Environment,
    /// What it reads from standard input; default nothing.
    pub input: Vec<u8>,
    /// When it is killed; default 60 s.
    pub deadline: Duration,
    /// How much output is kept.
    pub output: Limits,
    /// Under whose guard it runs; default none.
    pub guard: Option<Guard>,
}

/// The guard of a command that may leave anything behind.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Where the guard is.
    pub launcher: Launcher,
    /// Who owns the command.
    pub marks: Marks,
}

impl Spec {
    /// A command with the defaults.
    #[must_use]
    pub fn new(program: impl Into<OsString>, folder: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            folder: folder.into(),
            env: Environment::cleaned(),
            input: Vec::new(),
            deadline: Duration::from_secs(60),
            output: Limits::default(),
            guard: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.set(name, value);
        self
    }

    /// Sets what it reads from standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Sets when it is killed.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how much output is kept.
    #[must_use]
    pub fn output(mut self, output: Limits) -> Self {
        self.output = output;
        self
    }

    /// Runs it under a guard: when [`run`] returns, no descendant is left.
    #[must_use]
    pub fn guard(mut self, launcher: Launcher, marks: Marks) -> Self {
        self.guard = Some(Guard { launcher, marks });
        self
    }
}

/// A command that ran to its end, well or not: an exit code other than 0 is no [`Error`].
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub ending: Ending,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// How long it ran.
    pub duration: Duration,
}

/// What a command wrote until it was killed.
#[derive(Debug, Clone)]
pub struct Partial {
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
}

/// Why a command did not run to its end.
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
    /// The operating system did not start it.
    #[error("failed to start the program {program:?}")]
    Start {
        /// The program.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// It was killed at its deadline.
    #[error("failed to finish {program:?} within {deadline:?}")]
    TimedOut {
        /// The program.
        program: OsString,
        /// The deadline.
        deadline: Duration,
        /// What it wrote until then.
        output: Box<Partial>,
    },
    /// It was killed because it wrote without end.
    #[error("failed to keep up with {program:?}: it wrote more than {limit_bytes} bytes")]
    Flooded {
        /// The program.
        program: OsString,
        /// The limit of one stream.
        limit_bytes: u64,
        /// The start and the end of it.
        output: Box<Partial>,
    },
    /// Its guard did not start.
    #[error("failed to guard the program {program:?}")]
    Guard {
        /// The program.
        program: OsString,
        /// Why.
        source: guarded::Error,
    },
    /// It could not be watched.
    #[error("failed to watch the program {program:?}")]
    Watch {
        /// The program.
        program: OsString,
        /// Why.
        source: io::Error,
    },
}

/// Runs a command to its end. Dropping the future kills its process group, or its whole tree where
/// it runs under a guard.
///
/// # Errors
/// See [`Error`]. Where the program did start, it is killed.
pub async fn run(spec: Spec) -> Result<Output, Error> {
    let started = Instant::now();
    let mut running = Running::start(&spec).await?;
    let mut stdout = Capture::new(spec.output);
    let mut stderr = Capture::new(spec.output);
    let end = timeout(spec.deadline, running.end(&spec.input, &mut stdout, &mut stderr)).await;
    if !matches!(end, Ok(Ok(_))) {
        running.kill().await;
    }
    let (program, stdout, stderr) = (spec.program, stdout.finish(), stderr.finish());
    match end {
        Ok(Ok(ending)) => Ok(Output { ending, stdout, stderr, duration: started.elapsed() }),
        Ok(Err(Stopped::Watch(source))) => Err(Error::Watch { program, source }),
        Ok(Err(Stopped::Flooded)) => {
            let output = Box::new(Partial { stdout, stderr });
            Err(Error::Flooded { program, limit_bytes: spec.output.flood_bytes, output })
        }
        Err(_elapsed) => {
            let output = Box::new(Partial { stdout, stderr });
            Err(Error::TimedOut { program, deadline: spec.deadline, output })
        }
    }
}

/// A child and what owns it. Dropping it kills what it owns; the runtime then reaps the child.
enum Running {
    Group { child: Child, group: Group },
    Guarded(Guarded),
}

enum Stopped {
    Flooded,
    Watch(io::Error),
}

impl Running {
    async fn start(spec: &Spec) -> Result<Self, Error> {
        match &spec.guard {
            None => Self::start_group(spec),
            Some(Guard { launcher, marks }) => {
                let mut guarded = guarded::Spec::new(
                    launcher.clone(),
                    &spec.program,
                    &spec.folder,
                    marks.clone(),
                );
                guarded.args.clone_from(&spec.args);
                guarded.env.clone_from(&spec.env);
                let program = spec.program.clone();
                let started = guarded::spawn(guarded).await;
                started.map(Self::Guarded).map_err(|error| match error {
                    guarded::Error::Missing { program } => Error::Missing { program },
                    guarded::Error::NoFolder { folder } => Error::NoFolder { folder },
                    guarded::Error::Start { program, source } => Error::Start { program, source },
                    source => Error::Guard { program, source },
                })
            }
        }
    }

    fn start_group(spec: &Spec) -> Result<Self, Error> {
        if !spec.folder.is_dir() {
            return Err(Error::NoFolder { folder: spec.folder.clone() });
        }
        let program = spec.program.clone();
        let child = bare(&spec.program, &spec.folder, &spec.env)
            .args(&spec.args)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Error::Missing { program },
                _ => Error::Start { program, source },
            })?;
        let group = Group(child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw));
        Ok(Self::Group { child, group })
    }

    /// Waits for the program, not for what it left in the background: that is killed.
    async fn end(
        &mut self,
        input: &[u8],
        stdout: &mut Capture,
        stderr: &mut Capture,
    ) -> Result<Ending, Stopped> {
        let (feed, out, err) = match self {
            Self::Group { child, .. } => {
                (child.stdin.take(), child.stdout.take(), child.stderr.take())
            }
            Self::Guarded(it) => (it.stdin.take(), it.stdout.take(), it.stderr.take()),
        };
        let transfer = async {
            tokio::try_join!(write_all(feed, input), read_all(out, stdout), read_all(err, stderr))
        };
        tokio::pin!(transfer);
        let mut transferred = false;
        let ending = loop {
            tokio::select! {
                ending = self.wait() => break ending.map_err(Stopped::Watch)?,
                result = &mut transfer, if !transferred => {
                    result?;
                    transferred = true;
                }
            }
        };
        if !transferred && let Ok(result) = timeout(DRAIN, &mut transfer).await {
            result?;
        }
        Ok(ending)
    }

    /// Waits for the program, and kills what it left. Cancel-safe.
    async fn wait(&mut self) -> io::Result<Ending> {
        match self {
            Self::Group { child, group } => {
                let status = child.wait().await?;
                group.kill();
                Ok(status.into())
            }
            Self::Guarded(guarded) => Ok(guarded.wait().await),
        }
    }

    async fn kill(&mut self) {
        match self {
            Self::Group { child, group } => {
                group.kill();
                // It was killed; nothing is lost when that cannot be seen.
                let _ = child.wait().await;
            }
            Self::Guarded(guarded) => {
                guarded.kill().await;
            }
        }
    }
}

/// A process group to be killed. Its id stays taken while any member lives, so that the signal
/// reaches no stranger except in the moment in which the kernel hands out all other ids first.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // No such group: all have ended.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command with a folder and an environment of its own and nothing else.
#[expect(clippy::disallowed_methods, reason = "the one place that starts processes from a runtime")]
pub(crate) fn bare(program: &OsStr, folder: &Path, env: &Environment) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program);
    command.current_dir(folder).env_clear().envs(env.iter());
    command
}

async fn read_all(
    stream: Option<impl AsyncRead + Unpin>,
    capture: &mut Capture,
) -> Result<(), Stopped> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(n) if capture.push(&buffer[..n]) => {}
            Ok(_) => return Err(Stopped::Flooded),
            Err(error) => return Err(Stopped::Watch(error)),
        }
    }
}

/// A program may end without reading its input: that is its own business.
async fn write_all(stream: Option<impl AsyncWrite + Unpin>, input: &[u8]) -> Result<(), Stopped> {
    let Some(mut stream) = stream else { return Ok(()) };
    match stream.write_all(input).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Stopped::Watch(error)),
        _ => Ok(()),
    }
}
