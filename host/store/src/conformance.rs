//! The suite every store must pass.
//!
//! `conformance!(make_store)` makes one test of every rule. `make_store` takes the bus and gives back what must outlive
//! the store (a directory, or nothing) and the store, empty:
//!
//! ```text
//! fn make_store(bus: Arc<dyn Bus>) -> ((), MemoryStore) {
//!     ((), MemoryStore::new(bus))
//! }
//! easel_store::conformance!(make_store);
//! ```
//! A rule is a function over a [`Subject`]; it panics when the store breaks it. What needs a store to be closed and
//! opened again, or to fail, is tested where the store is.
#![expect(clippy::unwrap_used, reason = "the suite runs in tests only: a panic is how it speaks")]
#![expect(missing_docs, reason = "the rules say in their names what they demand")]

pub mod app_passwords;
pub mod atomicity;
pub mod collections;
pub mod conversations;
pub mod cursors;
pub mod devices;
pub mod directory;
pub mod events;
pub mod folders;
pub mod items;
pub mod log;
pub mod notes;
pub mod outgoing;
pub mod paging;
pub mod quarantine;
pub mod quota;
pub mod search;
pub mod snapshots;
mod subject;
pub mod sweeping;

use std::sync::Arc;

use crate::{Bus, LocalBus, Store};

pub use subject::Subject;

/// Makes a store and tries one rule on it.
pub fn check<S: Store, K>(make: impl FnOnce(Arc<dyn Bus>) -> (K, S), rule: fn(&Subject<'_>)) {
    let bus = Arc::new(LocalBus::default());
    let (keep, store) = make(Arc::<LocalBus>::clone(&bus));
    rule(&Subject { store: &store, bus: &bus });
    drop(store);
    drop(keep);
}

/// One `#[test]` for every rule, in modules named for what the rules are about.
#[macro_export]
macro_rules! conformance {
    ($make_store:expr) => {
        $crate::conformance! { @rules $make_store,
            app_passwords {
                an_app_password_is_listed_and_found_by_the_hash_of_its_secret,
                an_app_password_needs_its_user_and_a_name_of_its_own,
                app_passwords_go_with_their_user,
                the_last_day_of_use_is_kept,
                the_login_generation_grows_when_an_app_password_comes_or_goes,
                whoever_waits_is_woken_when_an_app_password_comes_or_goes,
            }
            atomicity {
                a_failing_change_set_leaves_nothing,
                a_failing_change_set_does_not_undo_its_neighbours,
                commits_of_many_threads_get_numbers_of_their_own,
            }
            collections {
                a_small_value_is_replaced_and_forgotten,
                a_small_value_belongs_to_one_mailbox,
                a_small_value_belongs_to_one_device,
                a_state_is_read_back_as_it_was_stored,
                a_state_belongs_to_one_device_and_collection,
                a_state_is_replaced_only_when_it_is_the_expected_one,
                a_state_that_is_forgotten_starts_anew,
                a_sent_message_is_remembered_for_its_device,
            }
            conversations {
                a_conversation_is_followed_as_long_as_its_folder_is_there,
                so_many_conversations_are_followed_and_the_oldest_make_room,
                what_is_delivered_of_a_followed_conversation_goes_where_it_goes,
            }
            cursors {
                what_is_held_of_a_folder_that_left_the_collection_goes,
            }
            devices {
                a_device_is_read_back_as_it_was_stored,
                a_device_is_replaced_as_long_as_nobody_else_changed_it,
                a_device_is_stored_again_under_its_key,
                a_device_is_stored_once,
                a_device_needs_its_user,
                a_device_two_change_at_once_keeps_what_both_changed,
                a_removed_device_takes_its_state_along,
                devices_are_listed_last_seen_first,
            }
            directory {
                a_login_keeps_its_case_and_is_its_own_in_each_tenant,
                a_new_mailbox_has_the_well_known_folders,
                a_removed_user_leaves_nothing,
                a_tenant_is_found_by_its_name,
                a_tenant_name_is_taken_once,
                a_user_is_found_by_id_name_and_address,
                a_user_needs_a_tenant,
                an_address_belongs_to_one_user_of_the_server,
                an_entry_is_found_by_the_start_of_its_words,
                an_entry_replaces_the_one_with_its_address,
                an_update_cannot_take_what_another_has,
                an_update_replaces_everything_but_the_ids,
                entries_are_sorted_bounded_and_of_one_tenant,
                the_login_generation_grows_with_password_and_enabled,
                users_are_listed_by_name,
                users_of_two_tenants_never_mix,
            }
            events {
                a_change_of_the_tree_wakes_whoever_watches,
                a_commit_wakes_who_watches_its_folder,
                a_failed_commit_wakes_nobody,
                a_queued_message_wakes_the_queue,
                the_administrator_wakes_the_devices_concerned,
                the_author_is_not_woken,
                what_changes_no_item_wakes_nobody,
                whoever_is_woken_sees_the_change,
            }
            folders {
                a_folder_cannot_lie_inside_itself,
                a_folder_comes_changes_and_goes,
                a_folder_name_is_unique_in_its_parent_without_regard_to_case,
                a_folder_needs_a_parent_that_is_there,
                a_folder_number_is_never_given_out_twice,
                a_removed_folder_takes_everything_inside_along,
                an_unknown_folder_is_named,
            }
            items {
                a_change_of_content_replaces_text_and_facts,
                a_change_of_the_record_leaves_the_mail,
                a_change_that_rests_on_an_older_item_is_stale,
                a_delivered_mail_is_nobodys,
                a_mail_is_read_back_as_it_was_added,
                a_mail_needs_its_bytes,
                a_moved_item_leaves_here_and_enters_there,
                a_removed_item_is_gone,
                an_item_needs_its_folder_and_its_mailbox,
                an_object_is_read_back_as_it_was_added,
                an_unknown_item_is_named,
                item_numbers_are_never_given_out_twice,
                large_mail_is_stored_whole,
                some_bytes_of_a_mail_are_read_and_a_range_past_its_end_is_cut,
            }
            log {
                a_commit_tells_the_last_number,
                a_row_is_read_after_a_number_and_up_to_a_limit,
                a_text_that_left_is_read_as_it_was,
                an_earlier_text_is_read_as_it_was,
                every_change_appends_the_row_it_is,
                pruning_keeps_what_a_device_seen_lately_needs,
                pruning_without_devices_removes_everything,
                the_last_row_of_an_item_is_its_newest,
                what_changes_no_item_takes_no_number,
            }
            notes {
                a_note_is_written_over_listed_by_prefix_and_removed,
            }
            outgoing {
                a_message_is_queued_with_its_change_set,
                a_message_needs_its_bytes,
                a_message_refused_for_good_is_kept_until_its_sender_was_told,
                a_queue_is_listed_retried_and_dropped,
                an_attempt_is_written_back,
                due_messages_come_oldest_first,
            }
            paging {
                a_range_follows_a_changed_window_key,
                a_range_is_half_open_in_order_and_bounded,
                equal_keys_are_parted_by_the_id,
                the_ends_of_all_keys_are_in_the_whole_range,
                only_what_is_there_is_counted,
            }
            quarantine {
                a_quarantine_belongs_to_one_user_and_goes_with_its_device,
                a_thing_leaves_the_quarantine_once_and_with_its_change_set,
                more_bytes_than_may_be_kept_push_the_oldest_out,
                more_things_than_may_be_kept_push_the_oldest_out,
                what_is_in_quarantine_is_read_back_as_it_was_put_there,
                what_is_in_quarantine_needs_its_bytes_and_keeps_them,
                what_went_into_quarantine_long_ago_goes,
            }
            quota {
                a_bounded_step_that_adds_too_much_leaves_nothing,
                what_a_mailbox_holds_is_counted_as_it_changes,
            }
            search {
                a_whole_phrase_does_not_end_within_a_word,
                words_are_found_where_they_must_stand,
                a_changed_text_is_found_by_its_new_words_only,
                a_moved_item_is_found_under_its_new_id,
                a_removed_item_is_not_found,
                a_uid_finds_the_items_that_are_there,
                a_word_with_marks_inside_is_found_where_its_parts_follow_one_another,
                an_item_is_indexed_again_as_it_was_seen,
                every_word_must_begin_some_word,
                only_the_own_mailbox_is_searched,
                subject_people_and_text_are_searched,
                what_is_found_comes_newest_first_and_bounded,
                what_is_found_lies_in_the_folders_and_classes_asked_for,
                what_is_found_lies_in_the_time_and_conversation_asked_for,
                words_are_found_inside_a_run_of_a_script_without_spaces,
            }
            snapshots {
                a_snapshot_holds_while_commits_go_on,
                a_snapshot_of_an_unknown_user_is_refused,
                a_snapshot_sees_nothing_that_came_later,
                the_next_snapshot_sees_what_was_committed,
                what_was_read_is_read_anew_once_it_changed,
            }
            sweeping {
                a_mail_has_the_time_between_two_sweeps_to_be_named,
                a_mail_that_is_gone_cannot_be_named,
                what_is_named_stays_and_what_is_not_goes_at_the_second_sweep,
            }
        }
    };
    (@rules $make_store:expr, $($about:ident { $($rule:ident,)* })*) => {
        $(
            mod $about {
                #[allow(unused_imports, reason = "the maker may be named by its whole path")]
                use super::*;

                $(
                    #[test]
                    fn $rule() {
                        $crate::conformance::check($make_store, $crate::conformance::$about::$rule);
                    }
                )*
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn memory(bus: Arc<dyn Bus>) -> ((), MemoryStore) {
        ((), MemoryStore::new(bus))
    }

    crate::conformance!(memory);

    #[test]
    fn every_rule_is_in_the_list() {
        let list = include_str!("conformance.rs");
        let files = [
            include_str!("conformance/atomicity.rs"),
            include_str!("conformance/collections.rs"),
            include_str!("conformance/cursors.rs"),
            include_str!("conformance/devices.rs"),
            include_str!("conformance/directory.rs"),
            include_str!("conformance/events.rs"),
            include_str!("conformance/folders.rs"),
            include_str!("conformance/items.rs"),
            include_str!("conformance/log.rs"),
            include_str!("conformance/notes.rs"),
            include_str!("conformance/outgoing.rs"),
            include_str!("conformance/paging.rs"),
            include_str!("conformance/quarantine.rs"),
            include_str!("conformance/quota.rs"),
            include_str!("conformance/search.rs"),
            include_str!("conformance/snapshots.rs"),
            include_str!("conformance/sweeping.rs"),
        ];
        let rules: Vec<&str> = files
            .iter()
            .flat_map(|file| file.lines())
            .filter_map(|line| line.strip_prefix("pub fn "))
            .filter_map(|line| line.split('(').next())
            .collect();
        assert!(rules.len() >= 40, "{}", rules.len());
        for rule in rules {
            assert!(list.contains(&format!("                {rule},\n")), "{rule} is tried on no store");
        }
    }
}
