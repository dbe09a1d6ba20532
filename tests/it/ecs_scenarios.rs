//! What may happen on the way to a service on ECS, and the tests that show what the gateway does then: on its parts, in
//! the simulation of the whole, and with the real binary before a simulated AWS.
//!
//! | # | what happens | tests |
//! |---|---|---|
//! | 1 | 1,000 requests at once to a sleeper | `a_thousand_requests_at_once_are_one_update_and_each_is_answered_once` |
//! | 2 | a request between "idle" and the order to sleep | `a_request_inside_calls_the_sleep_off`, `who_still_waits_when_the_stop_is_called_wakes_it_anew`, `rule_1_shut_then_count`, `even_seeds_keep_what_is_promised` |
//! | 3 | a request while the tasks drain | `who_comes_while_a_task_drains_waits_for_a_new_one`, `demand_while_stopping_wakes_anew_once_the_stop_is_acknowledged` |
//! | 4 | one gateway puts to sleep what another woke | `what_one_gateway_puts_to_sleep_the_others_visitors_wake_again`, `a_count_set_to_zero_under_a_held_request_is_asserted_again`, `a_held_request_asserts_its_demand_again_but_not_in_a_tight_loop` |
//! | 5 | two gateways wake at once | `two_gateways_wake_at_once_and_never_lower` |
//! | 6 | somebody else has set a count | `two_gateways_wake_at_once_and_never_lower`, `a_count_is_never_lowered`, `the_count_is_never_lowered_by_a_wake` |
//! | 7 | a gateway is killed | `a_gateway_killed_before_its_wake_reached_aws_costs_only_its_open_connections`, `a_gateway_killed_before_it_heard_that_its_wake_is_under_way_is_taken_up_from`, `scaling_that_was_suspended_for_a_sleep_that_never_came_is_resumed`, `a_gateway_killed_before_it_heard_that_a_service_sleeps_leaves_what_it_takes_to_wake_it` |
//! | 10 | another configuration in the middle of a wake | `who_waits_for_a_service_that_is_replaced_is_not_forgotten`, `another_configuration_keeps_phases_by_name` |
//! | 11 | ECS throttles | `throttling_delays_a_wake_and_nothing_else`, `throttling_is_waited_out_with_growing_pauses`, `throttling_empties_the_bucket`, `watching_leaves_half_and_looking_a_quarter` |
//! | 12 | ECS is away for ten minutes | `aws_that_cannot_be_reached_takes_nothing_away`, `aws_that_is_silent_takes_nothing_away`, `aws_that_fails_takes_nothing_away`, `a_stop_of_which_nothing_was_done_opens_again_unseen`, `nothing_is_put_to_sleep_unseen` |
//! | 13 | answers of a moment ago | `answers_of_a_moment_ago_make_nothing_flap`, `an_old_answer_does_not_keep_it_asleep`, `a_stale_look_right_after_a_call_is_not_believed` |
//! | 14 | credentials expire, a permission is missing | `expired_credentials_end_the_wait_and_nothing_else`, `what_a_wake_may_not_do_is_named`, `what_a_sleep_may_not_do_is_named_and_it_serves_on`, `every_missing_permission_is_listed_by_its_name`, `expired_credentials_are_thrown_away` |
//! | 15 | the image cannot be pulled | `a_task_that_cannot_start_is_told_in_words_at_once`, `each_way_a_pull_fails_is_told_apart`, `a_deployment_that_ecs_takes_back_is_outlived` |
//! | 16 | a crash loop | `a_task_that_cannot_start_is_told_in_words_at_once`, `the_schedulers_own_pause_is_not_waited_out`, `what_may_have_been_done_is_not_done_twice` |
//! | 17 | RUNNING, and the port is closed | `the_app_decides_when_it_is_ready_and_not_ecs` |
//! | 18 | listening, and not warm | `the_app_decides_when_it_is_ready_and_not_ecs` |
//! | 19 | a health check that never passes | `the_app_decides_when_it_is_ready_and_not_ecs`, `a_wake_has_its_time_and_no_more` |
//! | 20 | a dependency sleeps, or is half up | `a_graph_of_twenty_services_in_four_levels_costs_its_slowest_member`, `a_dependency_that_cannot_start_is_named_to_the_operator_alone`, `a_death_before_the_dependencies_were_ready_is_forgiven_and_gets_another_chance` |
//! | 21 | a task's address goes to another tenant | `a_sleepers_address_is_never_asked_again`, `the_address_of_a_task_that_somebody_stopped_is_left_before_another_has_it`, `an_address_given_to_another_service_is_lost_at_once` |
//! | 22 | a kept connection outlives its task | `a_sleepers_address_is_never_asked_again`, `what_hangs_on_a_target_goes_when_the_door_shuts` |
//! | 23 | an old address in an answer | `a_sleepers_address_is_never_asked_again`, `a_task_known_when_the_service_was_put_to_sleep_is_not_used_again`, `an_address_belongs_to_the_task_that_was_made_last` |
//! | 24 | an address that swallows connections | `an_address_that_swallows_connections_delays_nobody`, `a_connect_takes_no_longer_than_it_may` |
//! | 45 | the clock jumps | `a_frozen_process_has_not_observed_quiet`, `clocks_that_disagree_date_no_death_before_it_was_last_seen_alive` |
//! | 46 | the gateway stands still for a while | `a_gateway_that_stood_still_puts_nobody_to_sleep_for_it`, `a_frozen_process_has_not_observed_quiet` |
//! | 51 | it woke, and nobody waits any more | `a_wake_that_nobody_waits_for_any_more_sleeps_again` |
//! | 52 | a sleep fails | `what_a_sleep_may_not_do_is_named_and_it_serves_on`, `a_stop_that_was_certainly_not_carried_out_opens_at_once_and_says_why`, `a_stop_that_fails_waits_for_a_look_and_opens_again` |

use std::collections::BTreeSet;
use std::path::Path;

/// The scenarios that are about ECS; the others are about what stands before every provider.
const ABOUT_ECS: [u32; 26] =
    [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 45, 46, 51, 52];

#[test]
fn every_scenario_has_tests_that_there_are() {
    let tests = tests();
    let mut numbers = Vec::new();
    for line in include_str!("ecs_scenarios.rs").lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let Some(number) = line.split(' ').next().and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        numbers.push(number);
        let names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{line}");
        for name in names {
            assert!(tests.contains(name), "{number}: there is no test {name}");
        }
    }
    assert_eq!(numbers, ABOUT_ECS);
}

/// The names of all test functions of the project.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests")];
    let mut tests = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                collect(&std::fs::read_to_string(path).unwrap(), &mut tests);
            }
        }
    }
    tests
}

/// Adds the functions under a `#[test]`, of whichever runtime.
fn collect(source: &str, tests: &mut BTreeSet<String>) {
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked && !line.starts_with("//")) {
            tests.extend(rest.split('(').next().map(str::to_owned));
            marked = false;
        }
    }
}

#[test]
fn a_function_that_is_no_test_is_not_taken_for_one() {
    let mut tests = BTreeSet::new();
    collect("#[test]\n#[ignore]\nfn a() {}\nfn b() {}\n    #[tokio::test]\n    async fn c() {}", &mut tests);
    assert_eq!(tests.into_iter().collect::<Vec<_>>(), ["a", "c"]);
}
