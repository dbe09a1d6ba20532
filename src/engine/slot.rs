use std::sync::Arc;
use std::time::Duration;

use super::{CallId, LookId, Pace};
use crate::model::{Cause, Fault, Kind, Observation, Phase, Spec, Stage, Target, Time};

/// The facts about one service.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Slot {
    pub(super) phase: Phase,
    pub(super) since: Time,
    pub(super) cause: Cause,
    pub(super) stage: Stage,
    pub(super) stage_since: Time,

    // What is wanted of it.
    /// Somebody asked for it and was neither served nor refused yet.
    pub(super) wanted: bool,
    pub(super) lease: Option<Time>,
    pub(super) asked_to_sleep: bool,
    pub(super) quiet: Quiet,

    // What we told the provider.
    pub(super) call: Option<Call>,
    pub(super) told: Told,
    pub(super) acknowledged_at: Time,
    /// When a call that failed may be made again.
    pub(super) call_again_at: Option<Time>,
    pub(super) failed_calls: u32,
    /// Why the last call of this wake failed.
    pub(super) refused: Option<Fault>,
    /// Why the last call to put it to sleep failed, until one succeeds.
    pub(super) unslept: Option<Fault>,

    /// What was seen before the call to put it to sleep that is out, healthy targets included.
    pub(super) seen_before: Option<Box<(Observation, Vec<Target>)>>,

    // What the provider showed us.
    pub(super) seen: Option<Observation>,
    pub(super) seen_at: Time,
    /// The last look got no answer: nothing is put to sleep on what was seen before.
    pub(super) blind: Option<Fault>,
    pub(super) look: Option<LookId>,
    /// When the last look was begun.
    pub(super) looked_at: Time,
    /// Whether it was looked at at all.
    pub(super) looked: bool,
    pub(super) look_again: bool,
    /// Looks before this one were begun before the last call was acknowledged (rule 3).
    pub(super) first_valid_look: LookId,
    pub(super) look_at: Option<Time>,
    /// The count that the provider is known to keep running.
    pub(super) known_count: u32,

    // What the probes found.
    pub(super) healthy: Vec<Target>,
    pub(super) last_probe_error: Option<String>,

    // What we told the gate and the probes.
    pub(super) door: Option<Vec<Target>>,
    pub(super) refusing: bool,
    pub(super) probing: (Vec<Target>, Pace),

    // How its wakes go.
    pub(super) wake: Option<Wake>,
    pub(super) fault: Option<Fault>,
    pub(super) failures: u32,
    pub(super) retry_at: Option<Time>,
    pub(super) last_wake: Option<Duration>,
    pub(super) expected: Option<Duration>,

    pub(super) dirty: bool,
    pub(super) changed: bool,
}

/// A call to the provider that was not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) count: u32,
    /// It is a call to sleep, and somebody came meanwhile.
    pub(super) called_off: bool,
}

/// What the provider has taken from us last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Up,
    Down,
    /// A call to start it failed: perhaps it was carried out, perhaps not.
    PerhapsUp,
    /// A call to put it to sleep failed: perhaps it was carried out, perhaps not.
    PerhapsDown,
}

/// A way up, from its beginning to ready or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wake {
    pub(super) started: Time,
    pub(super) cause: Cause,
    /// Somebody asked for it, so it calls its own start and its dependencies'. Otherwise it was found like this
    /// and is only watched.
    pub(super) calls: bool,
    /// Its start was called, or found to need no call.
    pub(super) called: bool,
    /// Since when everything that its door waits for is ready: a death before this is forgiven.
    pub(super) dependencies_ready: Option<Time>,
}

/// Observed quiet: only time between two samples that saw no activity counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quiet {
    pub(super) lasted: Duration,
    pub(super) entered: u64,
    pub(super) sampled_at: Time,
    pub(super) asked_at: Time,
}

impl Slot {
    pub(super) fn new(spec: &Arc<Spec>, now: Time) -> Self {
        Self {
            phase: Phase::Unknown,
            since: now,
            cause: Cause::Boot,
            stage: Stage::Idle,
            stage_since: now,
            wanted: false,
            lease: None,
            asked_to_sleep: false,
            quiet: Quiet { sampled_at: now, ..Quiet::default() },
            call: None,
            told: Told::Nothing,
            acknowledged_at: now,
            call_again_at: None,
            failed_calls: 0,
            refused: None,
            unslept: None,
            seen_before: None,
            seen: fixed_observation(spec),
            seen_at: now,
            blind: None,
            look: None,
            looked_at: now,
            looked: false,
            look_again: false,
            first_valid_look: LookId(0),
            look_at: None,
            known_count: 0,
            healthy: Vec::new(),
            last_probe_error: None,
            door: None,
            refusing: false,
            probing: (Vec::new(), Pace::Waking),
            wake: None,
            fault: None,
            failures: 0,
            retry_at: None,
            last_wake: None,
            expected: spec.limits.expected_wake,
            dirty: true,
            changed: true,
        }
    }

    /// Whether it may hold up one of its dependencies: everything but certainly asleep (rules 4 and 6). Asleep
    /// when last seen is not certain while it cannot be seen.
    pub(super) fn keeps_dependencies(&self) -> bool {
        self.phase != Phase::Asleep || self.blind.is_some()
    }

    /// Whether its start is known to the provider, so that a dependent's may be called (rule 5).
    pub(super) fn start_acknowledged(&self) -> bool {
        // What was seen since the last call outweighs what was told.
        let up = match &self.seen {
            Some(seen) => seen.desired > 0 || seen.completed,
            None => self.told == Told::Up,
        };
        self.call.is_none() && up && matches!(self.phase, Phase::Waking | Phase::Awake | Phase::Failed)
    }

    pub(super) fn leased(&self, now: Time) -> bool {
        self.lease.is_some_and(|until| until > now)
    }

    pub(super) fn may_retry(&self, now: Time) -> bool {
        self.retry_at.is_none_or(|at| at <= now)
    }

    /// What delays it on its way up, where that is not its own doing.
    pub(super) fn trouble(&self) -> Option<&Fault> {
        (self.phase == Phase::Waking || self.wake.is_some())
            .then(|| self.refused.as_ref().or(self.blind.as_ref()))
            .flatten()
    }

    /// Why it is not put to sleep, in the provider's words: of what it sees, else of the last time it was told to. A
    /// clause that follows "it".
    pub(super) fn keeps(&self) -> Option<Arc<str>> {
        let seen = self.seen.as_ref().and_then(|seen| seen.keeps.clone());
        let unslept = self.unslept.as_ref().filter(|_| matches!(self.phase, Phase::Waking | Phase::Awake));
        seen.or_else(|| {
            let reason = &*unslept?.reason;
            let clause = reason.strip_prefix("it ").map(Arc::from);
            Some(clause.unwrap_or_else(|| format!("could not be put to sleep: {reason}").into()))
        })
    }

    /// Drops what was seen: a call is about to change it.
    pub(super) fn forget_seen(&mut self) {
        self.seen_before = self.seen.take().map(|seen| Box::new((seen, std::mem::take(&mut self.healthy))));
        self.healthy.clear();
        self.last_probe_error = None;
    }

    /// Takes back up what was seen before a call of which nothing came.
    pub(super) fn remember_seen(&mut self) {
        if let Some((seen, healthy)) = self.seen_before.take().map(|before| *before) {
            (self.seen, self.healthy) = (Some(seen), healthy);
        }
    }

    /// The targets as seen, or the fixed address in their place.
    pub(super) fn targets(&self, spec: &Spec) -> Vec<Target> {
        match (&self.seen, &spec.upstream) {
            (Some(seen), Some(_)) if seen.running > 0 => upstream_target(spec).into_iter().collect(),
            (Some(seen), None) => seen.targets.clone(),
            _ => Vec::new(),
        }
    }

    /// The targets that serve.
    pub(super) fn ready_targets(&self, spec: &Spec) -> Vec<Target> {
        let mut targets = self.targets(spec);
        if let Some(group) = spec.target_group() {
            let passing = self.seen.as_ref().map_or(0, |seen| seen.passing);
            targets.retain(|_| passing >= group.healthy);
        } else if spec.health.is_some() {
            targets.retain(|target| self.healthy.contains(target));
        }
        targets
    }

    /// Whether the service itself is as it should be, whatever its dependencies.
    pub(super) fn ready(&self, spec: &Spec) -> bool {
        let Some(seen) = &self.seen else { return false };
        if is_job(spec) {
            return seen.completed;
        }
        if seen.desired == 0 || seen.running == 0 {
            return false;
        }
        let needs_target = spec.health.is_some() || listens(spec);
        !needs_target || !self.ready_targets(spec).is_empty()
    }
}

pub(super) fn is_job(spec: &Spec) -> bool {
    matches!(&spec.kind, Kind::Process(process) if process.job)
}

/// Whether it has an address to wait for. A provider of somebody else's may run what listens nowhere.
fn listens(spec: &Spec) -> bool {
    match &spec.kind {
        Kind::Process(process) => process.port.is_some(),
        Kind::Ecs(ecs) => ecs.port.is_some(),
        Kind::Fixed | Kind::External(_) => false,
    }
}

fn upstream_target(spec: &Spec) -> Option<Target> {
    let address = spec.upstream.clone()?;
    Some(Target { instance: "upstream".into(), address })
}

/// What nobody runs is always there.
fn fixed_observation(spec: &Spec) -> Option<Observation> {
    (!spec.sleeps()).then(|| Observation {
        desired: 1,
        running: 1,
        targets: upstream_target(spec).into_iter().collect(),
        ..Observation::default()
    })
}
