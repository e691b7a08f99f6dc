//! The macro that turns the suite into tests: one per case, so that a failure has a name.

/// Expands to one `#[tokio::test]` per case of the suite, in one module per port.
///
/// The first argument is the type that implements [`crate::conformance::Harness`]; what follows is
/// given to `#[tokio::test(…)]`. The calling crate needs `tokio` with `macros` and `rt`.
///
/// ```text
/// callboard_substrate::conformance!(crate::MyHarness, flavor = "multi_thread");
/// ```
#[macro_export]
macro_rules! conformance {
    ($harness:ty $(, $($option:tt)+)?) => {
        $crate::conformance!(@port $harness, [$($($option)+)?], log,
            append_moves_the_version
            wrong_version_conflicts
            one_of_32_writers_wins_each_version
            concurrent_writers_lose_and_double_nothing
            commit_of_many_events_is_stored_whole
            read_starts_after_a_version
            read_is_paged
            commit_is_found_by_stream_and_id
            oversize_commit_is_not_written
        );
        $crate::conformance!(@port $harness, [$($($option)+)?], log_order,
            total_order_holds_every_stream
            tail_waits_for_the_next_commit
            tail_has_neither_gap_nor_repeat_across_reconnects
            acknowledged_writes_survive_reopening
        );
        $crate::conformance!(@port $harness, [$($($option)+)?], log_faults,
            dropped_append_is_stored_whole_or_not_at_all
            lost_acknowledgement_is_settled_by_id
            damaged_commit_is_noticed
            broken_chain_is_noticed
        );
        $crate::conformance!(@port $harness, [$($($option)+)?], kv,
            value_is_kept_at_its_revision
            buckets_are_apart_and_listed_by_key
            one_of_32_creators_wins
            concurrent_updates_lose_nothing
            update_and_delete_race_has_one_winner
            deleted_key_is_created_anew
            stale_revision_conflicts
            oversize_value_is_not_written
        );
        $crate::conformance!(@port $harness, [$($($option)+)?], watch,
            watch_begins_with_what_is_there
            watch_tells_changes_in_order
            watcher_that_fell_behind_resyncs
            watch_ends_with_the_truth_under_writers
        );
        $crate::conformance!(@port $harness, [$($($option)+)?], bus,
            message_reaches_every_subscriber_in_order
            wildcards_match_by_token
            request_gets_its_own_answer
            request_without_responder_says_so
            request_ends_at_its_deadline
            slow_subscriber_loses_only_what_is_counted
            oversize_payload_is_not_sent
        );
        $crate::conformance!(@port $harness, [$($($option)+)?], blobs,
            blob_is_kept_with_its_digest
            blob_is_replaced_whole
            deleted_blob_is_gone
            blobs_are_listed_by_tokens
            oversize_blob_is_refused
            damaged_blob_is_noticed
        );
        $crate::conformance!(@port $harness, [$($($option)+)?], names,
            bad_names_are_refused
            longest_names_work_on_every_port
            alike_names_are_apart
        );
    };
    (@port $harness:ty, $options:tt, $port:ident, $($case:ident)+) => {
        mod $port {
            use super::*;

            $($crate::conformance!(@case $harness, $options, $port, $case);)+
        }
    };
    (@case $harness:ty, [$($option:tt)*], $port:ident, $case:ident) => {
        #[tokio::test($($option)*)]
        async fn $case() {
            $crate::conformance::$port::$case::<$harness>().await;
        }
    };
}
