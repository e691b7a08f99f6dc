//! The thin shell over actix: mailboxes, supervision, event sourcing, timers, staged stop.
//!
//! Nobody else sees actix: callers hold a [`Handle`], a [`sourced::SourcedHandle`] or an
//! [`ActorRef`], all of which stay valid across restarts.

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
