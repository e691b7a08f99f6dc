//! The node: registers and reports itself, starts actors and keeps them running.

mod actor;
mod beat;
mod child;
mod factory;
mod lead;
mod local;
mod message;
mod record;
mod restarts;

pub use factory::{ActorFactory, StartError, Started};
pub use message::{Activated, NodeCommand, NodeRefusal};
pub use record::{NodeInfo, NodeRecord};

pub(crate) use beat::{listen, report, send};
pub(crate) use lead::lead;
pub(crate) use local::{Local, Origin, start_child, stop_all};
pub(crate) use record::register;
