//! What goes wrong with a task, decided when it is made.

use std::time::Duration;

use super::app::{AppBehaviour, Death};
use super::definition::Definition;
use super::fault::FaultKind;
use super::task::{Doom, Status};
use super::world::World;

impl World {
    /// What keeps a new task of a service from starting, where something does; bad manners go into its app.
    pub(super) fn draw_doom(
        &mut self,
        service: &str,
        definition: &Definition,
        app: &mut AppBehaviour,
    ) -> Option<Doom> {
        let image = definition.image();
        // Those of later, which find a task in its place, are drawn elsewhere.
        let fits = |kind: &FaultKind| {
            !matches!(kind, FaultKind::PlacementFailure | FaultKind::HealthCheckKill { .. })
        };
        let kind = self.faults.strike_task(service, &mut self.rng, fits)?;
        let dies = |after: Duration, exit_code, reason: Option<&str>| {
            Some(Death { after, exit_code, reason: reason.map(str::to_owned) })
        };
        match kind {
            FaultKind::PullFailure => {
                let reason = format!(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                     {image}: {image}: not found"
                );
                return Some(Doom::Fails { at: Status::Activating, reason });
            }
            FaultKind::ResourceInitialization => {
                let reason = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                              retrieval failed: unable to retrieve secret from asm: service call has been retried 1 \
                              time(s): failed to fetch secret from secrets manager: ResourceNotFoundException: Secrets \
                              Manager can't find the specified secret."
                    .to_owned();
                return Some(Doom::Fails { at: Status::Pending, reason });
            }
            FaultKind::NoCapacity => return Some(Doom::NoCapacity),
            FaultKind::Crash { after, exit_code } => app.dies = dies(after, exit_code, None),
            FaultKind::OutOfMemory { after } => {
                let reason = "OutOfMemoryError: Container killed due to memory usage";
                app.dies = dies(after, 137, Some(reason));
            }
            FaultKind::BlackHole => app.black_hole = true,
            FaultKind::SlowBoot(more) => app.boot += more,
            FaultKind::NeverHealthy => app.warm = None,
            _ => {}
        }
        None
    }
}
