//! The process tree below a guard: found by descent, so that leaving a group or session does not
//! help; everything is orphaned to a guard, for guards are subreapers.
//!
//! Invariants: freezing and killing repeat until a look at the tree finds nobody who was missed; a
//! frozen tree cannot fork, so killing always ends.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::proc_table::{self, Process};

/// How often the tree is looked at before a freeze is taken as done: a fork bomb stops in two or
/// three looks, for each one stops all that it sees.
const LOOKS_MAX: usize = 64;

/// The live descendants of a process, without the inner guard.
#[derive(Debug)]
pub(super) struct Tree {
    root: Pid,
    spared: Option<Pid>,
    /// Whom a freeze stopped: those that had stopped by themselves are not woken by a thaw.
    frozen: BTreeSet<Pid>,
}

impl Tree {
    /// What descends from the calling process.
    pub(super) fn below_this_process(spared: Option<Pid>) -> Self {
        Self { root: Pid::this(), spared, frozen: BTreeSet::new() }
    }

    /// All members that a look finds.
    pub(super) fn members(&self) -> Vec<Process> {
        let mut members = proc_table::descendants_of(self.root).unwrap_or_default();
        members.retain(|it| Some(it.pid) != self.spared);
        members
    }

    /// Sends `signal` to every member.
    pub(super) fn signal(&self, signal: Signal) {
        for member in self.members() {
            send(member.pid, signal);
        }
    }

    /// Stops every member where it is.
    pub(super) fn freeze(&mut self) {
        let mut seen = BTreeSet::new();
        for _ in 0..LOOKS_MAX {
            let mut missed = self.members();
            missed.retain(|it| seen.insert(it.pid));
            if missed.is_empty() {
                return;
            }
            for member in missed.iter().filter(|it| !it.is_stopped()) {
                send(member.pid, Signal::SIGSTOP);
                self.frozen.insert(member.pid);
            }
        }
    }

    /// Lets those go on that were frozen.
    pub(super) fn thaw(&mut self) {
        let frozen = std::mem::take(&mut self.frozen);
        for member in self.members() {
            if frozen.contains(&member.pid) {
                send(member.pid, Signal::SIGCONT);
            }
        }
    }

    /// Kills every member that it finds, and tells whether it found any. Repeat it until this
    /// process has no child: what is left in between is orphaned to it.
    pub(super) fn kill(&mut self) -> bool {
        self.freeze();
        let members = self.members();
        for member in &members {
            send(member.pid, Signal::SIGKILL);
        }
        !members.is_empty()
    }

    /// The member whose id in its own PID namespace is `inner`.
    pub(super) fn find(&self, inner: Pid) -> Option<Pid> {
        let mut members = self.members().into_iter().map(|it| it.pid);
        members.find(|&pid| proc_table::inner_pid(pid) == Some(inner))
    }
}

fn send(pid: Pid, signal: Signal) {
    // It ended in the meantime.
    let _ = kill(pid, signal);
}
