//! Cases of the blobs: digests, replacement, listing, limits.

use super::support::{eventually, race};
use super::{Harness, Injected};
use crate::Blobs;
use crate::blobs::{BlobError, BlobInfo};
use crate::name::BlobName;

/// A blob is read back as it was put, and its facts are right.
pub async fn blob_is_kept_with_its_digest<H: Harness>() {
    let harness = H::start().await;
    let blobs = harness.client().await.blobs;
    for (blob, bytes) in [("a.full", &b"abc"[..]), ("a.empty", b"")] {
        let expected = BlobInfo {
            name: name(blob),
            bytes: bytes.len() as u64,
            sha256: callboard_stdx::digest::sha256_hex(bytes),
        };
        let info = blobs.put(&name(blob), bytes.to_vec()).await.expect("stored");
        assert_eq!(info, expected);
        // A put is idempotent.
        assert_eq!(blobs.put(&name(blob), bytes.to_vec()).await.expect("stored"), expected);
        assert_eq!(get(&harness, &*blobs, &name(blob)).await, bytes);
        lists(&harness, &*blobs, &name(blob), &[blob]).await;
        assert_eq!(blobs.list(&name(blob)).await.expect("readable"), [expected]);
    }
}

/// While a blob is replaced again and again, a reader gets one of the values, whole.
pub async fn blob_is_replaced_whole<H: Harness>() {
    const N_BYTES: usize = 100_000;
    let harness = H::start().await;
    let client = harness.client().await;
    client.blobs.put(&name("snapshot"), vec![b'a'; N_BYTES]).await.expect("stored");
    get(&harness, &*client.blobs, &name("snapshot")).await;
    race(4, |idx| {
        let blobs = client.blobs.clone();
        async move {
            for round in 0..8_u8 {
                if idx == 0 {
                    let bytes = vec![b'b' + round; N_BYTES + usize::from(round)];
                    blobs.put(&name("snapshot"), bytes).await.expect("stored");
                    continue;
                }
                let bytes = blobs.get(&name("snapshot")).await.expect("always there, whole");
                let first = bytes[0];
                assert!(bytes.iter().all(|byte| *byte == first), "a mixture");
                assert_eq!(bytes.len(), N_BYTES + usize::from(first.saturating_sub(b'b')));
            }
        }
    })
    .await;
    eventually(harness.patience(), "the last value", async || {
        let bytes = client.blobs.get(&name("snapshot")).await.expect("there");
        (bytes[0] == b'i').then_some(())
    })
    .await;
    lists(&harness, &*client.blobs, &name("snapshot"), &["snapshot"]).await;
}

/// A deleted blob is not found; deleting it again is no error.
pub async fn deleted_blob_is_gone<H: Harness>() {
    let harness = H::start().await;
    let blobs = harness.client().await.blobs;
    let missing = blobs.get(&name("a")).await;
    assert!(matches!(missing, Err(BlobError::NotFound { .. })), "{missing:?}");
    blobs.delete(&name("a")).await.expect("nothing to do");
    blobs.put(&name("a"), b"one".to_vec()).await.expect("stored");
    get(&harness, &*blobs, &name("a")).await;
    blobs.delete(&name("a")).await.expect("deleted");
    blobs.delete(&name("a")).await.expect("nothing to do");
    eventually(harness.patience(), "the deletion", async || match blobs.get(&name("a")).await {
        Err(error @ BlobError::NotFound { .. }) => {
            assert!(!error.retryable());
            Some(())
        }
        _ => None,
    })
    .await;
    lists(&harness, &*blobs, &name("a"), &[]).await;
    blobs.put(&name("a"), b"two".to_vec()).await.expect("stored");
    assert_eq!(get(&harness, &*blobs, &name("a")).await, b"two");
}

/// A list is by whole tokens, ordered by name.
pub async fn blobs_are_listed_by_tokens<H: Harness>() {
    let harness = H::start().await;
    let blobs = harness.client().await.blobs;
    for blob in ["a.b.d", "a.b", "a.bc", "a.b.c", "a-b.c", "b.a", "a"] {
        blobs.put(&name(blob), blob.into()).await.expect("stored");
    }
    lists(&harness, &*blobs, &name("a.b"), &["a.b", "a.b.c", "a.b.d"]).await;
    lists(&harness, &*blobs, &name("a"), &["a", "a.b", "a.b.c", "a.b.d", "a.bc"]).await;
    lists(&harness, &*blobs, &name("b"), &["b.a"]).await;
    lists(&harness, &*blobs, &name("c"), &[]).await;
    assert_eq!(get(&harness, &*blobs, &name("a.b")).await, b"a.b");
}

/// A blob at the limit is stored; one over it is not, and the error has both sizes.
pub async fn oversize_blob_is_refused<H: Harness>() {
    let harness = H::start().await;
    let blobs = harness.client().await.blobs;
    let bytes_max = blobs.bytes_max();
    let n = usize::try_from(bytes_max).expect("the harness sets small limits");
    match blobs.put(&name("a"), vec![b'x'; n + 1]).await {
        Err(error @ BlobError::TooLarge { bytes, bytes_max: told, .. }) => {
            assert_eq!((bytes, told), (bytes_max + 1, bytes_max));
            assert!(!error.retryable());
        }
        other => panic!("too large was to come, not {other:?}"),
    }
    let missing = blobs.get(&name("a")).await;
    assert!(matches!(missing, Err(BlobError::NotFound { .. })), "{missing:?}");
    blobs.put(&name("a"), vec![b'x'; n]).await.expect("at the limit");
    assert_eq!(get(&harness, &*blobs, &name("a")).await.len(), n);
}

/// A changed byte is noticed on reading, with both digests; the next put repairs it.
///
/// Where the store cannot be damaged, the digest that it tells is that of what it gives.
pub async fn damaged_blob_is_noticed<H: Harness>() {
    let harness = H::start().await;
    let blobs = harness.client().await.blobs;
    let info = blobs.put(&name("a.b"), b"some bytes".to_vec()).await.expect("stored");
    let bytes = get(&harness, &*blobs, &name("a.b")).await;
    assert_eq!(callboard_stdx::digest::sha256_hex(&bytes), info.sha256);
    if harness.damage_blob(&name("a.b")).await == Injected::No {
        return;
    }
    match blobs.get(&name("a.b")).await {
        Err(error @ BlobError::Damaged { .. }) => {
            assert!(!error.retryable());
            let BlobError::Damaged { expected, actual, .. } = error else {
                unreachable!("matched above")
            };
            assert_eq!(expected, info.sha256);
            assert_ne!(actual, info.sha256);
        }
        other => panic!("damage was to be noticed, not {other:?}"),
    }
    blobs.put(&name("a.b"), b"some bytes".to_vec()).await.expect("stored");
    assert_eq!(get(&harness, &*blobs, &name("a.b")).await, b"some bytes");
}

fn name(text: &str) -> BlobName {
    BlobName::new(text).expect("the suite's names are legal")
}

/// Waits until the blob is there.
async fn get<H: Harness>(harness: &H, blobs: &dyn Blobs, name: &BlobName) -> Vec<u8> {
    eventually(harness.patience(), "the blob", async || match blobs.get(name).await {
        Ok(bytes) => Some(bytes),
        Err(BlobError::NotFound { .. }) => None,
        Err(error) => panic!("no fault was injected, and yet: {error}"),
    })
    .await
}

/// Waits until the list reads as expected.
async fn lists<H: Harness>(harness: &H, blobs: &dyn Blobs, prefix: &BlobName, expected: &[&str]) {
    eventually(harness.patience(), &format!("the list {expected:?}"), async || {
        let listed = blobs.list(prefix).await.expect("readable");
        let names: Vec<_> = listed.iter().map(|info| info.name.as_str()).collect();
        (names == expected).then_some(())
    })
    .await;
}
