//! Small helpers every layer may use: clocks, back-off, named tasks, digests, durable files.

pub mod backoff;
pub mod clock;
pub mod digest;
pub mod error;
pub mod fs;
pub mod secret;
pub mod task;
