//! Target groups: who is registered, what the health checks found, who is draining. No sockets, no clock: every method
//! is told the time, and the caller answers the health checks. The wire forms are in [`super::balancers`].
//!
//! The rules, from <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>:
//! a target starts as `initial`, and its first good check makes it healthy, whatever the threshold; `unhealthy` bad
//! ones in a row make it unhealthy; from there only `healthy` good ones in a row bring it back. A target that is taken
//! out drains for the whole deregistration delay.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How a target group is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `arn:aws:elasticloadbalancing:…:targetgroup/NAME/…`.
    pub(crate) arn: String,
    pub(crate) name: String,
    /// Where targets listen unless they are registered with a port of their own.
    pub(crate) port: u16,
    /// The load balancer that uses it. Without one its targets are `unused`, and are not checked.
    pub(crate) load_balancer: Option<String>,
    /// The path that is asked.
    pub(crate) path: String,
    /// Which statuses are good, both ends included.
    pub(crate) matcher: (u16, u16),
    /// From one check to the next.
    pub(crate) interval: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// How many good checks in a row make an unhealthy target healthy.
    pub(crate) healthy: u32,
    /// How many bad ones in a row make a target unhealthy.
    pub(crate) unhealthy: u32,
    /// How long a target drains.
    pub(crate) deregistration_delay: Duration,
}

impl Settings {
    /// What a target group has when nothing but its name is said.
    pub(crate) fn new(arn: impl Into<String>, name: impl Into<String>, port: u16) -> Self {
        Self {
            arn: arn.into(),
            name: name.into(),
            port,
            load_balancer: None,
            path: "/".to_owned(),
            matcher: (200, 200),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            healthy: 5,
            unhealthy: 2,
            deregistration_delay: Duration::from_secs(300),
        }
    }
}

/// What a health check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The target answered with this status.
    Status(u16),
    /// Nobody listens.
    Refused,
    /// Nothing came back in time.
    Timeout,
}

/// The health of a target, with the words of `TargetHealth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    /// `initial`, `healthy`, `unhealthy`, `draining` or `unused`.
    pub(crate) state: &'static str,
    /// `Target.Timeout`; a healthy target has none.
    pub(crate) reason: Option<&'static str>,
    pub(crate) description: Option<String>,
}

/// Where a target is registered from.
pub(crate) type Address = (Ipv4Addr, u16);

/// All target groups of the account, by ARN.
#[derive(Debug, Default)]
pub(crate) struct TargetGroups {
    groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
struct Group {
    settings: Settings,
    targets: BTreeMap<Address, Target>,
}

#[derive(Debug)]
struct Target {
    state: State,
    /// Good checks in a row, or bad ones.
    good: u32,
    bad: u32,
    last: Option<Check>,
    next_check: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Initial,
    Healthy,
    Unhealthy,
    Draining { until: Duration },
}

impl TargetGroups {
    /// Makes a target group, or sets one up anew; its targets stay.
    pub(crate) fn set(&mut self, settings: Settings) {
        match self.groups.get_mut(&settings.arn) {
            Some(group) => group.settings = settings,
            None => {
                let arn = settings.arn.clone();
                self.groups.insert(arn, Group { settings, targets: BTreeMap::new() });
            }
        }
    }

    /// How one is set up.
    pub(crate) fn settings(&self, arn: &str) -> Option<&Settings> {
        self.groups.get(arn).map(|group| &group.settings)
    }

    /// How all are set up, by ARN.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Settings> {
        self.groups.values().map(|group| &group.settings)
    }

    /// Registers a target. Its first check comes within one interval: `phase`, from 0 to 1, says where in it.
    pub(crate) fn register(&mut self, arn: &str, address: Address, phase: f64, now: Duration) {
        let Some(group) = self.groups.get_mut(arn) else { return };
        let next_check = now + group.settings.interval.mul_f64(phase.clamp(0.0, 1.0));
        let target = Target { state: State::Initial, good: 0, bad: 0, last: None, next_check };
        group.targets.insert(address, target);
    }

    /// Takes a target out and says when it will have drained; one that is not registered has.
    pub(crate) fn deregister(&mut self, arn: &str, address: Address, now: Duration) -> Duration {
        let Some(group) = self.groups.get_mut(arn) else { return now };
        let used = group.settings.load_balancer.is_some();
        let Some(target) = group.targets.get_mut(&address) else { return now };
        if !used {
            group.targets.remove(&address);
            return now;
        }
        if let State::Draining { until } = target.state {
            return until;
        }
        let until = now + group.settings.deregistration_delay;
        target.state = State::Draining { until };
        until
    }

    /// When something is due: a check, or the end of a drain.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let groups = self.groups.values().filter(|group| group.settings.load_balancer.is_some());
        groups.flat_map(|group| group.targets.values().map(Target::due)).min()
    }

    /// Carries out all that is due. `check` is asked what a target would answer to a check of this group at this time.
    pub(crate) fn advance(
        &mut self,
        now: Duration,
        mut check: impl FnMut(&Settings, Address, Duration) -> Check,
    ) {
        for Group { settings, targets } in self.groups.values_mut() {
            if settings.load_balancer.is_none() {
                continue;
            }
            targets.retain(|_, target| !matches!(target.state, State::Draining { until } if until <= now));
            for (address, target) in targets {
                while !matches!(target.state, State::Draining { .. }) && target.next_check <= now {
                    let found = check(settings, *address, target.next_check);
                    target.note(found, settings);
                    // An interval of nothing would check for ever.
                    target.next_check += settings.interval.max(Duration::from_millis(1));
                }
            }
        }
    }

    /// The targets of a group with their health, by address. None is a group that there is not.
    pub(crate) fn health(&self, arn: &str) -> Option<Vec<(Address, Health)>> {
        let group = self.groups.get(arn)?;
        let of = |target: &Target| match group.settings.load_balancer {
            Some(_) => target.health(),
            None => Health::new(
                "unused",
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer",
            ),
        };
        Some(group.targets.iter().map(|(address, target)| (*address, of(target))).collect())
    }
}

impl Health {
    fn new(state: &'static str, reason: &'static str, description: impl Into<String>) -> Self {
        Self { state, reason: Some(reason), description: Some(description.into()) }
    }

    /// What is said of a target that a caller names and that is not registered.
    pub(crate) fn not_registered() -> Self {
        Self::new("unused", "Target.NotRegistered", "Target is not registered to the target group")
    }
}

impl Target {
    fn due(&self) -> Duration {
        match self.state {
            State::Draining { until } => until,
            State::Initial | State::Healthy | State::Unhealthy => self.next_check,
        }
    }

    fn note(&mut self, found: Check, settings: &Settings) {
        let (from, to) = settings.matcher;
        let good = matches!(found, Check::Status(status) if (from..=to).contains(&status));
        self.last = Some(found);
        (self.good, self.bad) = if good { (self.good + 1, 0) } else { (0, self.bad + 1) };
        self.state = match self.state {
            State::Initial if good => State::Healthy,
            State::Unhealthy if self.good >= settings.healthy => State::Healthy,
            State::Initial | State::Healthy if self.bad >= settings.unhealthy => State::Unhealthy,
            same => same,
        };
    }

    fn health(&self) -> Health {
        match (self.state, self.last) {
            (State::Initial, None) => {
                Health::new("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
            }
            (State::Initial, Some(_)) => {
                Health::new("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
            }
            (State::Healthy, _) => Health { state: "healthy", reason: None, description: None },
            (State::Unhealthy, Some(Check::Status(status))) if self.bad > 0 => {
                let words = format!("Health checks failed with these codes: [{status}]");
                Health::new("unhealthy", "Target.ResponseCodeMismatch", words)
            }
            (State::Unhealthy, Some(Check::Timeout)) => {
                Health::new("unhealthy", "Target.Timeout", "Request timed out")
            }
            (State::Unhealthy, _) => {
                Health::new("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
            }
            (State::Draining { .. }, _) => Health::new(
                "draining",
                "Target.DeregistrationInProgress",
                "Target deregistration is in progress",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:one";
    const TARGET: Address = (Ipv4Addr::new(127, 1, 2, 3), 8080);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn groups(load_balancer: Option<&str>) -> TargetGroups {
        let mut groups = TargetGroups::default();
        groups.set(Settings {
            load_balancer: load_balancer.map(str::to_owned),
            ..Settings::new(ARN, "one", 80)
        });
        groups.register(ARN, TARGET, 0.0, at(0));
        groups
    }

    fn state(groups: &TargetGroups) -> &'static str {
        groups.health(ARN).expect("a group")[0].1.state
    }

    #[test]
    fn one_good_check_is_enough_at_first_and_never_again() {
        let mut groups = groups(Some("arn:lb"));
        assert_eq!(state(&groups), "initial");
        groups.advance(at(0), |_, _, _| Check::Refused);
        assert_eq!((state(&groups), groups.next_due()), ("initial", Some(at(30))));
        groups.advance(at(30), |_, _, _| Check::Status(200));
        assert_eq!(state(&groups), "healthy");
        groups.advance(at(60), |_, _, _| Check::Timeout);
        assert_eq!(state(&groups), "healthy", "one bad one is forgiven");
        groups.advance(at(90), |_, _, _| Check::Timeout);
        assert_eq!(groups.health(ARN).expect("a group")[0].1.reason, Some("Target.Timeout"));
        groups.advance(at(90 + 30 * 4), |_, _, _| Check::Status(200));
        assert_eq!(state(&groups), "unhealthy", "four good ones do not do");
        groups.advance(at(90 + 30 * 5), |_, _, _| Check::Status(200));
        assert_eq!(state(&groups), "healthy");
    }

    #[test]
    fn checks_that_are_overdue_are_asked_at_their_own_times() {
        let mut groups = groups(Some("arn:lb"));
        let mut times = Vec::new();
        groups.advance(at(65), |_, _, time| {
            times.push(time);
            if time < at(60) { Check::Status(503) } else { Check::Status(200) }
        });
        assert_eq!(times, [at(0), at(30), at(60)]);
        assert_eq!(state(&groups), "unhealthy");
    }

    #[test]
    fn a_target_drains_for_the_whole_delay_and_is_gone() {
        let mut groups = groups(Some("arn:lb"));
        assert_eq!(groups.deregister(ARN, TARGET, at(10)), at(310));
        assert_eq!((state(&groups), groups.next_due()), ("draining", Some(at(310))));
        groups.advance(at(309), |_, _, _| Check::Status(200));
        assert_eq!(state(&groups), "draining");
        groups.advance(at(310), |_, _, _| Check::Status(200));
        assert_eq!(groups.health(ARN), Some(Vec::new()));
    }

    #[test]
    fn without_a_load_balancer_nothing_is_used_or_checked_or_drained() {
        let mut groups = groups(None);
        groups.advance(at(100), |_, _, _| Check::Status(200));
        assert_eq!((state(&groups), groups.next_due()), ("unused", None));
        assert_eq!(groups.deregister(ARN, TARGET, at(100)), at(100));
        assert_eq!(groups.health(ARN), Some(Vec::new()));
    }
}
