//! Signals of a guard: it hears of its children and is deaf to requests to end.
//!
//! A guard ends when its tree has. Whoever sends SIGTERM or SIGINT to a whole group (a terminal, a
//! service manager) means the node, which then stops its agents in order.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use callboard_wire::v1::guard::Ending;

/// The signals that a guard does not obey, with the one it waits for.
fn blocked() -> SigSet {
    [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT]
        .into_iter()
        .collect()
}

/// Blocks them and returns the descriptor that becomes readable when a child ended.
pub(super) fn block() -> nix::Result<SignalFd> {
    blocked().thread_block()?;
    let children = SigSet::from_iter([Signal::SIGCHLD]);
    SignalFd::with_flags(&children, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// Runs `start` with all signals unblocked: a program inherits the mask.
pub(super) fn unblocked<T>(start: impl FnOnce() -> T) -> nix::Result<T> {
    blocked().thread_unblock()?;
    let started = start();
    blocked().thread_block()?;
    Ok(started)
}

/// What reaping found.
pub(super) struct Reaped {
    /// Who ended, and how.
    pub(super) ended: Vec<(Pid, Ending)>,
    /// Whether there is no child any more. Below a subreaper that means: no descendant.
    pub(super) childless: bool,
}

/// Reaps every child that has ended.
pub(super) fn reap(children: &SignalFd) -> Reaped {
    while let Ok(Some(_)) = children.read_signal() {}
    let mut ended = Vec::new();
    let childless = loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => ended.push((pid, Ending::Code(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                ended.push((pid, Ending::Signal(signal as i32)));
            }
            Err(Errno::ECHILD) => break true,
            Ok(WaitStatus::StillAlive) => break false,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => break false,
        }
    };
    Reaped { ended, childless }
}
