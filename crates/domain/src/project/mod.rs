//! A project: its plan as a DAG of tasks, its agents, and the branch that collects their work.
//!
//! ```text
//! task:  pending → ready → running(assigned → working → integrating [→ conflict]) → done
//!           │        │        ├─ try failed → ready (after a delay), at most `attempts_max` times
//!           └────────┴────────┴→ failed | cancelled      failed → pending | ready (retry)
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
