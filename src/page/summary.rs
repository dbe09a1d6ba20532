//! How far the whole has come: plain arithmetic over what the members show.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Phase, Stage, Time, View};

/// How much later than expected is still called on time.
const GRACE: Duration = Duration::from_secs(2);

/// One member, at one moment.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Its name.
    pub(super) name: Arc<str>,
    /// What is seen of it.
    pub(super) view: Arc<View>,
    /// Whether the visitor's door waits for it.
    pub(super) needed: bool,
}

impl Seen {
    /// Whether it does all that is asked of it.
    pub(super) fn is_ready(&self) -> bool {
        self.view.stage == Stage::Ready || self.view.phase == Phase::Awake
    }
}

/// The whole, at one moment. Only members that the door waits for count.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Summary {
    /// What the visitor's service is doing.
    pub(super) state: State,
    /// How many members the door waits for.
    pub(super) total: usize,
    /// How many of those are ready.
    pub(super) ready: usize,
    /// The time since this wake began.
    pub(super) elapsed: Duration,
    /// The time it may still take.
    pub(super) left: Left,
    /// What delays it and is not the members' own doing, in a safe sentence.
    pub(super) trouble: Option<&'static str>,
    /// How far along it is, 0 to 100; `None` where nothing is known.
    pub(super) percent: Option<u8>,
}

/// What the visitor's service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// On its way up.
    Waking,
    /// Its door is open.
    Ready,
    /// The wake failed, with this safe sentence.
    Failed(&'static str),
}

/// The time that a wake may still take, from experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// There is no experience.
    Unknown,
    /// About this long; zero means any moment now.
    About(Duration),
    /// It should have been there by now.
    Overdue,
}

impl Summary {
    /// Sums up; `seen` has the routed service last.
    pub(super) fn of(seen: &[Seen], now: Time) -> Self {
        let needed = || seen.iter().filter(|member| member.needed);
        let (total, ready) = (needed().count(), needed().filter(|member| member.is_ready()).count());
        let routed = seen.last().map(|member| &*member.view);
        let state = match routed {
            Some(view) if view.phase == Phase::Awake => State::Ready,
            Some(View { phase: Phase::Failed, fault, .. }) => {
                State::Failed(fault.as_ref().map_or("The service did not start.", |fault| fault.public))
            }
            _ => State::Waking,
        };
        let began = routed
            .and_then(|view| view.waking_since)
            .or_else(|| {
                needed()
                    .filter(|member| !member.is_ready())
                    .filter_map(|member| member.view.waking_since)
                    .min()
            })
            .unwrap_or(now);
        let due = due(seen, now);
        let left = match due {
            None => Left::Unknown,
            Some(due) if now > due + GRACE + due.since(began) / 5 => Left::Overdue,
            Some(due) => Left::About(due.since(now)),
        };
        let percent = match (state, due) {
            (State::Ready, _) => Some(100),
            (_, Some(due)) => Some(along(now.since(began), due.since(began))),
            (_, None) if ready > 0 => Some(percent(0.9 * ratio(ready, total))),
            (_, None) => None,
        };
        let trouble = needed()
            .filter(|member| !member.is_ready())
            .find_map(|member| member.view.trouble.as_ref().map(|trouble| trouble.public));
        Self { state, total, ready, elapsed: now.since(began), left, trouble, percent }
    }
}

/// When the last of the members should be there. A graph costs its slowest member, so it is the latest of their
/// times; the routed service's own includes what it waits for, so with that known the others may be unknown.
fn due(seen: &[Seen], now: Time) -> Option<Time> {
    let routed = seen.last()?;
    let mut latest: Option<Time> = None;
    for member in seen.iter().filter(|member| member.needed && !member.is_ready()) {
        match member.view.expected {
            Some(expected) => latest = latest.max(Some(member.view.waking_since.unwrap_or(now) + expected)),
            None if routed.view.expected.is_none() || routed.is_ready() => return None,
            None => {}
        }
    }
    latest
}

/// How far along something is that has taken `elapsed` of an expected `whole`. Nine tenths of the way it slows
/// down: late, it creeps on and never claims to be there.
fn along(elapsed: Duration, whole: Duration) -> u8 {
    let along = elapsed.as_secs_f64() / whole.as_secs_f64().max(0.001);
    percent(if along < 0.9 { along } else { 0.9 + 0.09 * (1.0 - (-2.0 * (along - 0.9)).exp()) })
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    float(part) / float(whole).max(1.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=99 just before")]
fn percent(share: f64) -> u8 {
    (share * 100.0).clamp(0.0, 99.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fault;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn waking(since: u64, expected: Option<u64>) -> View {
        View {
            phase: Phase::Waking,
            stage: Stage::Starting,
            waking_since: Some(at(since)),
            expected: expected.map(Duration::from_secs),
            ..View::default()
        }
    }

    fn seen(view: View, needed: bool) -> Seen {
        Seen { name: "x".into(), view: Arc::new(view), needed }
    }

    #[test]
    fn the_slowest_member_decides() {
        let members = [seen(waking(10, Some(30)), true), seen(waking(10, Some(20)), true)];
        let summary = Summary::of(&members, at(20));
        assert_eq!(summary.left, Left::About(Duration::from_secs(20)));
        assert_eq!((summary.elapsed, summary.percent), (Duration::from_secs(10), Some(33)));
    }

    #[test]
    fn members_the_door_does_not_wait_for_do_not_count() {
        let members = [seen(waking(0, Some(500)), false), seen(waking(0, Some(20)), true)];
        let summary = Summary::of(&members, at(5));
        assert_eq!((summary.left, summary.total), (Left::About(Duration::from_secs(15)), 1));
    }

    #[test]
    fn one_unknown_member_makes_the_whole_unknown_unless_the_routed_one_is_known() {
        let members = [seen(waking(0, Some(9)), true), seen(waking(0, None), true)];
        assert_eq!(Summary::of(&members, at(1)).left, Left::Unknown);
        let members = [seen(waking(0, None), true), seen(waking(0, Some(9)), true)];
        assert_eq!(Summary::of(&members, at(1)).left, Left::About(Duration::from_secs(8)));
    }

    #[test]
    fn late_is_said_and_never_there_before_it_is() {
        let members = [seen(waking(0, Some(10)), true)];
        assert_eq!(Summary::of(&members, at(11)).left, Left::About(Duration::ZERO));
        let late = Summary::of(&members, at(600));
        assert_eq!((late.left, late.percent), (Left::Overdue, Some(99)));
        let mut before = 0;
        for second in 0..600 {
            let percent = Summary::of(&members, at(second)).percent.unwrap();
            assert!(percent >= before && percent < 100, "{percent} after {before} at {second} s");
            before = percent;
        }
    }

    #[test]
    fn the_routed_service_decides_what_is_told() {
        let failed = View {
            phase: Phase::Failed,
            fault: Some(Fault::new("exit code 1: secret").told_as("It stopped at once.")),
            ..View::default()
        };
        let up = View { phase: Phase::Awake, stage: Stage::Ready, ..View::default() };
        let of = |first: &View, last: &View| {
            Summary::of(&[seen(first.clone(), true), seen(last.clone(), true)], at(1)).state
        };
        assert_eq!(of(&up, &failed), State::Failed("It stopped at once."));
        assert_eq!(of(&failed, &waking(0, None)), State::Waking);
        assert_eq!(of(&waking(0, None), &up), State::Ready);
    }

    #[test]
    fn without_experience_the_count_is_all_there_is() {
        let up = View { phase: Phase::Awake, stage: Stage::Ready, ..View::default() };
        let members = [seen(waking(0, None), true), seen(waking(0, None), true)];
        assert_eq!(Summary::of(&members, at(3)).percent, None);
        let members = [seen(up, true), seen(waking(0, None), true)];
        assert_eq!(Summary::of(&members, at(3)).percent, Some(45));
    }

    #[test]
    fn nobody_to_wait_for_is_no_panic() {
        assert_eq!(Summary::of(&[], at(3)).state, State::Waking);
    }
}
