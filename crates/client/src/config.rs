//! The limits of the client.

/// How long it waits, and how much it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long connecting may take, in milliseconds.
    pub connect_ms: u64,
    /// How long an answer may take, in milliseconds. More than the node itself waits for an actor.
    pub answer_ms: u64,
    /// How long cleaning up and verifying the log may take, in milliseconds.
    pub long_ms: u64,
    /// How long an event stream may be silent, in milliseconds; the node says every 15 s that it
    /// lives. Then the stream connects anew.
    pub silence_ms: u64,
    /// How often an event stream tries to connect anew before it ends with an error.
    pub reconnects_max: u32,
    /// The wait before an event stream connects anew, in milliseconds.
    pub reconnect_ms: u64,
    /// The largest answer, in bytes; of an event stream, the largest event.
    pub answer_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_ms: 2_000,
            answer_ms: 30_000,
            long_ms: 600_000,
            silence_ms: 45_000,
            reconnects_max: 10,
            reconnect_ms: 250,
            answer_bytes_max: 64 * 1024 * 1024,
        }
    }
}
