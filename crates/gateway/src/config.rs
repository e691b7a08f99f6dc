//! The limits of the HTTP interface.

use callboard_stdx::backoff;
use serde::{Deserialize, Serialize};

/// Where it listens, and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address. Only loopback addresses are accepted: other interfaces need users and TLS, which
    /// do not exist yet. Port 0 takes a free one.
    pub listen: String,
    /// Whether another free port is taken when this one is in use.
    pub any_port: bool,
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long an actor may take to answer a command, in milliseconds.
    pub command_ms_max: u64,
    /// How long an answer waits until the view has caught up with the log, in milliseconds.
    pub view_ms_max: u64,
    /// Event streams and other long requests at once; more are refused.
    pub streams_max: usize,
    /// Commits that the view folds at once.
    pub fold_batch: usize,
    /// The largest patch and output piece of one answer, in bytes.
    pub answer_bytes_max: u64,
    /// Threads that answer requests.
    pub workers: usize,
    /// Connections per thread; more wait to be taken.
    pub connections_max: usize,
    /// Events of one page, at most; a page holds whole commits, and so a few more.
    pub page_events_max: usize,
    /// Commits that an event stream takes from the log at once.
    pub stream_batch: usize,
    /// How often a silent event stream says that it lives, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long requests that are under way may take when it stops, in milliseconds.
    pub stop_ms_max: u64,
    /// How long a command waits before it looks again for an actor that is being made, in
    /// milliseconds.
    pub look_again_ms: u64,
    /// Commits that could not be read which `status` names; of more, the newest are named.
    pub unreadable_max: usize,
    /// Room that an agent made by a person reserves, in thousandths of a processor.
    pub agent_cpu_millis: u64,
    /// Memory that an agent made by a person reserves, in bytes.
    pub agent_memory_bytes: u64,
    /// The delays before the log is read again after an error.
    pub retry: backoff::Config,
    /// The limits of the view.
    pub view: callboard_views::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7117".to_owned(),
            any_port: true,
            body_bytes_max: 4 * 1024 * 1024,
            command_ms_max: 15_000,
            view_ms_max: 2_000,
            streams_max: 64,
            fold_batch: 256,
            answer_bytes_max: 1024 * 1024,
            workers: 2,
            connections_max: 256,
            page_events_max: 1_000,
            stream_batch: 64,
            heartbeat_ms: 15_000,
            stop_ms_max: 5_000,
            look_again_ms: 20,
            unreadable_max: 16,
            agent_cpu_millis: 250,
            agent_memory_bytes: 256 * 1024 * 1024,
            retry: backoff::Config::default(),
            view: callboard_views::Config::default(),
        }
    }
}
