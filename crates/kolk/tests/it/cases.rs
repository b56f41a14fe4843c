//! The list of all cases: whoever runs them names the macro that makes tests of them.

/// Hands every case to the macro `$run`.
macro_rules! for_each_case {
    ($run:ident) => {
        $run! {
            round_trip::records_come_back_as_they_were_produced,
            round_trip::every_level_of_acknowledgement_delivers,
            delivery::every_mode_copies_every_record_once_and_in_order,
            delivery::bins_hold_a_key_once_and_intervals_are_transactions,
            delivery::a_second_run_goes_on_where_the_first_has_committed,
            delivery::individual_delivery_pauses_between_records_of_a_partition,
            delivery::chained_queries_end_one_after_the_other,
            delivery::stopping_commits_what_was_delivered,
            delivery::a_slow_query_that_is_stopped_gives_back_what_it_did_not_deliver,
            forwarding::whole_batches_are_forwarded_as_they_are,
            forwarding::batches_that_cannot_be_forwarded_are_written_anew,
            forwarding::records_in_the_wrong_partition_are_not_forwarded_there,
            sharing::a_second_instance_takes_its_share_and_the_first_takes_it_back,
            sharing::instances_that_start_together_agree_on_new_topics,
            sharing::a_slow_query_hands_over_what_it_holds_back,
            timeouts::a_transaction_that_takes_too_long_is_done_again,
            timeouts::a_time_out_below_the_commit_interval_is_refused,
            stages::merged_streams_hold_every_row_once,
            stages::rows_that_outlast_a_commit_are_in_a_later_one,
            foreign_key::a_foreign_key_joins_topics_of_any_numbers_of_partitions,
            state::counts_go_on_where_the_last_run_has_committed,
            state::a_crash_before_the_commit_loses_and_doubles_nothing,
            state::a_crash_after_the_commit_leaves_the_tail_to_replay,
            state::what_is_done_of_a_repartition_topic_is_deleted_and_no_more,
            connector::a_store_gets_every_row_once_and_in_order,
            connector::a_store_that_fails_gets_rows_again_until_it_has_them,
            connector::offsets_wait_for_a_store_that_is_down,
            connector::rows_that_a_store_refuses_have_their_fate,
            connector::a_store_that_cannot_be_worked_with_stops_its_query,
            future::a_record_of_the_future_stays_one_whatever_the_clock_says_later,
            joiner::visits_meet_their_ads_step_by_step,
            joiner::the_joiner_gives_the_same_in_one_go,
            joiner::a_silent_input_is_left_out_after_its_time_out,
            memory::reading_waits_for_memory_until_time_lets_state_expire,
            changes::an_input_that_is_created_again_stops_the_query,
            changes::an_output_that_is_created_again_stops_the_query,
            changes::offsets_out_of_range_follow_the_policy,
            changes::a_start_without_offsets_follows_the_statement,
            admin::topics_are_created_described_grown_and_deleted,
            admin::settings_are_changed_and_removed,
            admin::offsets_are_found_by_time_and_records_deleted,
            admin::groups_are_listed_described_moved_and_deleted,
        }
    };
}

/// The same for what becomes of state when its files and topics are not what they were: the version of transactions changes nothing.
macro_rules! for_each_state_fault {
    ($run:ident) => {
        $run! {
            poison::poison_has_the_fate_that_the_statement_says,
            poison::a_row_that_is_too_large_to_be_sent_is_no_delivered_one,
            poison::an_operator_that_panics_stops_its_query_and_no_other,
            state_files::damaged_state_is_read_from_the_changelogs,
            state_files::an_older_copy_of_the_state_is_brought_up_to_date,
            state_topics::a_topic_that_is_created_again_under_state_stops_the_query,
            state_topics::a_topic_that_grows_under_state_stops_the_query,
            state_topics::a_topic_that_was_created_again_is_noticed_at_the_start,
            state_topics::a_topic_that_has_grown_is_noticed_at_the_start,
            state_topics::a_changelog_that_lost_records_is_noticed_where_they_are_missed,
            state_topics::retention_that_overtakes_a_query_with_state_follows_the_policy,
        }
    };
}

pub(crate) use {for_each_case, for_each_state_fault};
