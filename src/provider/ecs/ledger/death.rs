//! What keeps a service from coming up: tasks that die, and what the scheduler says.

use std::sync::Arc;
use std::time::Duration;

use super::super::state::{Deployment, DeploymentStatus, Rollout, ServiceEvent, ServiceState};
use super::super::words::{self, Meaning};
use super::record::{Baseline, Record, Rise};
use super::task::{Died, Known};
use crate::model::{Fault, Time};

/// How long a roll-out keeps a service from being put to sleep. One that fails for ever would keep it up for ever.
const ROLLS_OUT: Duration = Duration::from_secs(60 * 60);

impl Record {
    /// What keeps it from running, where something does. While one of its tasks runs, nothing does.
    pub(super) fn fault(&self) -> Option<Fault> {
        let (state, rise) = (self.state()?, self.rise.as_ref()?);
        if self.tasks.values().any(|known| known.runs() && !known.doubted) {
            return None;
        }
        let death = self.last_death(rise);
        let any_up = self.tasks.values().any(Known::is_up) || state.running + state.pending > 0;
        if any_up {
            return death;
        }
        match meaning(state, rise) {
            Some(Meaning::Broken(fault)) => Some(fault),
            Some(Meaning::Impaired) => Some(impaired(death.or_else(|| self.any_death()))),
            _ => failed_deployment(state).or(death),
        }
    }

    /// What it waits for on its way up, in words.
    pub(super) fn waits_for(&self) -> Option<Arc<str>> {
        let (state, rise) = (self.state()?, self.rise.as_ref()?);
        let up: Vec<&Known> = self.tasks.values().filter(|known| known.is_up() && !known.doubted).collect();
        if up.iter().filter(|known| known.runs()).count() >= state.desired as usize {
            return None;
        }
        if let Some(Meaning::Waits(words)) = meaning(state, rise) {
            return Some(words);
        }
        if let Some(reason) = rolled_back(state) {
            return Some(reason);
        }
        let lost = self.tasks.values().filter(|known| taken_away(known) && is_since(known, rise));
        if let Some(lost) = lost.max_by_key(|known| moment(known)) {
            return Some(words::stopped(&lost.task).reason);
        }
        match up.iter().map(|known| known.task.last).min() {
            None => Some("ECS to start its task".into()),
            Some(last) => Some(format!("its task, which is {}", format!("{last:?}").to_uppercase()).into()),
        }
    }

    /// Why it must not be put to sleep, as a clause that follows "it".
    pub(in crate::provider::ecs) fn keeps(&self, now: Time) -> Option<Arc<str>> {
        if self.state()?.daemon {
            return Some("is a daemon service, whose count is the number of its instances".into());
        }
        let (id, since) = self.rollout.as_ref()?;
        (now.since(*since) < ROLLS_OUT).then(|| format!("is being deployed ({id})").into())
    }

    fn last_death(&self, rise: &Rise) -> Option<Fault> {
        let dead = self.tasks.values().filter(|known| is_death(known) && is_since(known, rise));
        let last = dead.max_by_key(|known| moment(known))?;
        let fault = words::stopped(&last.task);
        Some(match last.died_at {
            Some(Died::At(at)) => fault.happened_at(at),
            _ => fault,
        })
    }

    /// The last death there is news of, however long ago.
    fn any_death(&self) -> Option<Fault> {
        let dead = self.tasks.values().filter(|known| is_death(known));
        Some(words::stopped(&dead.max_by_key(|known| moment(known))?.task))
    }
}

/// It died, and not because it was told to, and not because the machine was taken away: the next may fare better.
fn is_death(known: &Known) -> bool {
    known.died_at.is_some() && !known.doubted && words::died(&known.task) && !taken_away(known)
}

/// It was taken away with its machine; the scheduler starts another.
fn taken_away(known: &Known) -> bool {
    let code = known.task.stop_code.as_deref();
    matches!(code, Some("SpotInterruption" | "TerminationNotice" | "InfrastructureHealth"))
}

fn is_since(known: &Known, rise: &Rise) -> bool {
    matches!(known.died_at, Some(Died::At(at)) if at >= rise.since)
}

/// When it died, for finding the last.
fn moment(known: &Known) -> (Option<Time>, &Arc<str>) {
    let at = match known.died_at {
        Some(Died::At(at)) => Some(at),
        _ => None,
    };
    (at, &known.task.arn)
}

/// The newest thing that the scheduler said since, and that means something.
fn meaning(state: &ServiceState, rise: &Rise) -> Option<Meaning> {
    let is_new = |event: &&ServiceEvent| match &rise.events {
        Baseline::After(id) => id.as_ref() != Some(&event.id),
        Baseline::From(at) => event.at >= *at,
    };
    state.events.iter().take_while(is_new).find_map(|event| words::event(&event.message, state))
}

fn impaired(death: Option<Fault>) -> Fault {
    let words = "its tasks fail one after the other, and ECS pauses before it tries again";
    match death {
        Some(death) => Fault::terminal(format!("{words}; the last: {}", death.reason)).told_as(death.public),
        None => Fault::terminal(words).told_as("The service keeps failing to start."),
    }
}

fn primary(state: &ServiceState) -> Option<&Deployment> {
    state.deployments.iter().find(|deployment| deployment.status == DeploymentStatus::Primary)
}

/// ECS starts no tasks for a deployment that has failed.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>
fn failed_deployment(state: &ServiceState) -> Option<Fault> {
    let deployment = primary(state).filter(|deployment| deployment.rollout == Some(Rollout::Failed))?;
    let reason = deployment.rollout_reason.as_deref().unwrap_or("no reason is given");
    let words = format!("its deployment {} has failed: {}", deployment.id, words::quote(reason));
    Some(Fault::terminal(words).told_as("The service's last deployment failed."))
}

/// The circuit breaker's own words, while it brings back the deployment before.
fn rolled_back(state: &ServiceState) -> Option<Arc<str>> {
    let deployment = primary(state).filter(|deployment| deployment.rollout == Some(Rollout::InProgress))?;
    let reason = deployment.rollout_reason.as_deref()?;
    reason.contains("rolling back").then(|| words::quote(reason).into())
}
