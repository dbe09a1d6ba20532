//! Each rule of the checker against a history with a fault planted: a checker that finds nothing proves nothing.

use std::time::Duration;

use super::checker::{Rule, Terms, check};
use super::history::{Answer, Entry, Event, Sort};

const TERMS: Terms = Terms {
    wake: Duration::from_secs(5),
    lag: Duration::from_millis(50),
    notice: Duration::from_secs(1),
    shared: false,
};

fn sent(id: &str, sort: Sort) -> Event {
    Event::Sent { id: id.into(), service: "web".into(), sort, via: 0 }
}

fn executed(id: &str, task: &str, service: &str, sent: u64) -> Event {
    let sent = Duration::from_millis(sent);
    Event::Executed { id: id.into(), task: task.into(), service: service.into(), sent }
}

fn served(id: &str, task: &str, service: &str) -> Answer {
    Answer {
        id: id.into(),
        status: 200,
        task: Some(task.into()),
        service: Some(service.into()),
        echo: Some(id.into()),
        whole: true,
        ..Answer::default()
    }
}

fn refused(id: &str) -> Answer {
    Answer { id: id.into(), status: 503, retry_after: true, problem: true, whole: true, ..Answer::default() }
}

fn done(id: &str, task: &str) -> Event {
    Event::Done { id: id.into(), task: task.into() }
}

fn told(task: &str) -> Event {
    Event::Told { task: task.into() }
}

fn cut(id: &str) -> Event {
    Event::Cut { id: id.into(), how: "reset".into() }
}

/// A whole history in which nothing is wrong, in milliseconds. Request 1 is served, 2 refused, 3 leaves, 4 is cut off
/// by the gateway's end, 5 broken off by its task's, 6 is served once all is sound.
fn good() -> Vec<(u64, Event)> {
    vec![
        (0, sent("1", Sort::Post)),
        (100, executed("1", "a", "web", 90)),
        (200, done("1", "a")),
        (210, Event::Answered(served("1", "a", "web"))),
        (220, sent("2", Sort::Get)),
        (300, Event::Answered(refused("2"))),
        (310, sent("3", Sort::Get)),
        (400, executed("3", "a", "web", 390)),
        (500, Event::Left { id: "3".into() }),
        (520, told("a")),
        (540, done("3", "a")),
        (600, sent("4", Sort::Post)),
        (700, Event::Killed { gateway: 0 }),
        (710, cut("4")),
        (900, Event::Back { gateway: 0 }),
        (1000, sent("5", Sort::Stream)),
        (1100, executed("5", "b", "web", 1090)),
        (1200, Event::Died { task: "b".into() }),
        (1200, done("5", "b")),
        (1250, Event::Answered(Answer { whole: false, ..served("5", "b", "web") })),
        (2000, Event::Sound),
        (2100, sent("6", Sort::Page)),
        (4000, executed("6", "c", "web", 3990)),
        (4010, done("6", "c")),
        (4100, Event::Answered(served("6", "c", "web"))),
        (9000, told("c")),
        (9900, Event::Quiet { awake: Vec::new() }),
    ]
}

fn broken(history: Vec<(u64, Event)>) -> Vec<Rule> {
    let entries: Vec<Entry> =
        history.into_iter().map(|(at, event)| (Duration::from_millis(at), event)).collect();
    let mut rules: Vec<Rule> = check(&entries, TERMS).into_iter().map(|(rule, _)| rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

/// The good history with one event replaced, or removed where there is no other.
fn but(number: usize, other: impl Into<Option<Event>>) -> Vec<Rule> {
    let mut history = good();
    match other.into() {
        Some(other) => history[number].1 = other,
        None => {
            history.remove(number);
        }
    }
    broken(history)
}

/// The good history with one event more.
fn and(at: u64, event: Event) -> Vec<Rule> {
    let mut history = good();
    let place = history.iter().position(|(other, _)| *other > at).unwrap_or(history.len());
    history.insert(place, (at, event));
    broken(history)
}

#[test]
fn a_good_history_breaks_nothing() {
    assert_eq!(broken(good()), []);
}

#[test]
fn answers_are_counted_and_belong_to_their_requests() {
    assert_eq!(but(5, None), [Rule::AnsweredOnce], "none");
    assert_eq!(and(205, Event::Answered(refused("1"))), [Rule::AnsweredOnce], "two");
    let crossed = Answer { echo: Some("9".into()), ..served("1", "a", "web") };
    assert_eq!(but(3, Event::Answered(crossed)), [Rule::AnsweredOnce], "another's");
    assert_eq!(but(1, None), [Rule::AnsweredOnce], "from a task that never saw it");
    assert_eq!(and(5, sent("1", Sort::Get)), [Rule::AnsweredOnce], "one id, two requests");
}

#[test]
fn a_cut_is_a_loss_unless_the_gateway_was_killed() {
    assert_eq!(but(5, cut("2")), [Rule::NotLost]);
    assert_eq!(but(12, None), [Rule::NotLost], "nobody was killed");
}

#[test]
fn the_gateway_is_honest() {
    for (wrong, what) in [
        (Answer { status: 500, ..refused("2") }, "another status"),
        (Answer { retry_after: false, ..refused("2") }, "no time to come back"),
        (Answer { problem: false, ..refused("2") }, "no reason"),
        (Answer { problem: false, html: true, ..refused("2") }, "a page to a program"),
    ] {
        assert_eq!(but(5, Event::Answered(wrong)), [Rule::Honest], "{what}");
    }
}

#[test]
fn a_post_is_executed_once() {
    assert_eq!(and(150, executed("1", "b", "web", 140)), [Rule::NotTwice]);
    assert_eq!(and(405, executed("3", "b", "web", 400)), [], "a GET may be repeated");
}

#[test]
fn services_are_kept_apart() {
    let mut history = good();
    history[1].1 = executed("1", "x", "api", 90);
    history[2].1 = done("1", "x");
    history[3].1 = Event::Answered(served("1", "x", "api"));
    assert_eq!(broken(history), [Rule::OwnService], "answered");
    assert_eq!(and(225, executed("2", "x", "api", 224)), [Rule::OwnService], "seen, if not answered");
}

#[test]
fn who_was_told_to_stop_gets_nothing() {
    assert_eq!(and(3000, told("c")), [Rule::NotToTheStopped]);
    assert_eq!(and(3995, told("c")), [], "on its way by then, and done soon after");
}

#[test]
fn who_serves_is_not_told_to_stop() {
    let mut history = good();
    history[7].0 = 5;
    history.insert(2, (110, told("a")));
    assert_eq!(
        broken(history),
        [Rule::NotToTheStopped, Rule::NotWhileServing],
        "as were those who came later"
    );
    let mut history = good();
    history[8].0 = 600;
    history.swap(8, 9);
    assert_eq!(broken(history), [], "the client had left, as far as the lag lets see");
}

#[test]
fn an_answer_breaks_off_only_with_its_task() {
    assert_eq!(but(17, None), [Rule::Whole]);
    assert_eq!(but(5, Event::Answered(Answer { whole: false, ..refused("2") })), [Rule::Whole]);
}

#[test]
fn in_the_end_everything_works() {
    assert_eq!(but(24, Event::Answered(refused("6"))), [Rule::SoundInTheEnd], "refused");
    let mut history = good();
    history[24].0 = 8000;
    assert_eq!(broken(history), [Rule::SoundInTheEnd], "late");
    assert_eq!(but(20, None), [Rule::SoundInTheEnd], "never");
}

#[test]
fn in_the_end_everything_sleeps() {
    assert_eq!(but(26, Event::Quiet { awake: vec!["web".into()] }), [Rule::SleepsInTheEnd]);
    assert_eq!(but(26, None), [Rule::SleepsInTheEnd]);
}

#[test]
fn what_others_told_to_stop_gets_nothing_once_that_must_be_known() {
    let ending = || Event::Ending { task: "c".into() };
    assert_eq!(and(3500, ending()), [], "known after a second");
    assert_eq!(and(2500, ending()), [Rule::NotToTheStopped]);
    let mut history = good();
    history.insert(11, (610, Event::Gone { task: "a".into() }));
    assert_eq!(broken(history), [], "it had nothing to answer");
}

#[test]
fn a_gateway_may_not_lower_a_count_nor_forget_one() {
    let counted = |from, to, by_gateway| Event::Counted { service: "web".into(), from, to, by_gateway };
    let with = |counts: &[(u64, Event)]| {
        let mut history = good();
        for (at, event) in counts {
            let place = history.iter().position(|(other, _)| other > at).unwrap();
            history.insert(place, (*at, event.clone()));
        }
        broken(history)
    };
    assert_eq!(with(&[(50, counted(3, 0, true)), (60, counted(0, 3, true))]), []);
    assert_eq!(
        with(&[(50, counted(3, 0, true)), (60, counted(0, 1, true))]),
        [Rule::NeverLowered],
        "forgotten"
    );
    assert_eq!(with(&[(50, counted(3, 2, true))]), [Rule::NeverLowered], "lowered");
    assert_eq!(with(&[(50, counted(3, 2, false))]), [], "by somebody else");
    let unseen = [(40, counted(1, 3, false)), (50, counted(3, 0, true)), (60, counted(0, 1, true))];
    assert_eq!(with(&unseen), [], "changed behind its back, a moment before");
    let crossing = [(40, counted(0, 3, false)), (50, counted(3, 1, true))];
    assert_eq!(with(&crossing), [], "changed while its order was under way");
    let before = [(40, counted(0, 3, false)), (100, counted(3, 1, true))];
    assert_eq!(with(&before), [Rule::NeverLowered], "it could have seen that");
}
