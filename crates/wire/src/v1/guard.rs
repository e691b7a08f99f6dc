//! What a node and its guards say to each other, over a socket of their own.
//!
//! The node sends one [`Command::Start`], then any others; the guard answers with [`Report`]s.
//! The end of the stream is itself a message: to the guard it means that its node is dead (kill
//! everything), to the node that its guard is.

use serde::{Deserialize, Serialize};

use crate::envelope::Schema;

/// From the node to the guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Start the program. Once, and first.
    Start(Start),
    /// Ask every process of the tree to end (SIGTERM), and kill what is left after the grace.
    Stop {
        /// How long they have.
        grace_ms: u64,
    },
    /// Kill the tree at once.
    Kill,
    /// Stop the tree where it is (SIGSTOP).
    Freeze,
    /// Let a frozen tree go on.
    Thaw,
    /// The node still owns the actor. See [`Fence`].
    Confirm {
        /// The epoch that the node holds. A newer one than the guard's own means that the tree
        /// belongs to a dead incarnation: it is killed. An older one is ignored.
        epoch: u64,
        /// The guard freezes the tree when the next confirmation has not come in this time;
        /// 0 is no fencing (a single node).
        deadline_ms: u64,
    },
}

/// What to run, and who owns it. Folder and environment are the guard's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The program: a path, or a name to be found in `PATH`. Bytes, for a path need not be text.
    pub program: Vec<u8>,
    /// Its arguments.
    pub args: Vec<Vec<u8>>,
    /// How its tree is held together.
    pub isolation: Isolation,
    /// When to freeze and kill without a word from the node.
    pub fence: Fence,
}

/// How a process tree is held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Isolation {
    /// A PID namespace where that is allowed, else a subreaper.
    Auto,
    /// A PID namespace or a refusal.
    PidNamespace,
    /// A subreaper that sweeps until no descendant is left.
    Subreaper,
}

/// The deadline that the guard keeps by itself, on its own monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The epoch of the actor's incarnation that the tree belongs to.
    pub epoch: u64,
    /// Freeze this long after the start or the last confirmation; 0 is never.
    pub deadline_ms: u64,
    /// Kill what has been frozen by the deadline for this long.
    pub kill_after_ms: u64,
}

/// From the guard to the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The program runs.
    Started {
        /// Its process id as the node sees it.
        pid: u32,
        /// What holds its tree: never [`Isolation::Auto`].
        isolation: Isolation,
    },
    /// The program does not run, and nothing else does. The last report.
    Refused(Refusal),
    /// The program itself ended; the rest of its tree is being killed.
    Exited(Ending),
    /// The tree stands still.
    Frozen {
        /// Because the fence's deadline passed, not because the node asked.
        by_deadline: bool,
    },
    /// The tree goes on.
    Thawed,
    /// No process of the tree is left. The last report.
    Gone,
}

/// Why a program did not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The step that failed.
    pub step: Step,
    /// The operating system's error number, 0 where there is none.
    pub errno: i32,
    /// The error in words.
    pub text: String,
}

/// The step of a start that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The guard could not set itself up.
    Guard,
    /// A PID namespace was demanded and is not to be had.
    PidNamespace,
    /// The program could not be executed.
    Program,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was lost sight of, for what watched it was killed first.
    Unknown,
}

impl Schema for Command {
    const ID: u16 = 0x0101;
    const VERSION: u16 = 1;
}

impl Schema for Report {
    const ID: u16 = 0x0102;
    const VERSION: u16 = 1;
}
