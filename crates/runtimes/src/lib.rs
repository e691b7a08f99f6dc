//! Drivers of agent programs: scripted, and stdio for claude.

pub mod codec;
mod lines;
pub mod scripted;
pub mod session;
pub mod stdio;
mod tail;

pub use codec::Codec;
