//! The way down: what has to be remembered first, then a desired count of zero.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::select;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Ecs;
use super::api::Urgency;
use super::key::Key;
use super::ledger::Lowering;
use super::memory::{Memory, Scaling};
use super::raise::{deleted, is_daemon, there_is};
use super::state::{ServiceState, ServiceStatus, Suspended, Wanted};
use super::trouble::{Kind, Trouble};
use crate::model::{EcsSpec, Fault};

/// How long all that comes before the order may take: the door is shut meanwhile, so its requests do not come last,
/// though nobody waits for the sleep.
const PREPARES: Duration = Duration::from_secs(10);

/// What is to be done after the preparations.
enum Next {
    /// It sleeps already.
    Done,
    Order,
}

impl Ecs {
    /// Puts a service to sleep. Returns once ECS has taken the order.
    ///
    /// Whatever fails before that leaves it running. What it takes to wake it as it was is remembered first.
    ///
    /// # Errors
    /// Where it must not be put to sleep, or where it cannot be known whether it may.
    pub(super) async fn lower(&self, ecs: &EcsSpec, wakes_to: u32) -> Result<(), Fault> {
        let key = Key::of(ecs);
        let (turn, calls_off) = self.ledger.with(&key, |record| (record.turn(), record.calls_off()));
        let departed = OnceLock::new();
        let mut work = Box::pin(async {
            // Nobody resumes meanwhile what is suspended here.
            let _turn = turn.lock().await;
            match self.prepare(&key, ecs, wakes_to).await.map_err(Fault::with_nothing_done)? {
                Next::Done => Ok(()),
                Next::Order => self.order(&key, &departed).await,
            }
        });
        let given_up = select! {
            biased;
            result = &mut work => return result,
            () = called_off(calls_off) => Fault::new("it is needed again"),
            () = sleep(PREPARES) => {
                let seconds = PREPARES.as_secs();
                Fault::new(format!("what has to be asked of AWS first took more than {seconds} seconds"))
            }
        };
        if departed.get().is_some() {
            return work.await;
        }
        drop(work);
        self.ledger.with(&key, |record| record.resume_later(self.clock.now()));
        Err(given_up.with_nothing_done())
    }

    /// All that comes before the order: none of it stops a task.
    async fn prepare(&self, key: &Key, ecs: &EcsSpec, wakes_to: u32) -> Result<Next, Fault> {
        let begun = self.clock.now();
        let mut found = self
            .api
            .services(&key.cluster, &[&key.service], Urgency::Poll)
            .await
            .map_err(|trouble| trouble.fault())?;
        let state =
            there_is(key, found.remove(&*key.service).unwrap_or(Err(super::state::NoState::Missing)))?;
        let now = self.now();
        let (perhaps_stale, keeps) = self.ledger.with(key, |record| {
            record.described(state.clone(), begun, now);
            (record.just_raised(begun), record.keeps(now.time))
        });
        if state.status != ServiceStatus::Active {
            return Err(deleted(key));
        }
        if state.daemon {
            return Err(is_daemon(key));
        }
        if state.desired == 0 && !perhaps_stale {
            self.ledger.with(key, |record| record.lowered(now, true));
            return Ok(Next::Done);
        }
        if let Some(keeps) = keeps {
            return Err(Fault::new(format!("it {keeps}")));
        }
        self.refuse_if_protected(key).await?;
        self.remember(key, &state, ecs, wakes_to).await?;
        Ok(Next::Order)
    }

    /// A task may ask not to be stopped while it works on something.
    async fn refuse_if_protected(&self, key: &Key) -> Result<(), Fault> {
        let protected = async {
            let up = self.api.list_tasks(&key.cluster, &key.service, Wanted::Running, Urgency::Poll).await?;
            if up.is_empty() { Ok(Vec::new()) } else { self.api.protected(&key.cluster, &up).await }
        };
        let protected = protected.await.map_err(|trouble: Trouble| trouble.fault())?;
        match protected.as_slice() {
            [] => Ok(()),
            [(arn, _), ..] => {
                let arn = super::state::name_of(arn);
                Err(Fault::new(match protected.len() {
                    1 => format!("it has a task under scale-in protection: {arn}"),
                    count => format!("it has {count} tasks under scale-in protection, among them {arn}"),
                }))
            }
        }
    }

    /// Writes down the count and what Application Auto Scaling may do, where that is not known already, and
    /// suspends it: it would lift the count again. In this order, for a tag too many is harmless.
    async fn remember(
        &self,
        key: &Key,
        state: &ServiceState,
        ecs: &EcsSpec,
        wakes_to: u32,
    ) -> Result<(), Fault> {
        let known = self.ledger.with(key, |record| record.memory());
        let scalable = if self.settings.auto_scaling {
            let asked = self.api.scalable_target(&key.cluster, &key.service, Urgency::Poll).await;
            asked.map_err(|trouble| without_scaling(&trouble))?
        } else {
            None
        };
        let would_wake_to = known.count.unwrap_or(wakes_to);
        let memory = Memory {
            // A zero here is an answer from before it was woken.
            count: (ecs.desired_count.is_none() && ![0, would_wake_to].contains(&state.desired))
                .then_some(state.desired),
            scaling: scalable.map(|scalable| Scaling {
                min: scalable.min,
                // Still suspended from an earlier sleep: what was before that counts.
                before: known.scaling.map_or(scalable.suspended, |scaling| scaling.before),
            }),
        };
        let tags = memory.missing_from(&known);
        if !tags.is_empty() {
            self.api.tag(&state.arn, &tags, Urgency::Poll).await.map_err(|trouble| trouble.fault())?;
            self.ledger.with(key, |record| record.tagged(&tags, self.clock.now()));
        }
        if scalable.is_some_and(|scalable| scalable.suspended != Suspended::ALL) {
            let asked =
                self.api.set_suspended(&key.cluster, &key.service, Suspended::ALL, Urgency::Poll).await;
            asked.map_err(|trouble| without_scaling(&trouble))?;
        }
        Ok(())
    }

    /// `departed` is set once the order may be carried out at any moment.
    async fn order(&self, key: &Key, departed: &OnceLock<Lowering>) -> Result<(), Fault> {
        let departs = || {
            departed.get_or_init(|| self.ledger.with(key, |record| record.lowering(self.now())));
        };
        let begun = self.clock.now();
        let order =
            self.api.set_desired_telling(&key.cluster, &key.service, 0, Urgency::Poll, &departs).await;
        let now = self.now();
        match order {
            Ok(state) => {
                self.ledger.with(key, |record| {
                    record.answered(state, begun, now);
                    record.lowered(now, true);
                });
                Ok(())
            }
            Err(trouble) => {
                let undone = !trouble.perhaps_done;
                self.ledger.with(key, |record| match departed.get() {
                    Some(lowering) if undone => record.not_lowered(lowering),
                    _ => record.lowered(now, false),
                });
                let fault = trouble.fault();
                Err(if undone { fault.with_nothing_done() } else { fault })
            }
        }
    }
}

/// Waits until somebody needs it again.
async fn called_off(mut calls_off: watch::Receiver<()>) {
    if calls_off.changed().await.is_err() {
        // Nobody is left to say so.
        std::future::pending::<()>().await;
    }
}

fn without_scaling(trouble: &Trouble) -> Fault {
    let fault = trouble.fault();
    if matches!(trouble.kind, Kind::Denied { .. }) {
        let reason = format!("{} (or `aws.auto_scaling: false`, if no service is scaled)", fault.reason);
        return Fault::terminal(reason).told_as(fault.public);
    }
    fault
}
