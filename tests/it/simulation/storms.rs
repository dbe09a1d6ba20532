//! What goes wrong when, where the services run on Amazon ECS.

use std::time::Duration;

use fastrand::Rng;

use super::blow::{Blow, Image};
use super::chaos::{Act, Story};
use super::platform::Mishap;
use super::stage::Manners;
use crate::simulator::fault::{Fault, FaultKind, Malformed};

/// How long answers may be stale, in milliseconds: less than what the gateway is told to reckon with.
const STALEST: u64 = 1_500;

/// Calls that one fault may befall alone.
const ACTIONS: [&str; 9] = [
    "UpdateService",
    "UpdateService",
    "DescribeServices",
    "DescribeServices",
    "DescribeTasks",
    "ListTasks",
    "TagResource",
    "RegisterScalableTarget",
    "ReceiveMessage",
];

/// Something that begins, and what ends it, where it does not end by itself.
type Storm = (Act, Option<Act>);

/// What goes wrong in a story, each at its time.
pub(super) fn acts(story: &Story, rng: &mut Rng) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    let last = u64::try_from(story.pace.faults_end.as_millis()).unwrap_or(u64::MAX);
    let mut killed_until = vec![0; story.gateways.into()];
    for number in 0..rng.u8(1..=7) {
        let begin = rng.u64(200..last - 1_000);
        let end = (begin + rng.u64(200..8_000)).min(last - 1);
        let service = story.services[rng.usize(..story.services.len())].clone();
        let gateway = rng.u8(..story.gateways);
        let killed_until = &mut killed_until[usize::from(gateway)];
        let (from, to) = match rng.u8(..20) {
            0..6 => of_calls(number, rng),
            6..9 => of_tasks(number, &service, rng),
            9 => stale(rng),
            10..15 => of_others(&service, rng),
            15 => manners(&service, rng),
            16 => {
                let address = rng.u8(..story.addresses);
                (Act::Hold(address), Some(Act::Release(address)))
            }
            17 => (Act::Cut(gateway), Some(Act::Mend(gateway))),
            _ if begin > *killed_until => {
                *killed_until = end;
                (Act::Kill(gateway), Some(Act::Start(gateway)))
            }
            _ => continue,
        };
        acts.push((Duration::from_millis(begin), from));
        acts.extend(to.map(|to| (Duration::from_millis(end), to)));
    }
    acts
}

fn blow(blow: Blow) -> Act {
    Act::Mishap(Mishap::Blow(blow))
}

fn switch(number: u8, fault: Fault) -> Storm {
    (blow(Blow::On(number, fault)), Some(blow(Blow::Off(number))))
}

/// AWS's APIs have a bad day.
fn of_calls(number: u8, rng: &mut Rng) -> Storm {
    let malformed = [
        Malformed::Truncated,
        Malformed::WrongTypes,
        Malformed::UnknownStatus,
        Malformed::NegativeCounts,
        Malformed::MissingFields,
    ];
    let kind = match rng.u8(..10) {
        0 => FaultKind::Throttle,
        1 => FaultKind::Error500,
        2 => FaultKind::Error503,
        3 => FaultKind::Hang,
        4 | 5 => FaultKind::LostAnswer,
        6 => FaultKind::Slow(Duration::from_millis(rng.u64(100..3_000))),
        7 => FaultKind::Malformed(malformed[rng.usize(..malformed.len())]),
        8 => FaultKind::AccessDenied,
        _ => FaultKind::ExpiredToken,
    };
    let fault = Fault::new(kind).chance([1.0, 1.0, 0.5, 0.2][rng.usize(..4)]);
    switch(number, if rng.bool() { fault } else { fault.on(ACTIONS[rng.usize(..ACTIONS.len())]) })
}

/// New tasks of a service come to nothing, or to little.
fn of_tasks(number: u8, service: &str, rng: &mut Rng) -> Storm {
    let after = Duration::from_millis(rng.u64(0..3_000));
    let kind = match rng.u8(..10) {
        0 => FaultKind::PullFailure,
        1 => FaultKind::ResourceInitialization,
        2 => FaultKind::Crash { after, exit_code: 1 },
        3 => FaultKind::OutOfMemory { after },
        4 => FaultKind::NoCapacity,
        5 => FaultKind::PlacementFailure,
        6 => FaultKind::HealthCheckKill { after },
        7 => FaultKind::BlackHole,
        8 => FaultKind::SlowBoot(after),
        _ => FaultKind::NeverHealthy,
    };
    switch(number, Fault::new(kind).of(service).chance([1.0, 0.5][rng.usize(..2)]))
}

fn stale(rng: &mut Rng) -> Storm {
    let window = Duration::from_millis(rng.u64(200..STALEST));
    (blow(Blow::Stale(window)), Some(blow(Blow::Stale(Duration::ZERO))))
}

/// Somebody else's hand, or nobody's.
fn of_others(service: &str, rng: &mut Rng) -> Storm {
    let service = service.to_owned();
    let once = |act: Blow| (blow(act), None);
    match rng.u8(..12) {
        0..3 => once(Blow::Crash(service)),
        3 => once(Blow::Stop(service)),
        4..6 => once(Blow::Deploy(service, Image::Good)),
        6 => once(Blow::Deploy(service, [Image::Crashes, Image::NeverHealthy][rng.usize(..2)])),
        7..10 => once(Blow::Desired(service, rng.u32(0..=2))),
        10 => once(Blow::Protect(service, Duration::from_millis(rng.u64(500..5_000)))),
        _ => (blow(Blow::Delete(service.clone())), Some(blow(Blow::Create(service, rng.u32(0..=1))))),
    }
}

fn manners(service: &str, rng: &mut Rng) -> Storm {
    let bad = [Manners::Unwell, Manners::Hangs, Manners::Resets][rng.usize(..3)];
    let act = |manners| Act::Mishap(Mishap::Manners(service.to_owned(), manners));
    (act(bad), Some(act(Manners::Good)))
}
