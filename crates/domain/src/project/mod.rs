//! A project: its plan as a DAG of tasks, its agents, and the branch that collects their work.
//!
//! ```text
//! project: new → open ⇄ stopped;  open | stopped → archived (final)
//!
//! task:    pending → ready → running(working → queued → integrating [→ conflict]) → done
//!             ↑        │         │
//!             │        │         ├ try failed → pending (after a delay), `attempts_max` times
//!             │        └─────────┴→ failed | cancelled   (pending too)
//!             └ retry ←───────────────┘
//!
//! seat:    placing → idle ⇄ busy ─ task taken away → freeing → idle
//!          any → gone: dismissed, idle for too long, lost or unwilling
//! ```
//!
//! Invariants: a task runs in at most one seat; a seat has at most one task; one integration at a
//! time; nothing is done without a merged commit whose check passed; a task whose dependency failed
//! fails with it, so that a project always settles.

mod apply;
mod command;
mod decide;
mod entity;
mod event;
mod plan;
mod report;
mod schedule;
mod seats;
mod state;

pub use command::{Command, Integration, NewTask, Rejection, ReviewOutcome};
pub use entity::Project;
pub use event::{Event, EventKind};
pub use state::{
    Effect, Evidence, Limits, Review, Seat, SeatState, Spec, Stage, State, Status, Task, TaskState,
};
