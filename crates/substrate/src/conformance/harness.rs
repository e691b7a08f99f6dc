//! What an implementation gives the suite: a fresh substrate, and the faults that it can inject.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::Substrate;
use crate::name::{BlobName, Stream};

/// Whether a fault could be injected. A case never becomes empty without it: it then shows the
/// weaker fact that its own comment names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Injected {
    /// It is in force.
    Yes,
    /// This implementation cannot.
    No,
}

/// One substrate under test. Each case starts its own.
///
/// The limits of the ports should be small (at most 1 MiB, 4 MiB for a blob), for the suite fills
/// them.
#[async_trait]
pub trait Harness: Sized + Send + Sync + 'static {
    /// Starts an empty substrate without faults.
    async fn start() -> Self;

    /// One more client of it. The clients before it go on.
    async fn client(&self) -> Substrate;

    /// Closes everything and opens it again on the same stored state, as a restarted process does.
    /// The suite has dropped the clients before it.
    async fn reopen(self) -> Self;

    /// After how many changes a watcher that takes none has fallen behind.
    fn watch_buffer(&self) -> usize;

    /// How many messages a subscriber that takes none can have waiting; at least 16.
    fn subscription_buffer(&self) -> usize;

    /// How long the suite waits for a state that must come, such as a stale read catching up.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Makes the next append, by any client, land and be answered with `Unknown`.
    async fn lose_next_ack(&self) -> Injected {
        Injected::No
    }

    /// Changes one stored byte of the commit's body, behind the substrate's back.
    async fn damage_commit(&self, _stream: &Stream, _id: Uuid) -> Injected {
        Injected::No
    }

    /// Changes one stored byte of the blob, behind the substrate's back.
    async fn damage_blob(&self, _name: &BlobName) -> Injected {
        Injected::No
    }
}
