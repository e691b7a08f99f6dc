//! The stream-json control protocol of claude (qwen speaks it too): one JSON object per line, and
//! control requests in both directions.
//!
//! The codec does no I/O and knows no time: bytes in, events and bytes out. Each kind of message
//! has its own small file.

mod codec;
mod control;
mod history;
mod messages;
mod outcome;
mod outgoing;
mod output;

pub use codec::{Codec, Config};
pub use history::in_flight;
