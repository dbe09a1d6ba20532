//! Scenarios on Amazon ECS for which a simulation is the right form: they take minutes, or need a bad network.
//!
//! Each story is held against every promise first ([`check`]), then against what the scenario is about.

use std::time::Duration;

use super::blow::Blow;
use super::chaos::Act;
use super::checker::check;
use super::clients::Ask;
use super::history::{Answer, Entry, Event, Sort, text};
use super::platform::Mishap;
use super::weather::{Weather, history_of};
use crate::simulator::fault::{Fault, FaultKind};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A story told step by step: nobody asks by chance.
fn story(names: &[&str]) -> Weather {
    let mut weather = Weather::fair(1, names);
    weather.story.clients = 0;
    weather
}

impl Weather {
    fn asks(&mut self, at: Duration, service: &str, sort: Sort) -> &mut Ask {
        self.asks_via(0, at, service, sort)
    }

    fn asks_via(&mut self, via: u8, at: Duration, service: &str, sort: Sort) -> &mut Ask {
        let id = format!("{service}-{}", self.story.asks.len());
        let ask = Ask { id, service: service.to_owned(), sort, leaves_after: None, fresh: true };
        self.story.asks.push((at, via, ask));
        &mut self.story.asks.last_mut().unwrap().2
    }

    fn acts(&mut self, at: Duration, act: Act) {
        self.story.acts.push((at, act));
    }

    /// A fault from when to when.
    fn fails(&mut self, from: Duration, to: Duration, number: u8, fault: Fault) {
        self.acts(from, blow(Blow::On(number, fault)));
        self.acts(to, blow(Blow::Off(number)));
    }

    /// Plays it, and holds it against every promise.
    fn told(self) -> Told {
        let weather = self.calms_down();
        let entries = history_of(&weather);
        let broken = check(&entries, weather.story.terms);
        assert!(broken.is_empty(), "{broken:#?}\n{}", text(&entries));
        Told(entries)
    }
}

fn blow(blow: Blow) -> Act {
    Act::Mishap(Mishap::Blow(blow))
}

/// What happened.
struct Told(Vec<Entry>);

impl Told {
    /// The answers to what the story asks, with how long they took, in the order in which they were sent.
    fn answers(&self) -> Vec<(Duration, &Answer)> {
        let sent = self.0.iter().filter_map(|(at, event)| match event {
            Event::Sent { id, .. } if !id.starts_with("back-") && !id.starts_with("end-") => Some((*at, id)),
            _ => None,
        });
        let answer = |(sent, id): (Duration, &String)| {
            self.0.iter().find_map(|(at, event)| match event {
                Event::Answered(answer) if answer.id == *id => Some((*at - sent, answer)),
                _ => None,
            })
        };
        sent.filter_map(answer).collect()
    }

    /// What gateways set the service's count to, and when.
    fn counts(&self, of: &str) -> Vec<(Duration, u32)> {
        let counts = self.0.iter().filter_map(|(at, event)| match event {
            Event::Counted { service, to, by_gateway: true, .. } if service == of => Some((*at, *to)),
            _ => None,
        });
        counts.collect()
    }

    fn text(&self) -> String {
        text(&self.0)
    }
}

#[test]
fn scenario_04_what_one_gateway_puts_to_sleep_another_wakes_again_for_those_it_holds() {
    let mut weather = story(&["web"]).idle_after(Duration::from_millis(1_500));
    weather.share();
    weather.asks_via(0, seconds(1), "web", Sort::Get);
    // The first gateway's quiet is over while the second one's visitors come: at any moment of it.
    for number in 0..40 {
        let at = Duration::from_millis(3_500 + number * 130);
        weather.asks_via(1, at, "web", Sort::Get);
    }
    let told = weather.told();
    let answers = told.answers();
    assert_eq!(answers.len(), 41);
    assert!(answers.iter().all(|(_, answer)| answer.status == 200), "{}", told.text());
    let counts: Vec<u32> = told.counts("web").into_iter().map(|(_, to)| to).collect();
    assert!(counts.windows(3).any(|counts| counts == [1, 0, 1]), "nobody came too late: {counts:?}");
}

#[test]
fn scenario_11_throttling_delays_what_wakes_and_nothing_that_is_awake() {
    let mut weather = story(&["web", "api"]).idle_after(seconds(60));
    weather.asks(seconds(1), "web", Sort::Get);
    weather.fails(seconds(6), seconds(14), 1, Fault::new(FaultKind::Throttle));
    for number in 0..20 {
        weather.asks(Duration::from_millis(6_100 + 400 * number), "web", Sort::Post);
    }
    weather.asks(seconds(8), "api", Sort::Get);
    weather.story.pace.falls_asleep = seconds(120);
    let told = weather.told();
    for (took, answer) in told.answers() {
        assert_eq!(answer.status, 200, "{}", told.text());
        let is_awake = answer.service.as_deref() == Some("web") && answer.id != "web-0";
        assert!(!is_awake || took < Duration::from_millis(200), "{answer:?} took {took:?}");
    }
    let first: Vec<u32> = told.counts("api").into_iter().map(|(_, to)| to).take(2).collect();
    assert_eq!(first, [1, 0], "it was woken once");
}

#[test]
fn scenario_12_ten_minutes_without_ecs_cost_those_who_are_awake_nothing() {
    let mut weather = story(&["web", "api"]);
    weather.story.pace.tick = Duration::from_millis(50);
    weather.story.pace.faults_end = seconds(660);
    weather.asks(seconds(1), "web", Sort::Get);
    let (from, to) = (Duration::from_millis(5_000), seconds(605));
    weather.acts(from, Act::Cut(0));
    weather.acts(to, Act::Mend(0));
    // Before its quiet time is over, and then long after.
    for number in 0..60 {
        weather.asks(Duration::from_millis(5_100) + seconds(number * 10), "web", Sort::Post);
    }
    weather.asks(seconds(300), "api", Sort::Get);
    weather.asks(seconds(301), "api", Sort::Page);
    weather.asks(seconds(640), "api", Sort::Get);
    let told = weather.told();
    for (took, answer) in told.answers() {
        if answer.id.starts_with("web") {
            assert_eq!(answer.status, 200, "{}", told.text());
        } else if answer.id == "api-63" {
            assert_eq!(answer.status, 200, "all goes on by itself: {}", told.text());
        } else {
            assert_eq!((answer.status, answer.task.as_ref()), (503, None), "{took:?} {answer:?}");
        }
    }
    assert_eq!(told.answers().len(), 64);
    let during = told.counts("web").into_iter().filter(|(at, _)| *at > from && *at < to).count();
    assert_eq!(during, 0, "nothing is put to sleep unseen");
}

#[test]
fn scenario_13_stale_answers_make_nobody_call_twice() {
    let mut weather = story(&["web"]);
    weather.acts(Duration::ZERO, blow(Blow::Stale(Duration::from_millis(1_500))));
    for at in [1, 9, 17] {
        weather.asks(seconds(at), "web", Sort::Get);
        weather.asks(seconds(at) + Duration::from_millis(700), "web", Sort::Post);
    }
    let told = weather.told();
    assert!(told.answers().iter().all(|(_, answer)| answer.status == 200), "{}", told.text());
    let counts: Vec<u32> = told.counts("web").into_iter().map(|(_, to)| to).collect();
    let turns: Vec<u32> = [1, 0].into_iter().cycle().take(counts.len()).collect();
    assert_eq!(counts, turns, "up and down in turn");
}

#[test]
fn scenario_16_a_crash_loop_is_told_and_not_waited_for() {
    let mut weather = story(&["web"]);
    let crash = FaultKind::Crash { after: Duration::from_millis(700), exit_code: 3 };
    weather.fails(Duration::ZERO, seconds(18), 1, Fault::new(crash));
    weather.asks(seconds(1), "web", Sort::Post);
    weather.asks(seconds(1), "web", Sort::Get);
    weather.asks(seconds(14), "web", Sort::Post);
    let told = weather.told();
    let answers = told.answers();
    assert_eq!(answers.len(), 3);
    for (took, answer) in answers {
        // It serves for a moment, for those who come just then.
        assert!(matches!(answer.status, 200 | 502 | 503), "{answer:?}");
        assert!(took < seconds(20), "{took:?} is the hold's limit rather than the loop's end");
    }
}

#[test]
fn scenario_24_an_address_that_swallows_connections_is_passed_over() {
    let mut weather = story(&["web"]).idle_after(seconds(30));
    weather.nature.services[0].desired = 2;
    weather.story.pace.falls_asleep = seconds(90);
    weather.asks(seconds(4), "web", Sort::Get);
    weather.acts(seconds(6), Act::Hold(0));
    weather.acts(seconds(19), Act::Release(0));
    for number in 0..24 {
        weather.asks(Duration::from_millis(6_100 + 500 * number), "web", Sort::Get);
    }
    let told = weather.told();
    for (took, answer) in told.answers() {
        assert_eq!(answer.status, 200, "{}", told.text());
        assert!(took < seconds(5), "{} took {took:?}", answer.id);
    }
}

#[test]
fn scenario_51_a_wake_whose_visitor_has_left_ends_in_sleep() {
    let mut weather = story(&["web"]);
    weather.asks(seconds(1), "web", Sort::Post).leaves_after = Some(Duration::from_millis(300));
    let told = weather.told();
    let counts = told.counts("web");
    let [(up, 1), (down, 0), ..] = counts[..] else { panic!("{counts:?}") };
    assert!(down - up < seconds(12), "a wake and a quiet time, {:?}", down - up);
    let served = told.0.iter().any(|(at, event)| matches!(event, Event::Executed { .. }) && *at < down);
    assert!(!served, "what was left is not sent later: {}", told.text());
}

#[test]
fn scenario_52_a_sleep_that_fails_or_hangs_leaves_the_service_awake() {
    for kind in [FaultKind::Error500, FaultKind::Hang, FaultKind::LostAnswer, FaultKind::AccessDenied] {
        let mut weather = story(&["web"]);
        weather.asks(seconds(1), "web", Sort::Get);
        weather.fails(seconds(4), seconds(14), 1, Fault::new(kind.clone()).on("UpdateService"));
        for at in [7_000, 9_500, 12_500] {
            weather.asks(Duration::from_millis(at), "web", Sort::Post);
        }
        let told = weather.told();
        let answers = told.answers();
        assert_eq!(answers.len(), 4);
        assert!(answers.iter().all(|(_, answer)| answer.status == 200), "{kind:?}: {}", told.text());
        // A refusal has changed nothing. All else may have been carried out, and shows once answers cannot be stale.
        let limit = match kind {
            FaultKind::AccessDenied => Duration::from_millis(500),
            FaultKind::LostAnswer => seconds(10),
            _ => seconds(7),
        };
        let quick = answers[1..].iter().all(|(took, _)| *took < limit);
        assert!(quick, "{kind:?}: {}", told.text());
    }
}

/// Five services on each of four levels, every one of which needs all of the level below, at the pace of the real ECS.
/// One after another the levels would take four times as long.
#[test]
fn a_graph_of_four_levels_wakes_within_a_tenth_more_than_its_slowest_member_takes() {
    let names: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let boot = |number: usize| Duration::from_millis(1_000 + number as u64 * 7 % 20 * 100);
    let mut weather = story(&names);
    weather.nature.speed = 1.0;
    for (number, service) in weather.nature.services.iter_mut().enumerate() {
        service.app.boot = boot(number);
    }
    let needs =
        |level: usize| (level * 5 - 5..level * 5).map(|on| format!("s{on}: {{ condition: healthy }}"));
    let depends_on: Vec<String> = (0..20)
        .map(
            |number| {
                if number < 5 { String::new() } else { needs(number / 5).collect::<Vec<_>>().join(", ") }
            },
        )
        .collect();
    weather = weather.graph(seconds(30), &depends_on);
    // How often AWS is asked is as it is by default.
    let (times, longer) = ("wake_timeout: 30s, hold_timeout: 25s", "wake_timeout: 2m, hold_timeout: 2m");
    weather.story.config = weather.story.config.replace("poll_every: 400ms, ", "").replace(times, longer);
    weather.story.pace.faults_end = seconds(90);
    weather.story.pace.tick = Duration::from_millis(50);
    weather.story.terms.wake = seconds(60);
    weather.story.pace.falls_asleep = seconds(240);
    weather.asks(seconds(1), "s19", Sort::Get);
    let told = weather.told();

    let (took, answer) = told.answers()[0];
    assert_eq!((answer.status, answer.service.as_deref()), (200, Some("s19")), "{}", told.text());
    let alone = |(number, name): (usize, &&str)| {
        let (called, count) = told.counts(name)[0];
        assert_eq!(count, 1);
        let began = told.0.iter().find_map(|(at, event)| match event {
            Event::Began { service, .. } if service == name => Some(*at),
            _ => None,
        });
        began.unwrap() + boot(number) - called
    };
    let slowest = names.iter().enumerate().map(alone).max().unwrap();
    println!("the graph took {took:?}, its slowest member alone {slowest:?}");
    assert!(took <= slowest.mul_f64(1.1), "{took:?}, and {slowest:?} for the slowest");
}
