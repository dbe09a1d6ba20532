//! The whole gateway in a simulated network: by seed, services behind it, clients before it, and everything that can
//! go wrong. What was seen is held against what is promised ([`checker`]).
//!
//! `WAKEGATE_SEEDS=5000 cargo test --test it simulation` tries more seeds than every run does;
//! `WAKEGATE_SEED=17 cargo test --test it simulation::even -- --nocapture` replays one and prints what happened.

#[cfg(feature = "ecs")]
mod amazon;
#[cfg(feature = "ecs")]
mod aws;
mod blow;
mod chaos;
mod checker;
mod clients;
#[cfg(feature = "ecs")]
mod ecs_scenarios;
mod history;
mod house;
mod net;
mod pieces;
mod plain;
mod planted;
mod platform;
mod stage;
#[cfg(feature = "ecs")]
mod storms;
#[cfg(feature = "ecs")]
mod weather;
#[cfg(feature = "ecs")]
mod weathers;

use chaos::Story;
use checker::check;
use history::Entry;
use plain::Plain;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// A sort of stories, one for each seed.
struct Shelf {
    /// The tests of it: `even` and `odd` below.
    name: &'static str,
    /// How many seeds every run tries.
    seeds: u64,
    story: fn(u64) -> Story,
    play: fn(u64) -> Vec<Entry>,
}

const PLAIN: Shelf = Shelf { name: "simulation", seeds: 100, story: Story::new, play: history_of };

fn history_of(seed: u64) -> Vec<Entry> {
    house::play(&Story::new(seed), |ground| {
        Plain::new(ground.seed, &ground.services, &ground.addresses, ground.stage, ground.history)
    })
}

impl Shelf {
    /// Plays a seed. Gives back which promises were broken, in words.
    fn run(&self, seed: u64, verbose: bool) -> Vec<String> {
        let _replay = Replay(self.replay(seed));
        let story = (self.story)(seed);
        let entries = (self.play)(seed);
        if verbose {
            println!("{story:#?}\n{}", history::text(&entries));
        }
        let broken = check(&entries, story.terms);
        broken.iter().map(|(rule, how)| format!("seed {seed}: {rule:?}: {how}")).collect()
    }

    fn replay(&self, seed: u64) -> String {
        format!("to replay: WAKEGATE_SEED={seed} cargo test --test it {}::even -- --nocapture", self.name)
    }

    /// Plays every second seed, or the one that the environment names.
    fn play_all(&self, remainder: u64) {
        let (one, all) = (number("WAKEGATE_SEED"), number("WAKEGATE_SEEDS").unwrap_or(self.seeds));
        let seeds: Vec<u64> = match one {
            Some(seed) if remainder == 0 => vec![seed],
            Some(_) => Vec::new(),
            None => (0..all).filter(|seed| seed % 2 == remainder).collect(),
        };
        let mut broken = Vec::new();
        for seed in seeds {
            let found = self.run(seed, one.is_some());
            if !found.is_empty() {
                broken.extend(found);
                broken.push(self.replay(seed));
            }
        }
        assert!(broken.is_empty(), "promises were broken:\n{}", broken.join("\n"));
    }

    /// Plays a seed twice and compares every line.
    fn play_twice(&self, seed: u64) {
        let (once, again) = (history::text(&(self.play)(seed)), history::text(&(self.play)(seed)));
        let first = once.lines().zip(again.lines()).find(|(once, again)| once != again);
        assert_eq!(first, None, "something is not decided by the seed {seed}");
        assert_eq!(once, again, "one history of the seed {seed} goes on");
    }
}

/// Says how to replay a seed that did not even come to its end.
struct Replay(String);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

// Two, so that two cores can work at it: a simulation is of one thread.

#[test]
fn even_seeds_keep_what_is_promised() {
    PLAIN.play_all(0);
}

#[test]
fn odd_seeds_keep_what_is_promised() {
    PLAIN.play_all(1);
}

#[test]
fn a_seed_gives_the_same_history_twice() {
    [1, 5, 22, 188].into_iter().for_each(|seed| PLAIN.play_twice(seed));
}
