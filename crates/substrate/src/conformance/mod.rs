//! The suite that every implementation of the ports passes, by one call of [`crate::conformance!`].
//!
//! It asks for what the ports promise and no more: versions are only compared for equality,
//! positions may have holes, and a read after a write may lag, so it is repeated until a deadline.

mod harness;

pub use harness::{Harness, Injected};
