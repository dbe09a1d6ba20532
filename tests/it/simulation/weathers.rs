//! Every weather on Amazon ECS.

use super::Shelf;
use super::checker::check;
use super::weather::{Weather, history_of};

const AMAZON: Shelf = Shelf {
    name: "simulation::weathers",
    seeds: 200,
    story: |seed| Weather::new(seed).story,
    play: |seed| history_of(&Weather::new(seed)),
};

#[test]
fn in_fair_weather_services_sleep_and_wake() {
    let weather = Weather::fair(1, &["web", "api"]).calms_down();
    let entries = history_of(&weather);
    assert_eq!(check(&entries, weather.story.terms), []);
}

// Two, so that two cores can work at it: a simulation is of one thread.

#[test]
fn even_seeds_keep_what_is_promised() {
    AMAZON.play_all(0);
}

#[test]
fn odd_seeds_keep_what_is_promised() {
    AMAZON.play_all(1);
}

#[test]
fn a_seed_gives_the_same_history_twice() {
    [2, 3, 7, 11].into_iter().for_each(|seed| AMAZON.play_twice(seed));
}
