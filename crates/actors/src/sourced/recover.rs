//! From stored bytes to a state: the newest good snapshot, then every later commit, verified.
//!
//! Invariant: what is returned is the fold of an unbroken chain of commits from the first one on; a
//! snapshot only shortens the way, and only when the log holds the commit that it says it follows.

use std::sync::Arc;

use callboard_domain::{Entity, record};
use callboard_substrate::log::{ReadError, Stored, Version};
use callboard_substrate::seal::{self, Chain};

use crate::exit::ExitReason;
use crate::sourced::Alert;
use crate::sourced::persist::Cursor;
use crate::sourced::snapshot::{self, Snapshot};
use crate::sourced::spec::Shared;

/// What the log says.
pub(crate) struct Recovered<E: Entity> {
    pub(crate) state: E::State,
    pub(crate) cursor: Cursor,
    /// Events and bytes that no snapshot covers.
    pub(crate) n_events: u64,
    pub(crate) n_bytes: u64,
    /// Where the next snapshot goes: never over the one that was good.
    pub(crate) slot_next: u8,
}

impl<E: Entity> Recovered<E> {
    fn empty() -> Self {
        Self {
            state: E::State::default(),
            cursor: Cursor::new(),
            n_events: 0,
            n_bytes: 0,
            slot_next: 0,
        }
    }
}

/// Rebuilds the state.
pub(crate) async fn recover<E: Entity>(
    shared: &Arc<Shared<E>>,
) -> Result<Recovered<E>, ExitReason> {
    for snapshot in snapshot::load(shared).await {
        let index = snapshot.index;
        if let Some(recovered) = resume(shared, snapshot).await? {
            return Ok(recovered);
        }
        let reason = format!("the log does not hold the commit {index} that it follows");
        snapshot::ignore(shared, reason);
    }
    let mut recovered = Recovered::empty();
    catch_up(shared, &mut recovered).await?;
    Ok(recovered)
}

/// Continues after a snapshot, once its last commit was found. `None` where it is another one.
async fn resume<E: Entity>(
    shared: &Arc<Shared<E>>,
    snapshot: Snapshot<E::State>,
) -> Result<Option<Recovered<E>>, ExitReason> {
    let Snapshot { state, after, index, epoch, digest, slot } = snapshot;
    let batch = read(shared, after, 1).await?;
    let Some(last) = batch.first() else { return Ok(None) };
    let is_same = seal::digest(&last.bytes) == digest
        && seal::open(&last.bytes).is_ok_and(|sealed| sealed.header.index == index);
    if !is_same {
        return Ok(None);
    }
    let chain = Chain::resume(index, epoch, digest);
    let cursor = Cursor { chain, version: last.version, before: after, position: last.position };
    let mut recovered = Recovered { state, cursor, n_events: 0, n_bytes: 0, slot_next: 1 - slot };
    catch_up(shared, &mut recovered).await?;
    Ok(Some(recovered))
}

/// Reads and applies what was appended after the cursor.
pub(crate) async fn catch_up<E: Entity>(
    shared: &Arc<Shared<E>>,
    recovered: &mut Recovered<E>,
) -> Result<(), ExitReason> {
    let n_batch = shared.spec.cfg.n_read_batch;
    loop {
        let batch = read(shared, recovered.cursor.version, n_batch).await?;
        for stored in &batch {
            apply(recovered, stored).map_err(|reason| park(shared, reason))?;
        }
        if batch.len() < n_batch {
            return Ok(());
        }
        // A long history must not starve the siblings.
        tokio::task::yield_now().await;
    }
}

fn apply<E: Entity>(recovered: &mut Recovered<E>, stored: &Stored) -> Result<(), String> {
    let mut chain = recovered.cursor.chain.clone();
    let sealed = seal::open(&stored.bytes).map_err(|error| error.to_string())?;
    chain.check(&sealed, &stored.bytes).map_err(|error| error.to_string())?;
    let events = record::decode::<E>(sealed.body).map_err(|error| chained(&error))?;
    for event in &events {
        E::apply(&mut recovered.state, event);
    }
    recovered.n_events += events.len() as u64;
    recovered.n_bytes += stored.bytes.len() as u64;
    recovered.cursor.step(chain, stored.version, stored.position);
    Ok(())
}

async fn read<E: Entity>(
    shared: &Shared<E>,
    after: Version,
    n_max: usize,
) -> Result<Vec<Stored>, ExitReason> {
    let spec = &shared.spec;
    let mut n_retries = 0;
    loop {
        match spec.log.read(&shared.stream, after, n_max).await {
            Ok(batch) => return Ok(batch),
            Err(error @ ReadError::Damaged { .. }) => return Err(park(shared, error.to_string())),
            Err(error) if n_retries >= spec.cfg.n_read_retries_max => {
                return Err(ExitReason::Failed(error.to_string()));
            }
            Err(error) => tracing::warn!(actor = %spec.id, %error, "read failed, retrying"),
        }
        tokio::time::sleep(spec.cfg.retry.delay(n_retries, spec.clock.random())).await;
        n_retries += 1;
    }
}

fn park<E: Entity>(shared: &Shared<E>, reason: String) -> ExitReason {
    let actor = shared.spec.id.to_string();
    shared.spec.alerts.raise(Alert::LogDamaged { actor, reason: reason.clone() });
    ExitReason::Parked(reason)
}

/// An error with its causes.
pub(crate) fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
