//! Which node an actor goes to, and why: a pure function over reports, reservations and a seed.
//!
//! The properties it keeps are listed in the README beside this crate.

mod bytes;
mod cluster;
mod config;
mod decide;
mod misfit;
mod report;
mod request;
mod score;

pub use cluster::{Claim, Cluster, UnknownNode};
pub use config::{BadConfig, Config, Strategy};
pub use decide::{Decision, NothingFits, Rejected, Scored};
pub use misfit::Misfit;
pub use report::{Cpu, Memory, NodeReport, NodeState, Pressure, Protocols, Taint};
pub use request::{Priority, Request, Toleration};
