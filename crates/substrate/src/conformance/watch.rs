//! Cases of the key-value port: watches.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Harness;
use super::support::{bucket, eventually, key, race};
use crate::kv::{Change, Entry, Revision, Watch, WriteError};
use crate::name::Key;

/// A watch first tells every present key, then that this was all.
pub async fn watch_begins_with_what_is_there<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let tasks = bucket("tasks");
    for name in ["a", "b", "gone"] {
        kv.create(&tasks, &key(name), name.into()).await.expect("new");
    }
    let gone = kv.get(&tasks, &key("gone")).await.expect("readable");
    let gone = match gone {
        Some(entry) => entry.revision,
        None => {
            eventually(harness.patience(), "the key", async || {
                kv.get(&tasks, &key("gone")).await.expect("readable").map(|entry| entry.revision)
            })
            .await
        }
    };
    kv.delete(&tasks, &key("gone"), gone).await.expect("present");
    kv.create(&bucket("other"), &key("z"), b"z".to_vec()).await.expect("new");
    let mut follower = Follower::new(kv.watch(&tasks).await.expect("watchable"), &harness);
    follower.until_synced().await;
    assert_eq!(follower.keys(), ["a", "b"]);
    let mut empty = Follower::new(kv.watch(&bucket("empty")).await.expect("watchable"), &harness);
    empty.until_synced().await;
    assert_eq!(empty.keys(), [""; 0]);
}

/// A watch that is followed tells each change, in the order of revisions.
pub async fn watch_tells_changes_in_order<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let (tasks, a, b) = (bucket("tasks"), key("a"), key("b"));
    let mut follower = Follower::new(kv.watch(&tasks).await.expect("watchable"), &harness);
    follower.until_synced().await;
    let first = kv.create(&tasks, &a, b"one".to_vec()).await.expect("new");
    let put = |key: &Key, revision, value: &[u8]| {
        Change::Put(Entry { key: key.clone(), revision, value: value.to_vec() })
    };
    assert_eq!(follower.next().await, put(&a, first, b"one"));
    let second = kv.create(&tasks, &b, b"two".to_vec()).await.expect("new");
    assert_eq!(follower.next().await, put(&b, second, b"two"));
    let third = kv.update(&tasks, &a, b"three".to_vec(), first).await.expect("present");
    assert_eq!(follower.next().await, put(&a, third, b"three"));
    kv.delete(&tasks, &b, second).await.expect("present");
    match follower.next().await {
        Change::Deleted { key, revision } => {
            assert_eq!(key, b);
            assert!(revision > third);
        }
        other => panic!("a deletion was to come, not {other:?}"),
    }
    let last = kv.create(&tasks, &b, b"again".to_vec()).await.expect("absent");
    assert_eq!(follower.next().await, put(&b, last, b"again"));
    assert_eq!(follower.keys(), ["a", "b"]);
    assert_eq!(follower.n_resyncs, 0);
}

/// A watcher that took nothing while more changed than its buffer holds is told so, gets every
/// present key again, and ends with the truth.
pub async fn watcher_that_fell_behind_resyncs<H: Harness>() {
    let harness = H::start().await;
    let kv = harness.client().await.kv;
    let tasks = bucket("tasks");
    let old = kv.create(&tasks, &key("old"), b"old".to_vec()).await.expect("new");
    let mut follower = Follower::new(kv.watch(&tasks).await.expect("watchable"), &harness);
    follower.until_synced().await;
    kv.delete(&tasks, &key("old"), old).await.expect("present");
    let mut revision = kv.create(&tasks, &key("new"), b"0".to_vec()).await.expect("new");
    for n in 1..=4 * harness.watch_buffer() {
        let value = n.to_string().into_bytes();
        revision = kv.update(&tasks, &key("new"), value, revision).await.expect("present");
    }
    follower.until_revision(&key("new"), revision).await;
    assert!(follower.n_resyncs >= 1, "changes were missed, and nothing said so");
    follower.until_synced().await;
    assert_eq!(follower.keys(), ["new"], "what was deleted meanwhile is not told again");
    let last = kv.create(&tasks, &key("last"), b"last".to_vec()).await.expect("new");
    follower.until_revision(&key("last"), last).await;
}

/// While writers create, update and delete, a watcher ends with what the store holds, whether it
/// fell behind or not.
pub async fn watch_ends_with_the_truth_under_writers<H: Harness>() {
    let harness = H::start().await;
    let client = harness.client().await;
    let tasks = bucket("tasks");
    let watch = client.kv.watch(&tasks).await.expect("watchable");
    let mut follower = Follower::new(watch, &harness);
    let writers = race(8, |idx| {
        let kv = client.kv.clone();
        async move {
            for round in 0..12_usize {
                let name = key(&format!("k{}", (idx + round) % 5));
                let value = format!("{idx}.{round}").into_bytes();
                churn(&*kv, &name, value, round % 3 == 2).await;
            }
        }
    });
    let follow = follower.until_put(key("end"));
    let write = async {
        writers.await;
        client.kv.create(&tasks, &key("end"), b"end".to_vec()).await.expect("new");
    };
    futures_util::join!(follow, write);
    follower.until_synced().await;
    let truth = eventually(harness.patience(), "the end", async || {
        let listed = client.kv.list(&tasks).await.expect("readable");
        listed.iter().any(|entry| entry.key == key("end")).then_some(listed)
    })
    .await;
    assert_eq!(follower.entries.into_values().collect::<Vec<_>>(), truth);
}

/// Changes one key, whatever the others do meanwhile.
async fn churn(kv: &dyn crate::Kv, name: &Key, value: Vec<u8>, deletes: bool) {
    let tasks = bucket("tasks");
    let end = match kv.get(&tasks, name).await.expect("readable") {
        None => kv.create(&tasks, name, value).await.map(drop),
        Some(entry) if deletes => kv.delete(&tasks, name, entry.revision).await,
        Some(entry) => kv.update(&tasks, name, value, entry.revision).await.map(drop),
    };
    match end {
        Ok(()) | Err(WriteError::Conflict { .. }) => tokio::task::yield_now().await,
        Err(error) => panic!("no fault was injected, and yet: {error}"),
    }
}

/// Follows a watch as a view does, and checks what the port promises of every change.
struct Follower {
    watch: Box<dyn Watch>,
    patience: Duration,
    entries: BTreeMap<Key, Entry>,
    synced: bool,
    last: Revision,
    n_resyncs: usize,
}

impl Follower {
    fn new<H: Harness>(watch: Box<dyn Watch>, harness: &H) -> Self {
        Self {
            watch,
            patience: harness.patience(),
            entries: BTreeMap::new(),
            synced: false,
            last: Revision(0),
            n_resyncs: 0,
        }
    }

    async fn next(&mut self) -> Change {
        let next = tokio::time::timeout(self.patience, self.watch.next()).await;
        let change = next.expect("a change in time").expect("the substrate is open");
        match &change {
            Change::Put(entry) => {
                self.follow(entry.revision);
                self.entries.insert(entry.key.clone(), entry.clone());
            }
            Change::Deleted { key, revision } => {
                assert!(self.synced, "a deletion among the present keys");
                self.follow(*revision);
                self.entries.remove(key);
            }
            Change::Resync => {
                self.entries.clear();
                self.synced = false;
                self.n_resyncs += 1;
            }
            Change::Synced => {
                assert!(!self.synced, "synced twice");
                self.synced = true;
            }
        }
        change
    }

    /// The present keys come in any order; what follows comes in the order of revisions.
    fn follow(&mut self, revision: Revision) {
        if self.synced {
            assert!(revision > self.last, "{revision:?} came after {:?}", self.last);
        }
        self.last = self.last.max(revision);
    }

    fn keys(&self) -> Vec<&str> {
        self.entries.keys().map(Key::as_str).collect()
    }

    async fn until_synced(&mut self) {
        while !self.synced {
            self.next().await;
        }
    }

    async fn until_revision(&mut self, key: &Key, revision: Revision) {
        while self.entries.get(key).is_none_or(|entry| entry.revision != revision) {
            self.next().await;
        }
    }

    async fn until_put(&mut self, key: Key) {
        while !self.entries.contains_key(&key) {
            self.next().await;
        }
    }
}
