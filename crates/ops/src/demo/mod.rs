//! `demo`: the main job, from a goal to accepted work, on a node and a repository of its own.

mod options;
mod run;

pub use options::Options;
pub use run::run;
