//! Random calls come to what a naive model says: the log and the buckets without faults.

use std::collections::BTreeMap;
use std::time::Duration;

use callboard_substrate::Substrate;
use callboard_substrate::kv::{Change, Revision, Watch, WriteError};
use callboard_substrate::log::{AppendError, Commit, Position, Stored, Version};
use callboard_substrate::name::{Bucket, Key, Stream};
use callboard_substrate_memory::{Config, MemorySubstrate};
use proptest::prelude::*;
use uuid::Uuid;

/// An append to one of three streams, at its version or at one of `n_back` commits before.
#[derive(Debug, Clone)]
struct Append {
    stream: usize,
    n_back: usize,
}

/// A call on one of four keys.
#[derive(Debug, Clone)]
struct Call {
    key: usize,
    kind: Kind,
    /// It names a revision that is not the key's any more.
    is_stale: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Create,
    Update,
    Delete,
    /// The watcher takes everything that there is for it.
    Follow,
}

/// The present values of a bucket.
type Present = BTreeMap<Key, (Revision, Vec<u8>)>;

fn appends() -> impl Strategy<Value = Vec<Append>> {
    let append = (0..3_usize, prop_oneof![4 => Just(0_usize), 1 => 1..4_usize]);
    prop::collection::vec(append.prop_map(|(stream, n_back)| Append { stream, n_back }), 0..60)
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let kind = prop_oneof![
        3 => Just(Kind::Create),
        3 => Just(Kind::Update),
        2 => Just(Kind::Delete),
        1 => Just(Kind::Follow),
    ];
    let call = (0..4_usize, kind, prop::bool::weighted(0.2));
    let call = call.prop_map(|(key, kind, is_stale)| Call { key, kind, is_stale });
    prop::collection::vec(call, 0..80)
}

fn stream(idx: usize) -> Stream {
    Stream::new(format!("agent.s{idx}")).expect("legal")
}

fn key(idx: usize) -> Key {
    Key::new(format!("k{idx}")).expect("legal")
}

fn run<T>(seed: u64, test: impl AsyncFnOnce(Substrate) -> T) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    let config = Config { watch_buffer: 8, ..Config::default() };
    runtime.block_on(test(MemorySubstrate::new(config, seed).client("node-a")))
}

async fn log_is_the_model(substrate: Substrate, appends: Vec<Append>) {
    let log = substrate.log;
    let mut model: Vec<Stored> = Vec::new();
    for (n, Append { stream: idx, n_back }) in appends.into_iter().enumerate() {
        let versions: Vec<_> = std::iter::once(Version::EMPTY)
            .chain(model.iter().filter(|c| c.stream == stream(idx)).map(|c| c.version))
            .collect();
        let actual = versions[versions.len() - 1];
        let expected = versions[versions.len().saturating_sub(1 + n_back)];
        let commit = Commit { id: Uuid::from_u128(n as u128), bytes: vec![n as u8] };
        match log.append(&stream(idx), expected, commit.clone()).await {
            Ok(appended) => {
                assert_eq!(expected, actual);
                model.push(Stored {
                    stream: stream(idx),
                    version: appended.version,
                    position: appended.position,
                    id: commit.id,
                    bytes: commit.bytes,
                });
            }
            Err(AppendError::Conflict { actual: told, .. }) => {
                assert_ne!(expected, actual);
                assert_eq!(told, actual);
            }
            Err(error) => panic!("no fault was injected, and yet: {error}"),
        }
    }
    let last = model.last().map_or_else(Position::default, |stored| stored.position);
    assert_eq!(log.head().await.expect("readable"), last);
    let all = log.read_all(Position::default(), usize::MAX).await.expect("readable");
    assert_eq!(all, model);
    for (idx, stored) in model.iter().enumerate() {
        let rest: Vec<_> = model[idx + 1..].to_vec();
        let read = log.read_all(stored.position, 7).await.expect("readable");
        assert_eq!(read, rest[..rest.len().min(7)]);
        let own: Vec<_> = rest.into_iter().filter(|c| c.stream == stored.stream).collect();
        let read = log.read(&stored.stream, stored.version, 3).await.expect("readable");
        assert_eq!(read, own[..own.len().min(3)]);
        let found = log.find(&stored.stream, stored.id).await.expect("readable");
        assert_eq!(found.as_ref(), Some(stored));
    }
}

async fn kv_is_the_model(substrate: Substrate, calls: Vec<Call>) {
    let kv = substrate.kv;
    let bucket = Bucket::new("tasks").expect("legal");
    let mut watch = kv.watch(&bucket).await.expect("watchable");
    let (mut model, mut seen) = (Present::new(), Present::new());
    for (n, Call { key: idx, kind, is_stale }) in calls.into_iter().enumerate() {
        let (key, value) = (key(idx), vec![n as u8]);
        let actual = model.get(&key).map(|(revision, _)| *revision);
        let named = match actual {
            Some(revision) if is_stale => Revision(revision.0 - 1),
            Some(revision) => revision,
            None => Revision(1),
        };
        let (expected, end) = match kind {
            Kind::Create => (None, kv.create(&bucket, &key, value.clone()).await.map(Some)),
            Kind::Update => {
                (Some(named), kv.update(&bucket, &key, value.clone(), named).await.map(Some))
            }
            Kind::Delete => (Some(named), kv.delete(&bucket, &key, named).await.map(|()| None)),
            Kind::Follow => {
                follow(&mut *watch, &mut seen, &model).await;
                continue;
            }
        };
        match end {
            Ok(written) => {
                assert_eq!(expected, actual);
                match written {
                    Some(revision) => model.insert(key, (revision, value)),
                    None => model.remove(&key),
                };
            }
            Err(WriteError::Conflict { actual: told, .. }) => {
                assert_ne!(expected, actual);
                assert_eq!(told, actual);
            }
            Err(error) => panic!("no fault was injected, and yet: {error}"),
        }
        let listed = kv.list(&bucket).await.expect("readable").into_iter();
        let listed: Present = listed.map(|e| (e.key, (e.revision, e.value))).collect();
        assert_eq!(listed, model);
    }
    follow(&mut *watch, &mut seen, &model).await;
}

/// Takes what the watch has, up to where nothing comes any more, and expects the truth then.
async fn follow(watch: &mut dyn Watch, seen: &mut Present, model: &Present) {
    let moment = Duration::from_millis(1);
    while let Ok(change) = tokio::time::timeout(moment, watch.next()).await {
        match change.expect("open") {
            Change::Put(entry) => drop(seen.insert(entry.key, (entry.revision, entry.value))),
            Change::Deleted { key, .. } => drop(seen.remove(&key)),
            Change::Resync => seen.clear(),
            Change::Synced => {}
        }
    }
    assert_eq!(seen, model);
}

proptest! {
    #[test]
    fn log_comes_to_what_the_model_says(seed in any::<u64>(), appends in appends()) {
        run(seed, async |substrate| log_is_the_model(substrate, appends).await);
    }

    #[test]
    fn kv_comes_to_what_the_model_says(seed in any::<u64>(), calls in calls()) {
        run(seed, async |substrate| kv_is_the_model(substrate, calls).await);
    }
}
