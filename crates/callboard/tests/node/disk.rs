//! A disk without space: nothing more is acknowledged, nothing that was is lost, and people are
//! told. The limit of a database's size stands for the disk: the database answers the same way.

use callboard_api::error::Code;
use callboard_api::request::Message;
use callboard_testkit::poll::until;
use uuid::Uuid;

use crate::support::{Machine, PATIENCE};

/// Messages that fill the limit several times.
const N_MESSAGES_MAX: usize = 1_000;

#[test]
fn full_disk_raises_an_alert_and_loses_no_acknowledgement() {
    let mut machine = Machine::configured("[embedded]\ndatabase_bytes_max = 2000000\n");
    let client = machine.up();
    let mut acknowledged = Vec::new();
    let refused = (0..N_MESSAGES_MAX).find_map(|_| {
        let id = Uuid::now_v7();
        let target = "orchestrator".to_owned();
        let text = "x".repeat(30_000);
        let message =
            Message { id, target, text, priority: None, conversation: None, expires_s: None };
        match client.message(&message) {
            Ok(_) => {
                acknowledged.push(id);
                None
            }
            Err(error) => Some(error),
        }
    });
    let refused = refused.expect("the limit is reached");
    assert!(matches!(refused.code(), Code::Unreachable | Code::TimedOut), "{refused}");
    assert!(!acknowledged.is_empty());
    until("status has the alert", PATIENCE, || {
        let alerts = client.status().ok()?.alerts;
        alerts.iter().any(|it| it.text.contains("no space is left")).then_some(())
    });
    machine.kill();
    machine.write("callboard.toml", "");
    let client = machine.up();
    for id in &acknowledged {
        until(&format!("message {id} is answered"), PATIENCE, || {
            let receipt = client.receipt(&id.to_string()).ok()?;
            (receipt.state == "answered").then_some(())
        });
    }
    let status = client.status().expect("it runs");
    assert!(status.alerts.iter().all(|it| !it.text.contains("no space")), "{:?}", status.alerts);
    machine.run(&["doctor", "--verify-log"]).check(0, &[]);
}
