//! What the engine is told of a service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::state::{GroupHealth, Task};
use super::record::Record;
use super::task::Known;
use crate::model::{Observation, Target, Time};

/// How long a service is taken to be changing, and how long it has to be at rest before it may begin anew.
const CHANGES_FOR: Duration = Duration::from_secs(5 * 60);

/// A time in which a service's tasks change, with the rests in between.
#[derive(Clone, Debug)]
pub(super) struct Unrest {
    /// When it began.
    since: Time,
    /// Since when it has been at rest; none while it is not.
    calm_since: Option<Time>,
    /// What it is about: the roll-out, and how many tasks there shall be.
    about: (Option<String>, u32),
}

/// What an observation is made for.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider::ecs) struct View<'a> {
    /// The container port that serves; without one there are no targets.
    pub(in crate::provider::ecs) port: Option<u16>,
    /// Whether a task counts only once its program runs: where no address of its own is there to be probed.
    pub(in crate::provider::ecs) only_running: bool,
    /// How its target group is doing, where that was asked.
    pub(in crate::provider::ecs) group: Option<&'a GroupHealth>,
    /// The present.
    pub(in crate::provider::ecs) now: Time,
}

impl Record {
    /// The observation, from what is known now; none before the service was described. `owns` tells whether a task's
    /// address was not given to another one since.
    pub(super) fn observation(
        &mut self,
        view: &View<'_>,
        owns: impl Fn(&Task) -> bool,
    ) -> Option<Observation> {
        let unsettled = self.is_unsettled(view.now);
        let state = self.state()?;
        let desired = self.desired();
        let exist: Vec<&Known> = self.tasks.values().filter(|known| !known.is_gone()).collect();
        let up: Vec<&Known> =
            exist.iter().copied().filter(|known| desired > 0 && known.is_up() && !known.doubted).collect();
        let running = up.iter().filter(|known| !view.only_running || known.runs()).count();
        let mut seen = Observation {
            desired,
            running: size(running),
            stopping: size(exist.len() - up.len()),
            keeps: self.keeps(view.now),
            ..Observation::default()
        };
        if desired == 0 {
            // They are counted before they are known, and none of them is wanted.
            seen.stopping = seen.stopping.max(state.running + state.pending);
            return Some(seen);
        }
        if let Some(port) = view.port {
            let mine = up.iter().filter(|known| owns(&known.task));
            seen.targets = mine.filter_map(|known| target(&known.task, port)).collect();
        }
        seen.unsettled = unsettled;
        seen.fault = self.fault();
        seen.waits_for = self.waits_for();
        if let Some(group) = view.group {
            // A target that was registered by a task before is no sign of this one.
            let runs = up.iter().any(|known| known.runs());
            seen.passing = if runs { group.healthy } else { 0 };
            seen.waits_for = seen.waits_for.or_else(|| group.waits_for());
        }
        Some(seen)
    }

    /// Whether its tasks are being replaced, added or taken away. What has not come to rest for long waits for
    /// something that may never come, or crashes again and again; that is no reason to look at it all the time.
    fn is_unsettled(&mut self, now: Time) -> bool {
        let Some(state) = self.state() else { return false };
        let mut tasks = self.tasks.values().filter(|known| !known.is_gone());
        let moves = self.rollout.is_some()
            || (state.running, state.pending) != (state.desired, 0)
            || tasks.any(|known| !known.is_up() || !known.runs());
        if !moves {
            if let Some(unrest) = &mut self.unrest {
                unrest.calm_since.get_or_insert(now);
            }
            return false;
        }
        let about = (self.rollout.as_ref().map(|(id, _)| id.clone()), state.desired);
        let goes_on = |unrest: &Unrest| {
            let rested = unrest.calm_since.is_some_and(|since| now.since(since) >= CHANGES_FOR);
            unrest.about == about && !rested
        };
        let since = self.unrest.as_ref().filter(|unrest| goes_on(unrest)).map_or(now, |unrest| unrest.since);
        self.unrest = Some(Unrest { since, calm_since: None, about });
        now.since(since) < CHANGES_FOR
    }

    /// Whether its target group can have anything to say yet: tasks are registered just before they are RUNNING.
    pub(in crate::provider::ecs) fn may_pass(&self) -> bool {
        self.desired() > 0 && self.tasks.values().any(|known| known.runs() && !known.doubted)
    }
}

impl GroupHealth {
    /// What the group waits for, in words; nothing where all targets are healthy.
    fn waits_for(&self) -> Option<Arc<str>> {
        let counts = [
            (self.initial, "initial"),
            (self.unhealthy, "unhealthy"),
            (self.draining, "draining"),
            (self.unused, "unused"),
        ];
        let named: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let reason = self.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        match (named.is_empty(), self.healthy) {
            (true, 0) => Some("its target group: no target is registered".into()),
            (true, _) => None,
            (false, _) => Some(format!("its target group: {}{reason}", named.join(", ")).into()),
        }
    }
}

fn target(task: &Task, port: u16) -> Option<Target> {
    Some(Target { instance: task.arn.clone(), address: SocketAddr::new(task.address?, port).into() })
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
