//! Limits of waiting: another program holds the file, the queue is full.

use callboard_substrate::log::AppendError;
use callboard_substrate_embedded::{Config, Embedded};
use rusqlite::Connection;

use crate::support::Owner;

#[tokio::test]
async fn held_database_and_full_queue_write_nothing_and_recover() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cfg = Config { wait_ms_max: 200, queue_max: 1, batch_max: 1, ..Config::default() };
    let embedded = Embedded::open(folder.path(), cfg).expect("opens");
    let log = embedded.substrate().log;
    let other = Connection::open(folder.path().join("log.sqlite")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("the writer is idle");

    // One is with the writer, one waits in the queue, one finds no place.
    let (mut a, mut b, mut c) = (Owner::new("a"), Owner::new("b"), Owner::new("c"));
    let outcomes = tokio::join!(a.append(&*log, 10), b.append(&*log, 10), c.append(&*log, 10));
    let reasons = [outcomes.0.1, outcomes.1.1, outcomes.2.1].map(|outcome| match outcome {
        Err(AppendError::NotWritten { reason, .. }) => reason,
        other => panic!("{other:?}"),
    });
    assert!(reasons[0].contains("in use by another program"), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("queue of writes is full")), "{reasons:?}");
    assert_eq!(embedded.health().alerts.len(), 1);

    other.execute_batch("ROLLBACK").expect("begun above");
    for owner in [&mut a, &mut b, &mut c] {
        owner.append(&*log, 10).await.1.expect("appended");
    }
    assert_eq!(embedded.health().alerts.len(), 0);
    embedded.close().await;
}
