//! What must never be, looked for where it would happen.

use super::{Life, World};
use crate::model::ServiceId;

impl World {
    pub(super) fn breaks(&mut self, what: impl Into<String>) {
        self.broken.get_or_insert(what.into());
    }

    pub(super) fn name(&self, id: ServiceId) -> String {
        self.engine.graph().spec(id).name.to_string()
    }

    /// A request goes to a service: it must not be one that was told to stop.
    pub(super) fn check_served(&mut self, id: ServiceId) {
        if self.part(id).desired == 0 && !self.meddled {
            let name = self.name(id);
            self.breaks(format!("a request was sent to {name}, which was told to stop"));
        }
    }

    /// A service is stopped by us: nobody must be inside, no dependent up.
    pub(super) fn check_stop(&mut self, id: ServiceId) {
        let name = self.name(id);
        if self.part(id).inside > 0 {
            self.breaks(format!("{name} was stopped while serving"));
        }
        let graph = self.engine.graph().clone();
        for edge in graph.dependents(id) {
            let dependent = self.part(edge.to);
            let live = dependent.desired > 0 || dependent.life != Life::Gone;
            if !self.meddled && live {
                let dependent = self.name(edge.to);
                self.breaks(format!("{name} was stopped under {dependent}, which is up"));
            }
        }
    }

    /// A service is started by us: its dependencies must have been.
    pub(super) fn check_start(&mut self, id: ServiceId) {
        let graph = self.engine.graph().clone();
        for edge in graph.dependencies(id).iter().filter(|edge| edge.holds_door()) {
            if !self.meddled && self.part(edge.to).desired == 0 {
                let (name, dependency) = (self.name(id), self.name(edge.to));
                self.breaks(format!("{name} was started before {dependency}"));
            }
        }
    }
}
