//! The thin shell over actix: mailboxes, supervision, event sourcing, timers, staged stop.
//!
//! Nobody else sees actix: callers hold a [`Handle`], a [`sourced::SourcedHandle`] or an
//! [`ActorRef`], all of which stay valid across restarts.
//!
//! What an actor may rely on:
//! * One incarnation at a time, one handler at a time, to its end. Control messages come first; within
//!   a lane the order is kept.
//! * What waits in its mailbox survives a restart. The message that was being handled does not: its
//!   asker learns that it may have been handled. A told message is a promise of this process only;
//!   what must survive the process is a command whose answer was awaited.
//! * A panic, an error and a kill end the incarnation and nothing else; the next one is a new value.
//! * An event-sourced actor decides only on a state that is stored, and starts effects only for what
//!   is stored. After an append whose outcome is unknown it decides nothing more, and reloads.
//! * After 64 messages or 5 ms it lets its siblings run. A handler that blocks its thread blocks
//!   them all, and cannot be killed: it is given up and quarantined.
//!
//! An idle event-sourced actor may be stopped (it leaves a snapshot) and launched again by its owner:
//! what was sent meanwhile waits in its mailbox.

pub mod alerts;
pub mod exit;
pub mod mailbox;
pub mod reference;
pub mod shell;
pub mod sourced;
pub mod spawner;
pub mod stop;
pub mod supervisor;

pub use alerts::{Alert, Alerts, LoggedAlerts};
pub use exit::{ExitReason, Lifecycle, Report, Watch, assert_unwind};
pub use mailbox::{AskError, Handle, Reply, TellError};
pub use reference::{ActorRef, CallError};
pub use shell::{Behaviour, launch};
pub use spawner::Spawner;
pub use supervisor::{ChildSpec, Restart, Strategy, SupervisorHandle, SupervisorSpec};
