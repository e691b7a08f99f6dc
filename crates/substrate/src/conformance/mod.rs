//! The suite that every implementation of the ports passes, by one call of [`crate::conformance!`].
//!
//! It asks for what the ports promise and no more: versions are only compared for equality,
//! positions may have holes, and a read after a write may lag, so it is repeated until a deadline.
//! What one case needs of another port is left out, so a failure names the port that broke.

pub mod blobs;
pub mod bus;
pub mod kv;
pub mod log;
pub mod log_faults;
pub mod log_order;
pub mod names;
pub mod watch;

mod harness;
mod suite;
mod support;

pub use harness::{Harness, Injected};
