//! The whole of one node in one thread, in virtual time, under seeded faults.
//!
//! Real: the cluster, the actors, their decisions and their effects. Played: the store
//! (`substrate-memory`), the programs, the workspaces, time and chance. One seed gives one run.
//!
//! Invariant: what a run is judged by ([`predicates`]) are pure functions of what it left behind:
//! the log, the side effects, the acknowledgements.

pub mod broken;
pub mod chaos;
pub mod clock;
pub mod dice;
pub mod history;
pub mod host;
pub mod many;
pub mod person;
pub mod predicates;
pub mod program;
pub mod record;
pub mod run;
pub mod scenario;
pub mod snapshot;
pub mod views;
pub mod workspaces;
pub mod world;
