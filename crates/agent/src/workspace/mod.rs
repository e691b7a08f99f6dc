//! The port to workspaces: an agent's own clone, its checkpoints, its results, and their
//! integration into the person's repository.
//!
//! It decides nothing about tasks or agents: callers say what, implementations do it. No caller
//! needs to look into a path, so a fake can keep everything in memory.
//!
//! Invariants: the person's checked-out branch and work tree change in [`Workspaces::accept`]
//! alone; work that was not integrated is never deleted, only moved to a hidden ref; every call may
//! be repeated after a crash at any point and then gives the same result.

mod error;
mod model;
mod names;
mod port;
mod results;

pub use error::Error;
pub use model::{
    Base, CheckpointRef, Checkpointed, Cleanup, Prepare, Restored, Scratch, Source, SourceFacts,
    Workspace,
};
pub use names::{BadCommitId, CommitId, project_branch, task_branch};
pub use port::{Fence, Unfenced, Workspaces};
pub use results::{
    Acceptance, CheckSpec, Discard, Evidence, Integrate, Integration, ProjectDiff, Publication,
    Published, Uncommitted,
};
