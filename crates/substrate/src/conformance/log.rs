//! Cases of the event log: appends under an expected version, reads of one stream.

use super::Harness;
use super::support::{N_WRITERS, Writer, eventually, ids, race, read_n, reads, stream};
use crate::log::{AppendError, Commit, Version};
use uuid::Uuid;

/// Each append moves the version, and what was appended is read back as it was.
pub async fn append_moves_the_version<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(log.clone(), stream("agent.a"));
    let first = writer.must_append(1, b"one").await;
    let second = writer.must_append(2, b"").await;
    assert_ne!(first.version, Version::EMPTY);
    assert_ne!(first.version, second.version);
    assert!(first.position < second.position);
    let commits = read_n(&*log, &writer.stream, 2, harness.patience()).await;
    assert_eq!(ids(&commits), [1, 2]);
    assert_eq!(
        commits.iter().map(|c| c.version).collect::<Vec<_>>(),
        [first.version, second.version]
    );
    assert_eq!(
        commits.iter().map(|c| c.position).collect::<Vec<_>>(),
        [first.position, second.position]
    );
}

/// An append at another version than the stream's writes nothing and says what the version is.
pub async fn wrong_version_conflicts<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(log.clone(), stream("agent.a"));
    let first = writer.must_append(1, b"one").await.version;
    let second = writer.must_append(2, b"two").await.version;
    let elsewhere = stream("agent.b");
    for (stream, expected, actual) in [
        (&writer.stream, Version::EMPTY, second),
        (&writer.stream, first, second),
        (&elsewhere, first, Version::EMPTY),
    ] {
        let refused = log.append(stream, expected, writer.seal(9, b"nine")).await;
        let Err(AppendError::Conflict { expected: told, actual: found, .. }) = refused else {
            panic!("a conflict was to come, not {refused:?}");
        };
        assert_eq!((told, found), (expected, actual));
    }
    assert_eq!(ids(&read_n(&*log, &writer.stream, 2, harness.patience()).await), [1, 2]);
    assert_eq!(log.find(&elsewhere, Uuid::from_u128(9)).await.expect("readable"), None);
}

/// Of 32 appends at one version exactly one is written; none is left in doubt.
pub async fn one_of_32_writers_wins_each_version<H: Harness>() {
    let harness = H::start().await;
    let client = harness.client().await;
    let mut writer = Writer::new(client.log.clone(), stream("agent.a"));
    let mut winners = Vec::new();
    for round in 0..4 {
        let base = round * 1_000;
        let (chain, version) = (writer.chain.clone(), writer.version);
        let ends =
            race(N_WRITERS, |idx| {
                let mut rival = Writer::new(client.log.clone(), stream("agent.a"));
                rival.chain = chain.clone();
                rival.version = version;
                async move {
                    rival.append(base + idx as u128, b"mine").await.map(|_| base + idx as u128)
                }
            })
            .await;
        let mut n_won = 0;
        for end in ends {
            match end {
                Ok(id) => {
                    n_won += 1;
                    winners.push(id);
                }
                Err(AppendError::Conflict { .. } | AppendError::NotWritten { .. }) => {}
                Err(error) => panic!("no fault was injected, and yet: {error}"),
            }
        }
        assert_eq!(n_won, 1, "winners of round {round}");
        eventually(harness.patience(), "the winner's commit", async || {
            writer.catch_up().await;
            (writer.chain.index() == winners.len() as u64).then_some(())
        })
        .await;
    }
    let commits = read_n(&*client.log, &writer.stream, 4, harness.patience()).await;
    assert_eq!(ids(&commits), winners);
}

/// 32 writers that read on and try again store each commit exactly once, in one unbroken chain.
pub async fn concurrent_writers_lose_and_double_nothing<H: Harness>() {
    const N_EACH: usize = 4;
    let harness = H::start().await;
    let client = harness.client().await;
    let appended = race(N_WRITERS, |idx| {
        let mut writer = Writer::new(client.log.clone(), stream("agent.a"));
        async move {
            let mut versions = Vec::new();
            for n in 0..N_EACH {
                let id = (idx * N_EACH + n) as u128;
                versions.push((id, writer.contend(id, b"mine").await.version));
            }
            versions
        }
    })
    .await;
    let n = N_WRITERS * N_EACH;
    let commits = read_n(&*client.log, &stream("agent.a"), n, harness.patience()).await;
    assert!(commits.is_sorted_by(|a, b| a.version < b.version && a.position < b.position));
    let mut stored: Vec<_> = commits.iter().map(|c| (c.id.as_u128(), c.version)).collect();
    stored.sort_unstable();
    let mut told: Vec<_> = appended.into_iter().flatten().collect();
    told.sort_unstable();
    assert_eq!(stored, told, "each acknowledged commit is stored once, where it was said to be");
}

/// The events of one commit are stored together, byte by byte.
pub async fn commit_of_many_events_is_stored_whole<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(log.clone(), stream("agent.a"));
    let body: Vec<u8> =
        (0..200_u32).flat_map(|n| format!("{{\"event\":{n}}}\n").into_bytes()).collect();
    let commit = writer.seal(1, &body);
    writer.must_append(1, &body).await;
    let commits = read_n(&*log, &writer.stream, 1, harness.patience()).await;
    assert_eq!(commits[0].bytes, commit.bytes);
}

/// Reading goes on after any version, in order, and ends empty.
pub async fn read_starts_after_a_version<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(log.clone(), stream("agent.a"));
    let mut other = Writer::new(log.clone(), stream("agent.b"));
    for id in 1..=6 {
        writer.must_append(id, b"mine").await;
        other.must_append(100 + id, b"not mine").await;
    }
    let commits = read_n(&*log, &writer.stream, 6, harness.patience()).await;
    for (idx, stored) in commits.iter().enumerate() {
        reads(harness.patience(), &commits[idx + 1..].to_vec(), async || {
            log.read(&writer.stream, stored.version, 100).await.expect("readable")
        })
        .await;
    }
    let none = log.read(&stream("agent.c"), Version::EMPTY, 100).await.expect("readable");
    assert_eq!(none, []);
}

/// A page has at most as many commits as were asked for; a short one is the last.
pub async fn read_is_paged<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(log.clone(), stream("agent.a"));
    for id in 1..=25 {
        writer.must_append(id, b"mine").await;
    }
    let pages = [(1..=10).collect(), (11..=20).collect(), (21..=25).collect::<Vec<u128>>()];
    reads(harness.patience(), &pages.to_vec(), async || {
        let (mut pages, mut after) = (Vec::new(), Version::EMPTY);
        loop {
            let page = log.read(&writer.stream, after, 10).await.expect("readable");
            assert!(page.len() <= 10, "more than were asked for");
            after = page.last().map_or(after, |stored| stored.version);
            let n = page.len();
            pages.push(ids(&page));
            if n < 10 {
                return pages;
            }
        }
    })
    .await;
}

/// A commit is found by its id, in its own stream only.
pub async fn commit_is_found_by_stream_and_id<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(log.clone(), stream("agent.a"));
    for id in 1..=3 {
        writer.must_append(id, b"mine").await;
    }
    let commits = read_n(&*log, &writer.stream, 3, harness.patience()).await;
    for stored in commits {
        let id = stored.id;
        reads(harness.patience(), &Some(stored), async || {
            log.find(&writer.stream, id).await.expect("readable")
        })
        .await;
        assert_eq!(log.find(&stream("agent.b"), id).await.expect("readable"), None);
    }
    assert_eq!(log.find(&writer.stream, Uuid::from_u128(99)).await.expect("readable"), None);
}

/// A commit at the limit is stored; one over it is not, and the error names the limit.
pub async fn oversize_commit_is_not_written<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(log.clone(), stream("agent.a"));
    let bytes_max = log.commit_bytes_max();
    let mut bytes = writer.seal(1, b"").bytes;
    bytes.resize(bytes_max + 1, b'x');
    let too_large = Commit { id: Uuid::from_u128(1), bytes };
    let refused = log.append(&writer.stream, Version::EMPTY, too_large).await;
    match refused {
        Err(AppendError::NotWritten { reason, .. }) => {
            assert!(reason.contains(&bytes_max.to_string()), "{reason:?} names {bytes_max}");
        }
        other => panic!("not written was to come, not {other:?}"),
    }
    // The checksum may take up to ten digits.
    let n = bytes_max - writer.seal(2, b"").bytes.len() - 10;
    writer.must_append(2, &vec![b'x'; n]).await;
    let commits = read_n(&*log, &writer.stream, 1, harness.patience()).await;
    assert_eq!(ids(&commits), [2]);
}
