use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::driver::Gates;
use crate::model::{Phase, Time};

/// How long each service has been in each phase: what a cost report is made of.
///
/// Kept from the notices, not from the gates: a phase that begins and ends between two questions still counts.
#[derive(Debug, Default)]
pub(super) struct Ledger(BTreeMap<Arc<str>, Account>);

/// One service's times.
#[derive(Debug)]
struct Account {
    phase: Phase,
    since: Time,
    /// Phases that have ended.
    ended: [Duration; Phase::ALL.len()],
    /// What was last told. A counter must not go back, and the notice that a phase has ended may come after a
    /// question that took it to last still.
    told: [Duration; Phase::ALL.len()],
}

impl Account {
    fn new(phase: Phase, since: Time) -> Self {
        Self { phase, since, ended: Default::default(), told: Default::default() }
    }

    /// From `at` on it is in `phase`. Repeated or late, this changes no time.
    fn enter(&mut self, phase: Phase, at: Time) {
        self.ended[self.phase as usize] += at.since(self.since);
        self.phase = phase;
        self.since = self.since.max(at);
    }

    fn tell(&mut self, now: Time) {
        for phase in Phase::ALL {
            let running = if phase == self.phase { now.since(self.since) } else { Duration::ZERO };
            let told = &mut self.told[phase as usize];
            *told = (*told).max(self.ended[phase as usize] + running);
        }
    }
}

impl Ledger {
    /// A service went from one phase to another at `at`, after `after` in the first.
    pub(super) fn changed(&mut self, service: &Arc<str>, from: Phase, to: Phase, at: Time, after: Duration) {
        let began = at - after;
        let account = self.0.entry(service.clone()).or_insert_with(|| Account::new(from, began));
        // Changes nothing unless a notice in between was missed.
        if account.phase != from {
            account.enter(from, began);
        }
        account.enter(to, at);
    }

    /// Brings every service's times up to `now`, and returns the names of those that are gone.
    pub(super) fn settle(&mut self, gates: &Gates, now: Time) -> Vec<Arc<str>> {
        let gone: Vec<Arc<str>> = self.0.keys().filter(|name| gates.get(name).is_none()).cloned().collect();
        for name in &gone {
            self.0.remove(name);
        }
        for gate in &gates.all {
            let view = gate.view();
            let account =
                self.0.entry(gate.name().clone()).or_insert_with(|| Account::new(view.phase, view.since));
            account.tell(now);
        }
        gone
    }

    /// The time that the service has spent in the phase, as of the last [`Ledger::settle`].
    pub(super) fn total(&self, service: &str, phase: Phase) -> Duration {
        self.0.get(service).map_or(Duration::ZERO, |account| account.told[phase as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(ledger: &mut Ledger, phase: Phase, now: u64) -> u64 {
        let account = ledger.0.get_mut("web").unwrap();
        account.tell(Time::from_millis(now));
        u64::try_from(ledger.total("web", phase).as_millis()).unwrap()
    }

    fn change(ledger: &mut Ledger, from: Phase, to: Phase, at: u64, after: u64) {
        ledger.changed(&"web".into(), from, to, Time::from_millis(at), Duration::from_millis(after));
    }

    #[test]
    fn phases_add_up_to_the_time_that_has_passed() {
        let mut ledger = Ledger::default();
        change(&mut ledger, Phase::Unknown, Phase::Asleep, 100, 100);
        change(&mut ledger, Phase::Asleep, Phase::Waking, 1_100, 1_000);
        change(&mut ledger, Phase::Waking, Phase::Awake, 1_600, 500);
        let sum: u64 = Phase::ALL.into_iter().map(|phase| total(&mut ledger, phase, 2_000)).sum();
        assert_eq!(sum, 2_000);
        assert_eq!(total(&mut ledger, Phase::Asleep, 2_000), 1_000);
        assert_eq!(total(&mut ledger, Phase::Awake, 2_000), 400);
    }

    #[test]
    fn a_late_notice_does_not_turn_a_counter_back() {
        let mut ledger = Ledger::default();
        change(&mut ledger, Phase::Unknown, Phase::Awake, 100, 100);
        assert_eq!(total(&mut ledger, Phase::Awake, 1_000), 900);
        change(&mut ledger, Phase::Awake, Phase::Draining, 700, 600);
        assert_eq!(total(&mut ledger, Phase::Awake, 1_000), 900, "told once, never taken back");
        assert_eq!(total(&mut ledger, Phase::Draining, 1_000), 300);
    }

    #[test]
    fn a_missed_notice_loses_only_what_it_said() {
        let mut ledger = Ledger::default();
        change(&mut ledger, Phase::Unknown, Phase::Asleep, 0, 0);
        // That it woke at 1000 was missed.
        change(&mut ledger, Phase::Awake, Phase::Draining, 5_000, 3_000);
        assert_eq!(total(&mut ledger, Phase::Awake, 5_000), 3_000);
        assert_eq!(total(&mut ledger, Phase::Asleep, 5_000), 2_000);
    }
}
