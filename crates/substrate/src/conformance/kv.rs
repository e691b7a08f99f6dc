//! Cases of the key-value port: revisions, races, limits.

use super::Harness;
use super::support::{N_WRITERS, bucket, eventually, key, race, reads};
use crate::Kv;
use crate::kv::{Entry, Revision, WriteError};
use crate::name::{Bucket, Key};

/// A value is read back at the revision that wrote it, and revisions grow.
pub async fn value_is_kept_at_its_revision<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let (tasks, a) = (bucket("tasks"), key("a"));
    assert_eq!(kv.get(&tasks, &a).await.expect("readable"), None);
    let created = kv.create(&tasks, &a, b"one".to_vec()).await.expect("new");
    sees(&harness, &*kv, &tasks, &a, Some((created, b"one"))).await;
    let updated = kv.update(&tasks, &a, b"".to_vec(), created).await.expect("present");
    assert!(created < updated);
    sees(&harness, &*kv, &tasks, &a, Some((updated, b""))).await;
    kv.delete(&tasks, &a, updated).await.expect("present");
    sees(&harness, &*kv, &tasks, &a, None).await;
}

/// A key is of its bucket only, and a bucket is listed by key.
pub async fn buckets_are_apart_and_listed_by_key<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let (tasks, leases) = (bucket("tasks"), bucket("leases"));
    for name in ["b", "a.x", "a", "c-1"] {
        kv.create(&tasks, &key(name), name.into()).await.expect("new");
    }
    kv.create(&leases, &key("a"), b"other".to_vec()).await.expect("new in its bucket");
    let listed = eventually(harness.patience(), "the whole bucket", async || {
        let listed = kv.list(&tasks).await.expect("readable");
        (listed.len() == 4).then_some(listed)
    })
    .await;
    let keys: Vec<_> = listed.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["a", "a.x", "b", "c-1"]);
    assert!(listed.iter().all(|entry| entry.value == entry.key.as_str().as_bytes()));
    assert_eq!(kv.list(&bucket("empty")).await.expect("readable"), []);
}

/// Of 32 creations of one key exactly one succeeds; the others are told of the conflict.
pub async fn one_of_32_creators_wins<H: Harness>() {
    let harness = H::start().await;
    let client = harness.client().await;
    let ends = race(N_WRITERS, |idx| {
        let kv = client.kv.clone();
        async move {
            let value = idx.to_string().into_bytes();
            (value.clone(), kv.create(&bucket("leases"), &key("placement"), value).await)
        }
    })
    .await;
    let mut won = Vec::new();
    for (value, end) in ends {
        match end {
            Ok(revision) => won.push((revision, value)),
            Err(WriteError::Conflict { .. }) => {}
            Err(error) => panic!("no fault was injected, and yet: {error}"),
        }
    }
    let [(revision, value)] = &won[..] else { panic!("{} creators won", won.len()) };
    let expected = Some((*revision, &value[..]));
    sees(&harness, &*client.kv, &bucket("leases"), &key("placement"), expected).await;
}

/// 32 writers that read and try again count to the exact sum.
pub async fn concurrent_updates_lose_nothing<H: Harness>() {
    const N_EACH: usize = 3;
    let harness = H::start().await;
    let client = harness.client().await;
    let (counters, sum) = (bucket("counters"), key("sum"));
    client.kv.create(&counters, &sum, b"0".to_vec()).await.expect("new");
    race(N_WRITERS, |_| {
        let kv = client.kv.clone();
        async move {
            for _ in 0..N_EACH {
                increment(&*kv, &bucket("counters"), &key("sum")).await;
            }
        }
    })
    .await;
    let expected = (N_WRITERS * N_EACH).to_string();
    reads(harness.patience(), &Some(expected.into_bytes()), async || {
        client.kv.get(&counters, &sum).await.expect("readable").map(|entry| entry.value)
    })
    .await;
}

/// Of an update and a deletion at the same revision one succeeds, and the store agrees.
pub async fn update_and_delete_race_has_one_winner<H: Harness>() {
    let harness = H::start().await;
    let client = harness.client().await;
    for round in 0..16 {
        let (tasks, name) = (bucket("tasks"), key(&format!("k{round}")));
        let revision = client.kv.create(&tasks, &name, b"old".to_vec()).await.expect("new");
        let ends = race(2, |idx| {
            let (kv, tasks, name) = (client.kv.clone(), tasks.clone(), name.clone());
            async move {
                if idx == round % 2 {
                    kv.delete(&tasks, &name, revision).await.map(|()| None)
                } else {
                    kv.update(&tasks, &name, b"new".to_vec(), revision).await.map(Some)
                }
            }
        })
        .await;
        let mut won = Vec::new();
        for end in ends {
            match end {
                Ok(winner) => won.push(winner),
                Err(WriteError::Conflict { .. }) => {}
                Err(error) => panic!("no fault was injected, and yet: {error}"),
            }
        }
        let [winner] = won[..] else { panic!("{} won round {round}", won.len()) };
        let expected = winner.map(|revision| (revision, &b"new"[..]));
        sees(&harness, &*client.kv, &tasks, &name, expected).await;
    }
}

/// A deleted key does not exist: it can be created, at a new revision, and not be updated.
pub async fn deleted_key_is_created_anew<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let (tasks, a) = (bucket("tasks"), key("a"));
    let mut last = Revision(0);
    for round in 0..3 {
        let value = vec![b'0' + round];
        let created = kv.create(&tasks, &a, value.clone()).await.expect("absent");
        assert!(created > last, "a revision is never given twice");
        last = created;
        sees(&harness, &*kv, &tasks, &a, Some((created, &value))).await;
        kv.delete(&tasks, &a, created).await.expect("present");
        let gone = kv.update(&tasks, &a, b"late".to_vec(), created).await;
        assert!(matches!(gone, Err(WriteError::Conflict { actual: None, .. })), "{gone:?}");
        let twice = kv.delete(&tasks, &a, created).await;
        assert!(matches!(twice, Err(WriteError::Conflict { actual: None, .. })), "{twice:?}");
    }
    sees(&harness, &*kv, &tasks, &a, None).await;
    reads(harness.patience(), &Vec::new(), async || kv.list(&tasks).await.expect("readable")).await;
}

/// A write at another revision than the key's writes nothing and says what the revision is.
pub async fn stale_revision_conflicts<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let (tasks, a) = (bucket("tasks"), key("a"));
    let first = kv.create(&tasks, &a, b"one".to_vec()).await.expect("new");
    let second = kv.update(&tasks, &a, b"two".to_vec(), first).await.expect("present");
    let other = kv.create(&tasks, &key("b"), b"other".to_vec()).await.expect("new");
    for refused in [
        kv.create(&tasks, &a, b"new".to_vec()).await.err(),
        kv.update(&tasks, &a, b"late".to_vec(), first).await.err(),
        kv.update(&tasks, &a, b"not its own".to_vec(), other).await.err(),
        kv.delete(&tasks, &a, first).await.err(),
    ] {
        match refused {
            Some(error @ WriteError::Conflict { actual, .. }) => {
                assert_eq!(actual, Some(second));
                assert!(!error.retryable());
            }
            other => panic!("a conflict was to come, not {other:?}"),
        }
    }
    let missing = kv.update(&tasks, &key("c"), b"new".to_vec(), second).await;
    assert!(matches!(missing, Err(WriteError::Conflict { actual: None, .. })), "{missing:?}");
    sees(&harness, &*kv, &tasks, &a, Some((second, b"two"))).await;
}

/// A value at the limit is stored; one over it is not, and the error names the limit.
pub async fn oversize_value_is_not_written<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let (tasks, a) = (bucket("tasks"), key("a"));
    let bytes_max = kv.value_bytes_max();
    let revision = kv.create(&tasks, &a, vec![b'x'; bytes_max]).await.expect("at the limit");
    let over = vec![b'x'; bytes_max + 1];
    for refused in [
        kv.create(&tasks, &key("b"), over.clone()).await.err(),
        kv.update(&tasks, &a, over, revision).await.err(),
    ] {
        match refused {
            Some(WriteError::NotWritten { reason, .. }) => {
                assert!(reason.contains(&bytes_max.to_string()), "{reason:?} names {bytes_max}");
            }
            other => panic!("not written was to come, not {other:?}"),
        }
    }
    sees(&harness, &*kv, &tasks, &a, Some((revision, &vec![b'x'; bytes_max]))).await;
    sees(&harness, &*kv, &tasks, &key("b"), None).await;
}

async fn increment(kv: &dyn Kv, bucket: &Bucket, key: &Key) {
    loop {
        let Some(Entry { revision, value, .. }) = kv.get(bucket, key).await.expect("readable")
        else {
            // A read from before its creation.
            tokio::task::yield_now().await;
            continue;
        };
        let value: u64 = String::from_utf8(value).expect("text").parse().expect("a number");
        let next = (value + 1).to_string().into_bytes();
        match kv.update(bucket, key, next, revision).await {
            Ok(_) => return,
            // Lets the others go on, where the runtime has one thread.
            Err(WriteError::Conflict { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("no fault was injected, and yet: {error}"),
        }
    }
}

/// Waits until the key reads as expected.
async fn sees<H: Harness>(
    harness: &H,
    kv: &dyn Kv,
    bucket: &Bucket,
    key: &Key,
    expected: Option<(Revision, &[u8])>,
) {
    let expected = expected.map(|(revision, value)| Entry {
        key: key.clone(),
        revision,
        value: value.to_vec(),
    });
    reads(harness.patience(), &expected, async || kv.get(bucket, key).await.expect("readable"))
        .await;
}
