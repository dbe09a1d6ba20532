//! Calls to the providers: each in a task of its own, bounded in time, answered whatever happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::Providers;
use crate::engine::{CallId, LookId};
use crate::gate::Gate;
use crate::model::{Fault, Observation, Spec};
use crate::provider::Provider;

/// What came of a call.
#[derive(Debug)]
pub(super) enum Reply {
    Scaled {
        service: Arc<str>,
        call: CallId,
        result: Result<(), Fault>,
    },
    Observed {
        looks: Vec<(Arc<str>, LookId, Result<Observation, Fault>)>,
    },
    /// For the metrics; comes besides the above.
    Called {
        provider: Arc<str>,
        verb: &'static str,
        ok: bool,
        took: Duration,
    },
}

/// The providers, and the calls that are out.
#[derive(Debug)]
pub(super) struct Calls {
    providers: Providers,
    tasks: JoinSet<()>,
    replies: mpsc::UnboundedSender<Reply>,
    inbox: mpsc::UnboundedReceiver<Reply>,
}

impl Calls {
    pub(super) fn new(providers: Providers) -> Self {
        let (replies, inbox) = mpsc::unbounded_channel();
        Self { providers, tasks: JoinSet::new(), replies, inbox }
    }

    /// The next reply; waits for ever where no call is out.
    pub(super) async fn next(&mut self) -> Reply {
        while self.tasks.try_join_next().is_some() {}
        match self.inbox.recv().await {
            Some(reply) => reply,
            // Not while `self.replies` lives.
            None => std::future::pending().await,
        }
    }

    pub(super) fn try_next(&mut self) -> Option<Reply> {
        self.inbox.try_recv().ok()
    }

    pub(super) fn scale(&mut self, spec: &Arc<Spec>, call: CallId, count: u32) {
        let mut owed = Owed { replies: self.replies.clone(), reply: None };
        owed.reply = Some(Reply::Scaled {
            service: spec.name.clone(),
            call,
            result: Err(Fault::new("the provider broke down over the call")),
        });
        let spec = spec.clone();
        let provider = self.provider(&spec);
        self.tasks.spawn(async move {
            let began = Instant::now();
            let result = match provider {
                Some(provider) => {
                    let limit = provider.manner().patience;
                    timeout(limit, provider.scale(&spec, count))
                        .await
                        .unwrap_or_else(|_| Err(no_answer(limit)))
                }
                None => Err(no_provider(&spec)),
            };
            owed.called(&spec, "scale", result.is_ok(), began);
            owed.pay(Reply::Scaled { service: spec.name.clone(), call, result });
        });
    }

    /// The call to put the service to sleep is not wanted any more.
    pub(super) fn call_off(&self, spec: &Spec) {
        if let Some(provider) = self.provider(spec) {
            provider.call_off(spec);
        }
    }

    /// Looks at services: one call for each provider, or as many as it wants them to be.
    pub(super) fn observe(&mut self, looks: Vec<(Arc<Spec>, LookId)>) {
        // Sorted: a simulation must find them in the same order each time.
        let mut by_provider: BTreeMap<Arc<str>, Vec<(Arc<Spec>, LookId)>> = BTreeMap::new();
        for (spec, look) in looks {
            by_provider.entry(spec.kind.provider().into()).or_default().push((spec, look));
        }
        for (name, looks) in by_provider {
            let most =
                self.providers.get(&name).map_or(usize::MAX, |provider| provider.manner().batch.max(1));
            for batch in looks.chunks(most) {
                self.observe_batch(batch.to_vec());
            }
        }
    }

    fn observe_batch(&mut self, batch: Vec<(Arc<Spec>, LookId)>) {
        let Some((first, _)) = batch.first().cloned() else { return };
        let (specs, ids): (Vec<Arc<Spec>>, Vec<LookId>) = batch.into_iter().unzip();
        let names: Vec<Arc<str>> = specs.iter().map(|spec| spec.name.clone()).collect();
        let all_failed = {
            let (names, ids) = (names.clone(), ids.clone());
            move |fault: Fault| {
                let looks = names.into_iter().zip(ids).map(|(name, id)| (name, id, Err(fault.clone())));
                Reply::Observed { looks: looks.collect() }
            }
        };
        let broke_down = all_failed.clone()(Fault::new("the provider broke down over the call"));
        let mut owed = Owed { replies: self.replies.clone(), reply: Some(broke_down) };
        let provider = self.provider(&first);
        self.tasks.spawn(async move {
            let began = Instant::now();
            let Some(provider) = provider else {
                owed.pay(all_failed(no_provider(&first)));
                return;
            };
            let limit = provider.manner().patience;
            let seen = match timeout(limit, provider.observe(&specs)).await {
                Ok(seen) if seen.len() == specs.len() => seen,
                Ok(_) => {
                    let fault = Fault::new("the provider's answer does not fit the question");
                    owed.called(&first, "observe", false, began);
                    owed.pay(all_failed(fault));
                    return;
                }
                Err(_) => {
                    owed.called(&first, "observe", false, began);
                    owed.pay(all_failed(no_answer(limit)));
                    return;
                }
            };
            owed.called(&first, "observe", seen.iter().any(Result::is_ok), began);
            let looks = names.into_iter().zip(ids).zip(seen);
            let looks = looks.map(|((name, id), seen)| (name, id, seen)).collect();
            owed.pay(Reply::Observed { looks });
        });
    }

    /// Stops services that nobody looks after any more, one after the other, each once its last request has gone;
    /// dependents come first. One that is there again by then is left alone: it is looked after.
    pub(super) fn stop_when_empty(
        &mut self,
        gone: Vec<(Arc<Spec>, Arc<Gate>)>,
        is_back: impl Fn(&Spec) -> bool + Send + 'static,
    ) {
        let stops: Vec<_> =
            gone.into_iter().filter_map(|(spec, gate)| Some((self.provider(&spec)?, spec, gate))).collect();
        self.tasks.spawn(async move {
            for (provider, spec, gate) in stops {
                while gate.activity().in_flight > 0 && !is_back(&spec) {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                if is_back(&spec) {
                    continue;
                }
                if let Err(fault) = provider.scale(&spec, 0).await {
                    tracing::warn!(service = &*spec.name, error = %fault, "could not stop a removed service");
                }
            }
        });
    }

    fn provider(&self, spec: &Spec) -> Option<Arc<dyn Provider>> {
        self.providers.get(spec.kind.provider()).cloned()
    }
}

fn no_answer(limit: Duration) -> Fault {
    Fault::new(format!("no answer within {}", crate::model::duration::format(limit)))
}

fn no_provider(spec: &Spec) -> Fault {
    Fault::terminal(format!("there is no provider `{}` in this gateway", spec.kind.provider()))
}

/// A reply that is owed to the driver: without it the engine would wait for ever. Paid at the latest when the task is
/// dropped, by a panic for one.
#[derive(Debug)]
struct Owed {
    replies: mpsc::UnboundedSender<Reply>,
    reply: Option<Reply>,
}

impl Owed {
    fn pay(&mut self, reply: Reply) {
        self.reply = Some(reply);
    }

    fn called(&self, spec: &Spec, verb: &'static str, ok: bool, began: Instant) {
        let provider = spec.kind.provider().into();
        let took = began.elapsed();
        // The driver is gone: nobody counts any more.
        drop(self.replies.send(Reply::Called { provider, verb, ok, took }));
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            drop(self.replies.send(reply));
        }
    }
}
