//! How the outer guard brings up the inner one, with a PID namespace where that is allowed.

use std::fs::File;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::Command as Program;
use std::time::Duration;

use callboard_wire::v1::guard::{Command, Isolation, Refusal, Report, Start, Step};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Pid;
use std::os::fd::AsFd;

use super::channel::{self, Channel};
use super::inner::Mode;
use super::{SUBCOMMAND, signals};

/// How long an inner guard may take to start the program.
const STARTED_WITHIN: Duration = Duration::from_secs(10);

/// A running inner guard, whose program runs too.
pub(super) struct Inner {
    pub(super) guard: Pid,
    pub(super) channel: Channel,
    pub(super) mode: Mode,
    /// The program's id as the inner guard counts.
    pub(super) program: Pid,
}

/// Starts the program under an inner guard of the strongest kind that is asked for and allowed.
pub(super) fn launch(socket: &str, start: &Start, children: &SignalFd) -> Result<Inner, Refusal> {
    match start.isolation {
        Isolation::Subreaper => launch_as(Mode::Subreaper, socket, start, children),
        Isolation::PidNamespace => {
            enter_namespace()?;
            launch_as(Mode::Namespace, socket, start, children)
        }
        Isolation::Auto => launch_as_allowed(socket, start, children),
    }
}

fn launch_as_allowed(socket: &str, start: &Start, children: &SignalFd) -> Result<Inner, Refusal> {
    if let Ok(own) = enter_namespace() {
        match launch_as(Mode::Namespace, socket, start, children) {
            Err(Refusal { step: Step::PidNamespace, .. }) => {
                // The namespace died with its init; nothing can be born in it any more.
                setns(own, CloneFlags::CLONE_NEWPID)
                    .map_err(|errno| refusal(Step::Guard, errno))?;
            }
            result => return result,
        }
    }
    launch_as(Mode::Subreaper, socket, start, children)
}

/// From here on children of this process are born into a new namespace. Returns its own one.
fn enter_namespace() -> Result<File, Refusal> {
    let refuse = |errno| refusal(Step::PidNamespace, errno);
    let own = File::open("/proc/self/ns/pid").map_err(|_| refuse(Errno::ENOENT))?;
    unshare(CloneFlags::CLONE_NEWPID).map_err(refuse)?;
    Ok(own)
}

fn launch_as(
    mode: Mode,
    socket: &str,
    start: &Start,
    children: &SignalFd,
) -> Result<Inner, Refusal> {
    let failed = |text: String| Refusal { step: Step::Guard, errno: 0, text };
    let name = format!("{socket}-{}", mode.name());
    let listener = channel::listen(&name).map_err(|error| failed(error.to_string()))?;
    let guard = spawn(&name, mode).map_err(|error| failed(error.to_string()))?;
    let mut channel = accept(&listener, guard, mode, children)?;
    channel.send(&Command::Start(start.clone()));
    match channel.receive_first(STARTED_WITHIN) {
        Some(Report::Started { pid, isolation: _ }) => {
            let program = Pid::from_raw(i32::try_from(pid).unwrap_or_default());
            Ok(Inner { guard, channel, mode, program })
        }
        Some(Report::Refused(refusal)) => Err(refusal),
        Some(_) | None => Err(failed("the inner guard ended".to_owned())),
    }
}

/// The inner guard is this very program, even where its file was replaced since.
#[expect(clippy::disallowed_methods, reason = "the guard is what owns processes")]
fn spawn(name: &str, mode: Mode) -> std::io::Result<Pid> {
    let child = Program::new("/proc/self/exe")
        .arg0("callboard")
        .args([SUBCOMMAND, "inner", name, mode.name()])
        .spawn()?;
    i32::try_from(child.id()).map(Pid::from_raw).map_err(std::io::Error::other)
}

/// Waits for the inner guard, and for nobody else, to connect.
fn accept(
    listener: &UnixListener,
    guard: Pid,
    mode: Mode,
    children: &SignalFd,
) -> Result<Channel, Refusal> {
    let deadline = PollTimeout::try_from(STARTED_WITHIN).unwrap_or(PollTimeout::MAX);
    loop {
        let mut ready = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, deadline) {
            Ok(0) => return Err(refusal(Step::Guard, Errno::ETIMEDOUT)),
            Ok(_) if ready[0].any().unwrap_or(false) => {}
            Ok(_) if signals::reap(children).ended.iter().any(|(pid, _)| *pid == guard) => {
                return Err(refusal(refused_step(mode), Errno::ECHILD));
            }
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(errno) => return Err(refusal(Step::Guard, errno)),
        }
        let failed = |error: std::io::Error| Refusal {
            step: Step::Guard,
            errno: error.raw_os_error().unwrap_or_default(),
            text: error.to_string(),
        };
        let (stream, _) = listener.accept().map_err(failed)?;
        let peer = getsockopt(&stream, sockopt::PeerCredentials)
            .map_err(|errno| refusal(Step::Guard, errno))?;
        if peer.pid() == guard.as_raw() {
            return Channel::new(stream).map_err(failed);
        }
    }
}

/// An init that dies before it speaks was not allowed to be one.
fn refused_step(mode: Mode) -> Step {
    match mode {
        Mode::Namespace => Step::PidNamespace,
        Mode::Subreaper => Step::Guard,
    }
}

pub(super) fn refusal(step: Step, errno: Errno) -> Refusal {
    Refusal { step, errno: errno as i32, text: errno.desc().to_owned() }
}
