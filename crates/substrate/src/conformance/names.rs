//! Cases of names: what is refused, and that what is legal works on every port.

use std::time::Duration;

use super::Harness;
use super::support::{Writer, eventually, ids, read_n};
use crate::name::{BadName, BlobName, Bucket, Key, Pattern, Stream, Subject, TOKEN_LEN_MAX};

/// A name that is not legal never reaches a port, and the refusal quotes it, cut short.
pub async fn bad_names_are_refused<H: Harness>() {
    let long = "x".repeat(TOKEN_LEN_MAX + 1);
    for bad in
        ["", ".", "a.", ".a", "a..b", "a b", "a/b", "../a", "a\0", "ä", "a\n", "*", ">", &long]
    {
        let refusals: [Result<(), BadName>; 5] = [
            Stream::new(bad).map(drop),
            Subject::new(bad).map(drop),
            Bucket::new(bad).map(drop),
            Key::new(bad).map(drop),
            BlobName::new(bad).map(drop),
        ];
        for refusal in refusals {
            let refusal = refusal.expect_err(bad);
            assert!(bad.starts_with(&refusal.name), "{refusal}");
        }
    }
    for bad in ["", "a.>.b", ">.a", "a*", "a.b>", "**", &long] {
        assert!(Pattern::new(bad).is_err(), "{bad:?}");
    }
    let very_long = Stream::new("y".repeat(100_000)).expect_err("too long");
    assert!(very_long.to_string().len() < 500);
}

/// The longest legal name of each kind, of every legal character, is stored and found.
pub async fn longest_names_work_on_every_port<H: Harness>() {
    let harness = H::start().await;
    let client = harness.client().await;
    let name = |n_tokens| vec![token(); n_tokens].join(".");
    let stream = Stream::new(name(2)).expect("legal");
    let mut writer = Writer::new(client.log.clone(), stream.clone());
    writer.must_append(1, b"mine").await;
    assert_eq!(ids(&read_n(&*client.log, &stream, 1, harness.patience()).await), [1]);

    let (bucket, key) = (Bucket::new(name(1)).expect("legal"), Key::new(name(4)).expect("legal"));
    client.kv.create(&bucket, &key, b"value".to_vec()).await.expect("new");
    eventually(harness.patience(), "the value", async || {
        client.kv.get(&bucket, &key).await.expect("readable")
    })
    .await;

    let blob = BlobName::new(name(6)).expect("legal");
    client.blobs.put(&blob, b"blob".to_vec()).await.expect("stored");
    eventually(harness.patience(), "the blob", async || client.blobs.get(&blob).await.ok()).await;
    let listed = client.blobs.list(&blob).await.expect("readable");
    assert_eq!(listed.len(), 1);

    let subject = Subject::new(name(8)).expect("legal");
    let pattern = Pattern::new(name(8)).expect("legal");
    let mut subscription = client.bus.subscribe(&pattern).await.expect("subscribed");
    client.bus.publish(&subject, b"message".to_vec()).await.expect("sent");
    let message = tokio::time::timeout(Duration::from_secs(5), subscription.next()).await;
    assert_eq!(message.expect("in time").expect("open").subject, subject);
}

/// Names that differ only in case, or that contain one another, are different names.
pub async fn alike_names_are_apart<H: Harness>() {
    let names = ["a", "A", "a.a", "a.A", "a-a", "a_a", "a-"];
    let harness = H::start().await;
    let client = harness.client().await;
    let bucket = Bucket::new("alike").expect("legal");
    for (idx, name) in names.iter().enumerate() {
        let mut writer = Writer::new(client.log.clone(), Stream::new(*name).expect("legal"));
        writer.must_append(idx as u128, name.as_bytes()).await;
        let key = Key::new(*name).expect("legal");
        client.kv.create(&bucket, &key, (*name).into()).await.expect("new");
        let blob = BlobName::new(*name).expect("legal");
        client.blobs.put(&blob, (*name).into()).await.expect("stored");
    }
    for (idx, name) in names.iter().enumerate() {
        let stream = Stream::new(*name).expect("legal");
        let commits = read_n(&*client.log, &stream, 1, harness.patience()).await;
        assert_eq!(ids(&commits), [idx as u128]);
        let key = Key::new(*name).expect("legal");
        let entry = eventually(harness.patience(), "the value", async || {
            client.kv.get(&bucket, &key).await.expect("readable")
        })
        .await;
        assert_eq!(entry.value, name.as_bytes());
        let blob = BlobName::new(*name).expect("legal");
        let bytes =
            eventually(harness.patience(), "the blob", async || client.blobs.get(&blob).await.ok())
                .await;
        assert_eq!(bytes, name.as_bytes());
    }
}

/// The longest token, of every legal character.
fn token() -> String {
    let legal = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['-', '_']);
    legal.cycle().take(TOKEN_LEN_MAX).collect()
}
