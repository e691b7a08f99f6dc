//! The configuration: every component's own part, read from files, environment and flags, checked.

mod check;
mod load;
mod section;

pub use load::{ConfigError, Origin, load};
pub use section::{Approvals, Config, NodeSection, Programs, ProjectDefaults};
