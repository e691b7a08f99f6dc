//! The outer guard: hears the node, keeps the fence, and reports `Gone` when nothing is left.
//!
//! ```text
//! running ──Stop──► stopping ──grace over──► killing ──no descendant left──► Gone, exit
//!    │                 └── program ended ──────▲
//!    └── Kill, newer epoch, node gone, program ended
//! ```

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use callboard_wire::v1::guard::{Command, Ending, Report, Step};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use tokio::time::Instant;

use super::channel::{Channel, Received};
use super::fence::{Fence, Verdict};
use super::inner::{Mode, release_stdio};
use super::launch::{Inner, launch, refusal};
use super::signals::{self, Reaped};
use super::tree::Tree;

/// How long the node may take to say what to start.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How often a tree that is being killed is looked at.
const KILL_EVERY: Duration = Duration::from_millis(5);

/// The whole life of an outer guard. The node listens under `socket`.
pub(super) fn run(socket: &str) -> ExitCode {
    let Ok(mut node) = Channel::connect(socket) else { return ExitCode::FAILURE };
    let children = match signals::block().and_then(|it| set_child_subreaper(true).map(|()| it)) {
        Ok(children) => children,
        Err(errno) => {
            node.send(&Report::Refused(refusal(Step::Guard, errno)));
            return ExitCode::FAILURE;
        }
    };
    let Some(Command::Start(start)) = node.receive_first(START_WITHIN) else {
        return ExitCode::FAILURE;
    };
    match launch(socket, &start, &children) {
        Ok(inner) => {
            let fence = Fence::new(start.fence, Instant::now());
            Guard::new(node, inner, children, fence).watch()
        }
        Err(refusal) => {
            node.send(&Report::Refused(refusal));
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Stopping { until: Instant },
    Killing,
}

struct Guard {
    node: Channel,
    /// `None` when the node is gone: then nobody is told any more.
    node_gone: bool,
    inner: Inner,
    inner_gone: bool,
    /// How the program ended, once that is known and told.
    ending: Option<Ending>,
    children: SignalFd,
    fence: Fence,
    tree: Tree,
    frozen_by_node: bool,
    phase: Phase,
}

impl Guard {
    fn new(node: Channel, inner: Inner, children: SignalFd, fence: Fence) -> Self {
        let tree = Tree::below_this_process(Some(inner.guard));
        Self {
            node,
            node_gone: false,
            inner,
            inner_gone: false,
            ending: None,
            children,
            fence,
            tree,
            frozen_by_node: false,
            phase: Phase::Running,
        }
    }

    fn watch(mut self) -> ExitCode {
        // The program may have come and gone already: then only its guard can be named.
        let program = self.tree.find(self.inner.program).unwrap_or(self.inner.guard);
        let pid = u32::try_from(program.as_raw()).unwrap_or_default();
        self.node.send(&Report::Started { pid, isolation: self.inner.mode.into() });
        if release_stdio().is_err() {
            self.phase = Phase::Killing;
        }
        let buffered = self.node.buffered();
        self.obey(buffered);
        loop {
            let [node_ready, inner_ready] = self.wait();
            if inner_ready {
                self.hear_inner();
            }
            let Reaped { ended, childless } = signals::reap(&self.children);
            if ended.iter().any(|(pid, _)| *pid == self.inner.guard) {
                self.bury_inner();
            }
            if node_ready {
                let received = self.node.receive();
                self.obey(received);
            }
            if childless {
                self.node.send(&Report::Gone);
                return ExitCode::SUCCESS;
            }
            self.pass_time();
        }
    }

    /// Waits until something happens, and tells whether the node and the inner guard may be read.
    fn wait(&self) -> [bool; 2] {
        let due = match self.phase {
            Phase::Killing => Some(KILL_EVERY),
            Phase::Running => self.fence.due().map(|due| due - Instant::now()),
            Phase::Stopping { until } => Some(until - Instant::now()),
        };
        let timeout = due.map_or(PollTimeout::NONE, |due| {
            // Rounded up: waking before the deadline would only mean to sleep again.
            PollTimeout::try_from(due + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        // A closed channel is always ready: it is left out, lest the guard spins.
        let open = [!self.node_gone, !self.inner_gone];
        let mut ready = vec![PollFd::new(self.children.as_fd(), PollFlags::POLLIN)];
        if !self.node_gone {
            ready.push(PollFd::new(self.node.as_fd(), PollFlags::POLLIN));
        }
        if !self.inner_gone {
            ready.push(PollFd::new(self.inner.channel.as_fd(), PollFlags::POLLIN));
        }
        if poll(&mut ready, timeout).is_err() {
            return [false, false];
        }
        let mut ready = ready.iter().skip(1).map(|it| it.any().unwrap_or(true));
        open.map(|open| open && ready.next().unwrap_or(false))
    }

    fn hear_inner(&mut self) {
        for report in self.inner.channel.receive().values {
            if let Report::Exited(ending) = report {
                self.program_ended(ending);
            }
        }
    }

    /// The inner guard ended: it said how the program did, or that will never be known.
    fn bury_inner(&mut self) {
        self.hear_inner();
        self.inner_gone = true;
        let unseen = match self.phase {
            // The init was killed by this guard, and its program with it.
            Phase::Killing => Ending::Signal(Signal::SIGKILL as i32),
            Phase::Running | Phase::Stopping { .. } => Ending::Unknown,
        };
        self.program_ended(unseen);
    }

    fn program_ended(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending);
            self.node.send(&Report::Exited(ending));
        }
        self.phase = Phase::Killing;
    }

    fn obey(&mut self, received: Received<Command>) {
        for command in received.values {
            match command {
                // The second one is not started; the first goes on.
                Command::Start(_) => {}
                Command::Stop { grace_ms } => self.stop(Duration::from_millis(grace_ms)),
                Command::Kill => self.phase = Phase::Killing,
                Command::Freeze => {
                    self.frozen_by_node = true;
                    self.freeze(false);
                }
                Command::Thaw => {
                    self.frozen_by_node = false;
                    self.thaw();
                }
                Command::Confirm { epoch, deadline_ms } => {
                    let verdict = self.fence.confirm(epoch, deadline_ms, Instant::now());
                    self.suffer(verdict);
                }
            }
        }
        if received.closed {
            self.node_gone = true;
            self.phase = Phase::Killing;
        }
    }

    /// Asks once; a second request can only shorten the grace. A fenced tree may not run on, not
    /// even to its end.
    fn stop(&mut self, grace: Duration) {
        let until = Instant::now() + grace;
        match self.phase {
            Phase::Running if self.fence.is_closed() => self.phase = Phase::Killing,
            Phase::Running => {
                self.tree.signal(Signal::SIGTERM);
                self.tree.thaw();
                self.phase = Phase::Stopping { until };
            }
            Phase::Stopping { until: before } => {
                self.phase = Phase::Stopping { until: until.min(before) };
            }
            Phase::Killing => {}
        }
    }

    fn freeze(&mut self, by_deadline: bool) {
        self.tree.freeze();
        self.node.send(&Report::Frozen { by_deadline });
    }

    /// Lets the tree go on where neither the node nor the fence holds it.
    fn thaw(&mut self) {
        if self.frozen_by_node || self.fence.is_closed() {
            return;
        }
        self.tree.thaw();
        self.node.send(&Report::Thawed);
    }

    fn suffer(&mut self, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::Freeze) => self.freeze(true),
            Some(Verdict::Thaw) => self.thaw(),
            Some(Verdict::Kill) => self.phase = Phase::Killing,
            None => {}
        }
    }

    /// Does what is due.
    fn pass_time(&mut self) {
        let now = Instant::now();
        let verdict = self.fence.tick(now);
        self.suffer(verdict);
        if let Phase::Stopping { until } = self.phase
            && until <= now
        {
            self.phase = Phase::Killing;
        }
        if self.phase != Phase::Killing {
            return;
        }
        // The kernel kills all below an init, in one step. A subreaper that has nothing to watch
        // any more may itself stand still.
        let init_lives = self.inner.mode == Mode::Namespace && !self.inner_gone;
        if init_lives || (!self.tree.kill() && !self.inner_gone) {
            let _ = kill(self.inner.guard, Signal::SIGKILL);
        }
    }
}
