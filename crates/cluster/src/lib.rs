//! Node, placement and directory: who runs where, and how a message gets there.
//!
//! [`Cluster::start`] brings up one node's share; every other component holds a [`Cluster`] and
//! nothing else of this crate. The README beside this crate says what may be relied on.

mod changes;
pub mod config;
pub mod directory;
pub mod lease;
mod names;
mod node;
mod placer;
pub mod report;
mod routing;
mod start;

pub use config::{BadConfig, Config};
pub use names::Names;
pub use node::{
    Activated, ActorFactory, NodeCommand, NodeInfo, NodeRecord, NodeRefusal, StartError, Started,
};
pub use placer::{Explanation, Placed, PlacementCommand};
pub use routing::{AskError, CallError, Callee, Cluster, Leader, Leaders, NodeView};
pub use start::{ClusterStartError, Setup};
