//! An agent: one program with its workspace, its task, its messages and its permission requests.
//!
//! ```text
//! requested (in the directory, before the first event) → idle
//! idle → starting → idle ⇄ working ⇄ awaiting_approval
//!           ↑ ↓ back-off      │ program lost → starting (resume)
//!           └─────────────────┤ too often → quarantined ─┐
//!                             └ not retryable → failed ──┴→ idle (start)
//! any but archived → stopped → idle (start);  any → archived (final)
//! ```

mod apply;
mod command;
mod decide;
mod entity;
mod event;
mod session;
mod state;
mod turn;

pub use command::{Command, Rejection, SessionFact, Verdict};
pub use entity::Agent;
pub use event::{Event, EventKind};
pub use state::{
    Approval, Checkpoint, Effect, Limits, Phase, SeatStatus, Spec, State, Turn, TurnOf, Usage,
    Work, WorkStage,
};
