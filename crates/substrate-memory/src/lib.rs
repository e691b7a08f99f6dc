//! The ports in memory with virtual time and injected faults, for simulation.
//!
//! [`MemorySubstrate`] is one cluster's store and bus; each node is a [`MemorySubstrate::client`] of
//! it. [`Faults`] decides what goes wrong, while it runs. Nothing is kept across the process.
//!
//! Invariants:
//! * It spawns nothing and reads no clock but tokio's, so on a paused current-thread runtime one
//!   seed gives one run.
//! * Time passes lazily: what is under way lands when somebody looks, in the order in which it was
//!   to land.
//! * It is stricter than the ports need: versions and positions have holes, every call yields.

mod blobs;
mod bus;
mod client;
mod config;
mod faults;
mod kv;
mod log;
mod plan;
mod shared;
mod store;
mod watch;

pub use client::MemorySubstrate;
pub use config::Config;
pub use faults::Faults;
pub use plan::{Counts, Delay, Fate, Plan, STORE};
