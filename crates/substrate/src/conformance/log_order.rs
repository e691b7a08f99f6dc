//! Cases of the event log: the total order, the tail, and what a restart leaves.

use std::time::Duration;

use callboard_stdx::task::{self, Kind};

use super::Harness;
use super::support::{PAGE, Writer, bucket, eventually, ids, key, race, read_n, reads, stream};
use crate::log::{EventLog, Position, Stored};
use crate::name::BlobName;

/// Long enough for a tail that would answer at once to do so.
const MOMENT: Duration = Duration::from_millis(30);

/// The commits of all streams have one order, which each stream's own order agrees with.
pub async fn total_order_holds_every_stream<H: Harness>() {
    let harness = H::start().await;
    let client = harness.client().await;
    assert_eq!(client.log.head().await.expect("readable"), Position::default());
    race(8, |idx| {
        let mut writer = Writer::new(client.log.clone(), stream(&format!("agent.{idx}")));
        async move {
            for n in 0..8 {
                writer.must_append((idx * 100 + n) as u128, b"mine").await;
            }
        }
    })
    .await;
    let all = read_all(&*client.log, 64, harness.patience()).await;
    assert!(all.is_sorted_by(|a, b| a.position < b.position));
    for idx in 0..8 {
        let stream = stream(&format!("agent.{idx}"));
        let own: Vec<_> = all.iter().filter(|stored| stored.stream == stream).cloned().collect();
        assert_eq!(own, read_n(&*client.log, &stream, 8, harness.patience()).await);
    }
    for (idx, stored) in all.iter().enumerate().step_by(7) {
        let page = ids(&all[idx + 1..(idx + 6).min(all.len())]);
        reads(harness.patience(), &page, async || {
            ids(&client.log.read_all(stored.position, 5).await.expect("readable"))
        })
        .await;
    }
    reads(harness.patience(), &all[63].position, async || {
        client.log.head().await.expect("readable")
    })
    .await;
}

/// A tail at the end waits, is woken by the next commit of any stream, and may be dropped.
pub async fn tail_waits_for_the_next_commit<H: Harness>() {
    let harness = H::start().await;
    let log = harness.client().await.log;
    let mut writer = Writer::new(harness.client().await.log, stream("agent.a"));
    let waited = tokio::time::timeout(MOMENT, log.tail(Position::default(), PAGE)).await;
    assert!(waited.is_err(), "there is nothing to tell, and yet: {waited:?}");
    let mut after = Position::default();
    for id in 1..=3 {
        let waiting = log.tail(after, PAGE);
        let waiting = tokio::time::timeout(harness.patience(), waiting);
        let (page, appended) = futures_util::join!(waiting, writer.must_append(id, b"mine"));
        let page = page.expect("the commit wakes the tail").expect("readable");
        assert_eq!(ids(&page), [id]);
        assert_eq!(page[0].position, appended.position);
        after = appended.position;
        let waited = tokio::time::timeout(MOMENT, log.tail(after, PAGE)).await;
        assert!(waited.is_err(), "there is nothing new, and yet: {waited:?}");
    }
    let page = log.tail(Position::default(), 2).await.expect("readable");
    assert_eq!(ids(&page), [1, 2], "a tail from the beginning is paged like a read");
}

/// While writers write, a reader that drops its tail and its client again and again and goes on
/// from its last position sees each commit once, in the total order.
pub async fn tail_has_neither_gap_nor_repeat_across_reconnects<H: Harness>() {
    let harness = H::start().await;
    let client = harness.client().await;
    let mut writers = Vec::new();
    for idx in 0..4 {
        let mut writer = Writer::new(client.log.clone(), stream(&format!("agent.{idx}")));
        writers.push(task::spawn(Kind::Work, format!("writer {idx}"), async move {
            for n in 0..16 {
                writer.must_append((idx * 100 + n) as u128, b"mine").await;
                tokio::task::yield_now().await;
            }
            writer
        }));
    }
    let mut seen = Vec::new();
    tail_until(&harness, &mut seen, 64).await;
    assert_eq!(seen, read_all(&*client.log, 64, harness.patience()).await);
    let mut ended = Vec::new();
    for task in writers {
        ended.push(task.join().await.expect("a writer panicked, see above"));
    }
    drop(client);
    let versions: Vec<_> = ended.into_iter().map(|writer| (writer.version, writer.chain)).collect();
    let harness = harness.reopen().await;
    let client = harness.client().await;
    for (idx, (version, chain)) in versions.into_iter().enumerate() {
        let log = client.log.clone();
        let mut writer = Writer { log, stream: stream(&format!("agent.{idx}")), version, chain };
        writer.must_append(1_000 + idx as u128, b"after the restart").await;
    }
    tail_until(&harness, &mut seen, 68).await;
    assert_eq!(ids(&seen[64..]), [1_000, 1_001, 1_002, 1_003]);
    assert_eq!(seen, read_all(&*client.log, 68, harness.patience()).await);
}

/// What was acknowledged is there after everything was closed and opened again.
pub async fn acknowledged_writes_survive_reopening<H: Harness>() {
    let harness = H::start().await;
    let (tasks, last) = (bucket("tasks"), key("last"));
    let blob = BlobName::new("a.b").expect("legal");
    let (version, chain, revision) = {
        let client = harness.client().await;
        let mut writer = Writer::new(client.log.clone(), stream("agent.a"));
        for id in 1..=3 {
            writer.must_append(id, b"mine").await;
        }
        let revision = client.kv.create(&tasks, &last, b"3".to_vec()).await.expect("new");
        client.blobs.put(&blob, b"large".to_vec()).await.expect("stored");
        (writer.version, writer.chain, revision)
    };
    let harness = harness.reopen().await;
    let client = harness.client().await;
    let stream = stream("agent.a");
    assert_eq!(ids(&read_n(&*client.log, &stream, 3, harness.patience()).await), [1, 2, 3]);
    let mut writer = Writer { log: client.log.clone(), stream, version, chain };
    writer.must_append(4, b"the version is still what it was").await;
    let updated = client.kv.update(&tasks, &last, b"4".to_vec(), revision).await;
    assert!(updated.expect("the revision is still what it was") > revision);
    assert_eq!(client.blobs.get(&blob).await.expect("stored"), b"large");
}

/// Tails until `seen` has `n` commits, each time by a new client, half of the tails cut short.
async fn tail_until<H: Harness>(harness: &H, seen: &mut Vec<Stored>, n: usize) {
    let mut n_tails = 0;
    let work = async {
        while seen.len() < n {
            n_tails += 1;
            let log = harness.client().await.log;
            let after = seen.last().map_or_else(Position::default, |stored| stored.position);
            let tail = log.tail(after, 1 + n_tails % 5);
            if n_tails % 2 == 0 {
                // Polled once and dropped: it must not take anything with it.
                let mut tail = tail;
                if let Some(page) = futures_util::FutureExt::now_or_never(&mut tail) {
                    seen.extend(page.expect("readable"));
                }
                continue;
            }
            let page = tail.await.expect("readable");
            assert!(!page.is_empty(), "a tail never answers with nothing");
            seen.extend(page);
        }
    };
    tokio::time::timeout(harness.patience(), work).await.expect("the tail came to an end in time");
    assert_eq!(seen.len(), n);
}

/// Reads the total order in pages, repeated until it has `n` commits.
async fn read_all(log: &dyn EventLog, n: usize, patience: Duration) -> Vec<Stored> {
    eventually(patience, "the last commit of all streams", async || {
        let mut all: Vec<Stored> = Vec::new();
        loop {
            let after = all.last().map_or_else(Position::default, |stored| stored.position);
            let page = log.read_all(after, 10).await.expect("readable");
            let is_last = page.len() < 10;
            all.extend(page);
            if is_last {
                break;
            }
        }
        assert!(all.len() <= n, "{} commits where {n} were appended", all.len());
        (all.len() == n).then_some(all)
    })
    .await
}
