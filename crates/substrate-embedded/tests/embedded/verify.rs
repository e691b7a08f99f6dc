//! Verification of the whole log finds what was changed behind its back.

use callboard_substrate::log::Position;
use rusqlite::Connection;

use crate::support::{Owner, open, stream};

#[tokio::test]
async fn verification_counts_and_finds_the_first_damage() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let embedded = open(folder.path());
    let log = embedded.substrate().log;
    let mut owners = [Owner::new("a"), Owner::new("b"), Owner::new("c")];
    for _ in 0..300 {
        for owner in &mut owners {
            owner.append(&*log, 10).await.1.expect("appended");
        }
    }
    let verified = embedded.verify_all().await.expect("readable");
    assert_eq!((verified.n_commits, verified.n_streams, verified.n_damages), (900, 3, 0));
    embedded.close().await;

    let db = Connection::open(folder.path().join("log.sqlite")).expect("opens");
    db.execute("UPDATE commits SET bytes = CAST(bytes || 'y' AS BLOB) WHERE position = 500", [])
        .expect("done");
    db.execute("DELETE FROM commits WHERE position = 600", []).expect("done");
    drop(db);

    let embedded = open(folder.path());
    let verified = embedded.verify_all().await.expect("readable");
    assert_eq!((verified.n_commits, verified.n_streams, verified.n_damages), (899, 3, 2));
    let found = verified.damages.iter().map(|damage| (damage.stream.clone(), damage.position));
    let expected = [(Some(stream("b")), Position(500)), (Some(stream("c")), Position(603))];
    assert_eq!(found.collect::<Vec<_>>(), expected, "{:?}", verified.damages);
    embedded.close().await;
}
