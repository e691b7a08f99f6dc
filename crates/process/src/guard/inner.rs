//! The inner guard: parent of the program, and init or subreaper of all that it starts.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::{Command as Program, ExitCode};
use std::time::Duration;

use callboard_wire::v1::guard::{Command, Isolation, Refusal, Report, Start, Step};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use super::channel::Channel;
use super::launch::refusal;
use super::signals;
use super::tree::Tree;

pub(super) const NAMESPACE: &str = "namespace";
pub(super) const SUBREAPER: &str = "subreaper";

/// How long the outer guard may take to say what to start.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How often a tree that is being killed is looked at.
const KILL_EVERY_MS: u8 = 5;

/// What this process is to its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Namespace,
    Subreaper,
}

impl Mode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Namespace => NAMESPACE,
            Self::Subreaper => SUBREAPER,
        }
    }
}

impl From<Mode> for Isolation {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Namespace => Self::PidNamespace,
            Mode::Subreaper => Self::Subreaper,
        }
    }
}

/// The whole life of an inner guard. It reports to the outer one under `socket`.
pub(super) fn run(socket: &str, mode: Mode) -> ExitCode {
    // Without a channel there is nobody to report to, and nothing runs yet.
    let Ok(mut channel) = Channel::connect(socket) else { return ExitCode::FAILURE };
    match start(&mut channel, mode) {
        Ok((program, children)) => {
            watch(&mut channel, program, &children);
            if mode == Mode::Subreaper {
                sweep(&children);
            }
            // The kernel kills what is left below the init of a namespace.
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            channel.send(&Report::Refused(refusal));
            ExitCode::FAILURE
        }
    }
}

fn start(channel: &mut Channel, mode: Mode) -> Result<(Pid, SignalFd), Refusal> {
    match mode {
        Mode::Namespace => become_init().map_err(|errno| refusal(Step::PidNamespace, errno))?,
        Mode::Subreaper => {
            set_child_subreaper(true).map_err(|errno| refusal(Step::Guard, errno))?
        }
    }
    let guard = |errno| refusal(Step::Guard, errno);
    let children = signals::block().map_err(guard)?;
    // No terminal: a program must not ask there for a password, nor get its Ctrl-C.
    setsid().map_err(guard)?;
    let Some(Command::Start(start)) = channel.receive_first(START_WITHIN) else {
        return Err(guard(Errno::EPIPE));
    };
    let started = signals::unblocked(|| spawn(start)).map_err(guard)?;
    let program = started.map_err(|error| Refusal {
        step: Step::Program,
        errno: error.raw_os_error().unwrap_or_default(),
        text: error.to_string(),
    })?;
    release_stdio().map_err(|error| refusal(Step::Guard, errno(&error)))?;
    let pid = u32::try_from(program.as_raw()).unwrap_or_default();
    channel.send(&Report::Started { pid, isolation: mode.into() });
    Ok((program, children))
}

/// Dies with the outer guard, and gets a `/proc` that shows the namespace.
fn become_init() -> nix::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), safe, none)
}

/// Starts the program with the folder, the environment and the standard streams of this process.
#[expect(clippy::disallowed_methods, reason = "the guard is what owns processes")]
fn spawn(start: Start) -> io::Result<Pid> {
    let Start { program, args, isolation: _, fence: _ } = start;
    let child = Program::new(std::ffi::OsString::from_vec(program))
        .args(args.into_iter().map(std::ffi::OsString::from_vec))
        .process_group(0)
        .spawn()?;
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

/// Lets go of the standard streams, so that their ends are seen when the program's side closes.
pub(super) fn release_stdio() -> io::Result<()> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

/// Reaps until the program ended or the outer guard is gone.
fn watch(channel: &mut Channel, program: Pid, children: &SignalFd) {
    loop {
        // First of all, for a program may have ended while the signal was not blocked.
        for (pid, ending) in signals::reap(children).ended {
            if pid == program {
                channel.send(&Report::Exited(ending));
                return;
            }
        }
        let mut ready = [
            PollFd::new(channel.as_fd(), PollFlags::POLLIN),
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
        ];
        let polled = poll(&mut ready, PollTimeout::NONE);
        let readable = polled.is_ok() && ready[0].any().unwrap_or(true);
        if readable && channel.receive::<Command>().closed {
            return;
        }
    }
}

/// Kills and reaps until no descendant is left.
fn sweep(children: &SignalFd) {
    let mut tree = Tree::below_this_process(None);
    while !signals::reap(children).childless {
        tree.kill();
        let mut ready = [PollFd::new(children.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, KILL_EVERY_MS);
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}
