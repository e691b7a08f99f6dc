//! The four ports under everything: [`EventLog`], [`Kv`], [`Bus`], [`Blobs`]; and the sealed commit.

pub mod blobs;
pub mod bus;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod kv;
pub mod log;
pub mod name;
mod ports;
pub mod seal;

pub use blobs::Blobs;
pub use bus::Bus;
pub use kv::Kv;
pub use log::EventLog;
pub use ports::Substrate;
