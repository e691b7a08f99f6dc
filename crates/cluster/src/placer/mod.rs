//! The placement actor: reserves before it asks a node, explains, queues what does not fit.
//!
//! The directory is the truth; the [`book`] is what this actor remembers of it. Only this actor
//! reserves, so that two requests never get the same room.

mod actor;
mod book;
mod message;

pub(crate) use actor::launch;
pub(crate) use message::PlacerMessage;
pub use message::{Explanation, Placed, PlacementCommand};
