//! What this node measures of itself: processors, memory, disk, within the cgroup's limits.

mod cgroup;
mod measured;
mod pressure;
mod sampler;

pub use measured::{Measured, Reports};
pub use sampler::{NotMeasurable, Sampler, Source};
