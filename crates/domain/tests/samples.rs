//! Stored samples: one of every event of every entity. They were written once and must always decode;
//! a changed shape needs a new version, an upcaster, and a new sample beside the old one.
//!
//! A new variant fails here until its sample is in the file: `covers` matches without a wildcard.

use std::collections::BTreeSet;

use callboard_domain::agent::{self, Agent};
use callboard_domain::orchestrator::{self, Orchestrator};
use callboard_domain::project::{self, Project};
use callboard_domain::{Entity, message, record};
use serde_json::Value;

/// Decodes the samples and compares them with what is written today. Gives the `type` of each.
fn types<E: Entity>(file: &str) -> (BTreeSet<String>, Vec<E::Event>) {
    let stored: Value = serde_json::from_str(file).expect("a sample file is JSON");
    let events = record::decode::<E>(file.as_bytes()).expect("every sample decodes");
    let again = record::encode::<E>(&events).expect("events have a JSON form");
    let again: Value = serde_json::from_slice(&again).expect("it is JSON");
    assert_eq!(stored, again, "samples are written back as they were");
    let types = stored["events"].as_array().expect("a list").iter();
    let types = types.map(|event| event["type"].as_str().expect("a type").to_owned()).collect();
    let mut state = E::State::default();
    for event in &events {
        E::apply(&mut state, event);
    }
    (types, events)
}

fn check<E: Entity>(file: &str, variants: &[&str], covers: impl Fn(&E::Event) -> usize) {
    let (types, events) = types::<E>(file);
    let wanted: BTreeSet<String> = variants.iter().map(|v| (*v).to_owned()).collect();
    assert_eq!(types, wanted, "one sample of every variant");
    for event in &events {
        assert!(covers(event) < variants.len());
    }
}

macro_rules! variants {
    ($type:path, $($name:ident => $word:literal),+ $(,)?) => {{
        use $type as Kind;
        const WORDS: &[&str] = &[$($word),+];
        fn word(kind: &Kind) -> usize {
            let word = match kind { $(Kind::$name { .. } => $word),+ };
            WORDS.iter().position(|other| *other == word).unwrap_or(usize::MAX)
        }
        (WORDS, word)
    }};
}

#[test]
fn every_agent_event_has_a_sample_that_decodes() {
    let (words, word) = variants!(
        agent::EventKind,
        Activated => "activated",
        Created => "created",
        Assigned => "assigned",
        TaskDropped => "task_dropped",
        Inbox => "inbox",
        Launched => "launched",
        Ready => "ready",
        Prompted => "prompted",
        TurnStarted => "turn_started",
        TurnEnded => "turn_ended",
        ToolEnded => "tool_ended",
        ToolStarted => "tool_started",
        ApprovalRequested => "approval_requested",
        ApprovalDecided => "approval_decided",
        ApprovalAnswered => "approval_answered",
        ApprovalCancelled => "approval_cancelled",
        Progressed => "progressed",
        Used => "used",
        CheckpointRequested => "checkpoint_requested",
        CheckpointTaken => "checkpoint_taken",
        CheckpointFailed => "checkpoint_failed",
        CheckpointScheduled => "checkpoint_scheduled",
        PublishRequested => "publish_requested",
        TaskEnded => "task_ended",
        Reported => "reported",
        SeatChanged => "seat_changed",
        SeatTold => "seat_told",
        ProgramLost => "program_lost",
        RunRequested => "run_requested",
        Failed => "failed",
        Quarantined => "quarantined",
        Stopped => "stopped",
        Started => "started",
        Archived => "archived",
        Released => "released",
    );
    check::<Agent>(include_str!("samples/agent.json"), words, |event| word(&event.kind));
}

#[test]
fn every_project_event_has_a_sample_that_decodes() {
    let (words, word) = variants!(
        project::EventKind,
        Activated => "activated",
        Created => "created",
        Submitted => "submitted",
        TaskReady => "task_ready",
        TaskAssigned => "task_assigned",
        AssignConfirmed => "assign_confirmed",
        TaskPublished => "task_published",
        IntegrationStarted => "integration_started",
        TaskDone => "task_done",
        ConflictFound => "conflict_found",
        AttemptFailed => "attempt_failed",
        RetryReached => "retry_reached",
        TaskFailed => "task_failed",
        TaskCancelled => "task_cancelled",
        TaskRetried => "task_retried",
        CancelConfirmed => "cancel_confirmed",
        SeatOpened => "seat_opened",
        SeatPlaced => "seat_placed",
        SeatIdle => "seat_idle",
        SeatClosed => "seat_closed",
        DismissConfirmed => "dismiss_confirmed",
        SwitchConfirmed => "switch_confirmed",
        Stopped => "stopped",
        Started => "started",
        Archived => "archived",
        FleetSwitched => "fleet_switched",
        QuotaSet => "quota_set",
        ReviewRequested => "review_requested",
        Reviewed => "reviewed",
        Inbox => "inbox",
        CleanedUp => "cleaned_up",
        Released => "released",
    );
    check::<Project>(include_str!("samples/project.json"), words, |event| word(&event.kind));
}

#[test]
fn every_orchestrator_event_has_a_sample_that_decodes() {
    let (words, word) = variants!(
        orchestrator::EventKind,
        Activated => "activated",
        Configured => "configured",
        ProjectOpened => "project_opened",
        ProjectPlaced => "project_placed",
        ProjectArchived => "project_archived",
        ArchiveConfirmed => "archive_confirmed",
        Shared => "shared",
        QuotaConfirmed => "quota_confirmed",
        FleetStopped => "fleet_stopped",
        FleetResumed => "fleet_resumed",
        SwitchConfirmed => "switch_confirmed",
        Inbox => "inbox",
    );
    check::<Orchestrator>(include_str!("samples/orchestrator.json"), words, |event| {
        word(&event.kind)
    });
}

#[test]
fn every_inbox_event_has_a_sample_that_decodes() {
    let (words, word) = variants!(message::Event, Accepted => "accepted", Stepped => "stepped");
    let file = include_str!("samples/inbox.json");
    let stored: Value = serde_json::from_str(file).expect("a sample file is JSON");
    let events: Vec<message::Event> = serde_json::from_str(file).expect("every sample decodes");
    assert_eq!(stored, serde_json::to_value(&events).expect("it has a JSON form"));
    let found: BTreeSet<usize> = events.iter().map(word).collect();
    assert_eq!(found.len(), words.len(), "one sample of every variant");
}
