//! Cases of the event log: appends whose outcome is unknown, and damage.

use futures_util::FutureExt;
use uuid::Uuid;

use super::support::{Writer, eventually, ids, read_n, read_stream, reads, stream};
use super::{Harness, Injected};
use crate::log::{AppendError, Commit, EventLog, ReadError, Stored, Version};
use crate::name::Stream;
use crate::seal::{self, Chain, Damaged};

/// A writer that goes away in the middle of its append leaves the whole commit or nothing; an
/// append of the next owner settles which, for good.
pub async fn dropped_append_is_stored_whole_or_not_at_all<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let stream = stream("agent.a");
    let mut owner = Writer::new(log.clone(), stream.clone());
    let body = b"{\"event\":1}\n{\"event\":2}\n".repeat(500);
    for round in 0..16 {
        let gone = owner.seal(round, &body);
        {
            let mut append = log.append(&stream, owner.version, gone.clone());
            // Each round goes a little further before it is dropped.
            for _ in 0..=round {
                if append.as_mut().now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        owner.catch_up().await;
        owner.contend(1_000 + round, b"the next owner").await;
        let commits = read_settled(&harness, &*log, &owner).await;
        let landed = commits.iter().filter(|stored| stored.id == gone.id).collect::<Vec<_>>();
        assert!(landed.len() <= 1, "the commit of round {round} was doubled");
        assert!(landed.iter().all(|stored| stored.bytes == gone.bytes), "it is whole");
        assert_eq!(commits.iter().filter(|stored| stored.id.as_u128() >= 1_000).count(), {
            round as usize + 1
        });
    }
}

/// A commit whose acknowledgement was lost is found by its id; trying it again does not double it.
///
/// Where the loss cannot be injected, the acknowledgement is not waited for.
pub async fn lost_acknowledgement_is_settled_by_id<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut owner = Writer::new(log.clone(), stream("agent.a"));
    owner.must_append(1, b"before").await;
    let commit = owner.seal(2, b"in doubt");
    match harness.lose_next_ack().await {
        Injected::Yes => {
            let lost = log.append(&owner.stream, owner.version, commit.clone()).await;
            assert!(matches!(lost, Err(AppendError::Unknown { .. })), "{lost:?}");
            assert!(!lost.expect_err("matched above").retryable());
        }
        Injected::No => {
            log.append(&owner.stream, owner.version, commit.clone()).await.expect("no fault");
        }
    }
    let again = log.append(&owner.stream, owner.version, commit.clone()).await;
    assert!(matches!(again, Err(AppendError::Conflict { .. })), "{again:?}");
    let commits = read_n(&*log, &owner.stream, 2, harness.patience()).await;
    assert_eq!(ids(&commits), [1, 2]);
    reads(harness.patience(), &commits.last().cloned(), async || {
        log.find(&owner.stream, commit.id).await.expect("readable")
    })
    .await;
    owner.contend(3, b"after").await;
    assert_eq!(ids(&read_n(&*log, &owner.stream, 3, harness.patience()).await), [1, 2, 3]);
}

/// A changed byte is noticed on reading: by the log, or by whoever opens what the log gave.
///
/// Where the store cannot be damaged, the bytes read from it are.
pub async fn damaged_commit_is_noticed<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut owner = Writer::new(log.clone(), stream("agent.a"));
    for id in 1..=3 {
        owner.must_append(id, b"some body").await;
    }
    let intact = read_n(&*log, &owner.stream, 3, harness.patience()).await;
    match harness.damage_commit(&owner.stream, Uuid::from_u128(2)).await {
        Injected::Yes => {
            eventually(harness.patience(), "the damage", async || {
                verify(&*log, &owner.stream).await.err()
            })
            .await;
        }
        Injected::No => {
            for place in 0..intact[1].bytes.len() {
                let mut bytes = intact[1].bytes.clone();
                bytes[place] ^= 1;
                assert!(seal::open(&bytes).is_err(), "byte {place} changed unnoticed");
            }
        }
    }
}

/// A commit that does not follow the one before it is refused, or noticed on reading.
pub async fn broken_chain_is_noticed<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut owner = Writer::new(log.clone(), stream("agent.a"));
    owner.must_append(1, b"one").await;
    let mut strange = Chain::new().header(Uuid::from_u128(2), 1, "");
    strange.index = 2;
    strange.prev = seal::digest(b"another commit");
    let commit = Commit { id: strange.id, bytes: seal::seal(strange, b"two") };
    match log.append(&owner.stream, owner.version, commit).await {
        Err(AppendError::NotWritten { .. }) => {}
        Err(error) => panic!("no fault was injected, and yet: {error}"),
        Ok(_) => {
            let noticed = eventually(harness.patience(), "the commit", async || {
                verify(&*log, &owner.stream).await.err()
            })
            .await;
            assert!(matches!(noticed, Noticed::OnOpening(Damaged::Prev { index: 2, .. })));
        }
    }
}

/// Who noticed damage.
#[derive(Debug)]
enum Noticed {
    ByTheLog,
    OnOpening(Damaged),
}

/// Reads a stream as a recovering owner does.
async fn verify(log: &dyn EventLog, stream: &Stream) -> Result<(), Noticed> {
    let commits = match log.read(stream, Version::EMPTY, 100).await {
        Ok(commits) => commits,
        Err(error @ ReadError::Damaged { .. }) => {
            assert!(!error.retryable());
            return Err(Noticed::ByTheLog);
        }
        Err(error) => panic!("no fault was injected, and yet: {error}"),
    };
    let mut chain = Chain::new();
    for stored in commits {
        let sealed = seal::open(&stored.bytes).map_err(Noticed::OnOpening)?;
        chain.check(&sealed, &stored.bytes).map_err(Noticed::OnOpening)?;
    }
    Ok(())
}

/// The stream up to where its owner stands: nothing before that may change any more.
async fn read_settled<H: Harness>(harness: &H, log: &dyn EventLog, owner: &Writer) -> Vec<Stored> {
    eventually(harness.patience(), "the owner's last commit", async || {
        let commits = read_stream(log, &owner.stream).await;
        (commits.last().map(|stored| stored.version) == Some(owner.version)).then_some(commits)
    })
    .await
}
