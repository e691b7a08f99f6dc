//! How a message gets to an actor: by registry on this node, else by a frame to the actor's node.

mod call;
mod handle;
mod registry;
mod remote;
mod serve;

pub use call::{AskError, CallError, Callee};
pub use handle::{Cluster, Leader, Leaders, NodeView};
pub(crate) use handle::{Inner, Keepers, Parts, json};
pub(crate) use serve::serve;
