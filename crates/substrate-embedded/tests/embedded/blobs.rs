//! What blobs leave on the disk.

use std::fs;

use callboard_substrate::name::BlobName;

use crate::support::open;

#[tokio::test]
async fn unfinished_blobs_and_empty_folders_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let new = folder.path().join("blobs.new");
    fs::create_dir(&new).expect("creatable");
    fs::write(new.join("0"), "half").expect("writable");

    let embedded = open(folder.path());
    assert_eq!(fs::read_dir(&new).expect("readable").count(), 0);
    let blobs = embedded.substrate().blobs;
    let names = ["a", "a.b", "a.b.c.d.e.f", "ab"].map(|name| BlobName::new(name).expect("legal"));
    for name in &names {
        blobs.put(name, name.to_string().into_bytes()).await.expect("stored");
    }
    let listed = blobs.list(&names[0]).await.expect("readable");
    let listed: Vec<_> = listed.into_iter().map(|info| info.name).collect();
    assert_eq!(listed, names[..3]);
    for name in &names {
        assert_eq!(blobs.get(name).await.expect("readable"), name.to_string().into_bytes());
        blobs.delete(name).await.expect("deleted");
    }
    let root = folder.path().join("blobs");
    assert_eq!(fs::read_dir(root).expect("readable").count(), 0);
    embedded.close().await;
}
