//! The four ports on one machine: SQLite with group commit, a bus in the process, and files.
//!
//! Entry point: [`Embedded`]. What it promises is written at the ports in `callboard-substrate`.
//!
//! Invariants:
//! * One process has the folder open, held by a lock on `<folder>/lock`.
//! * An acknowledged write is in the database's write-ahead log and synced.
//! * A file that exists is never created anew, truncated or repaired.

mod blobs;
mod bus;
mod config;
mod database;
mod embedded;
mod heads;
mod health;
mod kv;
mod lock;
mod log;
mod natural;
mod open_error;
mod readers;
mod trouble;
mod verify;
mod watch;
mod writer;

pub use config::Config;
pub use embedded::Embedded;
pub use health::Health;
pub use open_error::OpenError;
pub use verify::{Damage, Verified};
