//! Programs that are driven over their standard input and output.

mod lines;
pub mod stream_json;
