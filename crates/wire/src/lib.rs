//! Frames between nodes and guards: one envelope, frozen structs, golden bytes.

pub mod envelope;
pub mod v1;

pub use envelope::{Decoder, Error, PAYLOAD_BYTES_MAX, Schema, decode, encode};
