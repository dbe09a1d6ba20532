//! From one graph to another.

use std::collections::HashMap;
use std::sync::Arc;

use super::slot::Slot;
use super::timers::Timers;
use super::{Command, Engine, Pace};
use crate::model::{Graph, Kind, Time};

impl Engine {
    /// Goes over to another graph. A service that stays, by name, keeps its facts; a new one is unknown; one that
    /// is gone is left as it is, and nobody looks after it any more.
    ///
    /// Handles are of the new graph afterwards. Answers to earlier commands are still welcome under the new one.
    pub fn reload(&mut self, graph: &Arc<Graph>, now: Time) {
        self.now = now.max(self.now);
        let before = std::mem::replace(&mut self.graph, graph.clone());
        let names = before.ids().map(|id| before.spec(id).name.clone());
        let mut old: HashMap<Arc<str>, Slot> = names.zip(std::mem::take(&mut self.slots)).collect();
        self.slots = graph
            .ids()
            .map(|id| {
                let spec = graph.spec(id);
                let fresh = Slot::new(spec, self.now);
                let Some(mut slot) = old.remove(&spec.name) else { return fresh };
                let known = before.id(&spec.name).map(|id| before.spec(id));
                if known.is_some_and(|known| !is_same(&known.kind, &spec.kind)) {
                    // Another thing behind the same gate: what the gate and the probes were told must be taken
                    // back, and whoever waits there still waits.
                    let Slot { door, refusing, probing, wanted, lease, .. } = slot;
                    return Slot { door, refusing, probing, wanted, lease, ..fresh };
                }
                if known.is_none_or(|known| known.health != spec.health || known.protocol != spec.protocol) {
                    // What the present probes find is not what is asked for now, if anything is.
                    self.commands.push(Command::Probe {
                        service: id,
                        targets: Vec::new(),
                        pace: Pace::Waking,
                    });
                    slot.probing = (Vec::new(), Pace::Waking);
                    slot.healthy.clear();
                }
                if known.is_some_and(|known| known.kind != spec.kind || known.health != spec.health) {
                    // Another description deserves another try.
                    (slot.failures, slot.retry_at) = (0, None);
                }
                if slot.last_wake.is_none() {
                    slot.expected = spec.limits.expected_wake;
                }
                (slot.dirty, slot.changed) = (true, false);
                slot
            })
            .collect();
        self.timers = Timers::new(graph.len());
        self.dirty = graph.ids().collect();
        self.changed.clear();
        self.replan();
        self.check_invariants();
    }
}

/// Whether two descriptions mean the same running thing, whatever else about it has changed.
fn is_same(before: &Kind, after: &Kind) -> bool {
    match (before, after) {
        (Kind::Ecs(before), Kind::Ecs(after)) => {
            (&before.cluster, &before.service) == (&after.cluster, &after.service)
        }
        _ => before.provider() == after.provider(),
    }
}
