//! Commands that a node carries out: one request each, and the waiting that people ask for.

mod fleet;
mod message;
mod project;
mod run;
mod wait;
mod work;

pub use run::run;
pub(crate) use run::{DONE, WORK_FAILED};
