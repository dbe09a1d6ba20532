//! The probes that run: one task a target.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::engine::Pace;
use crate::model::{Spec, Target};
use crate::net::Net;
use crate::probe;

/// What a probe found.
#[derive(Debug)]
pub(super) struct News {
    pub(super) service: Arc<str>,
    pub(super) target: Target,
    pub(super) result: Result<(), String>,
}

/// All probes of all services.
#[derive(Debug)]
pub(super) struct Probes {
    net: Arc<dyn Net>,
    running: HashMap<Arc<str>, Vec<Probing>>,
    news: mpsc::UnboundedSender<News>,
    inbox: mpsc::UnboundedReceiver<News>,
}

/// One target's probe; it ends with this.
#[derive(Debug)]
struct Probing {
    target: Target,
    pace: watch::Sender<probe::Pace>,
    task: JoinHandle<()>,
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Probes {
    pub(super) fn new(net: Arc<dyn Net>) -> Self {
        let (news, inbox) = mpsc::unbounded_channel();
        Self { net, running: HashMap::new(), news, inbox }
    }

    /// The next news; waits for ever where nothing is probed.
    pub(super) async fn next(&mut self) -> News {
        match self.inbox.recv().await {
            Some(news) => news,
            // Not while `self.news` lives.
            None => std::future::pending().await,
        }
    }

    /// Probes these targets of the service and no others.
    pub(super) fn set(&mut self, spec: &Arc<Spec>, targets: Vec<Target>, pace: Pace) {
        let mut before = self.running.remove(&spec.name).unwrap_or_default();
        let mut after = Vec::with_capacity(targets.len());
        for target in targets {
            let goes_on = before.iter().position(|probing| probing.target == target);
            match goes_on {
                Some(at) => {
                    let probing = before.swap_remove(at);
                    probing.pace.send_replace(pace.into());
                    after.push(probing);
                }
                None => after.push(self.begin(spec, target, pace)),
            }
        }
        if !after.is_empty() {
            self.running.insert(spec.name.clone(), after);
        }
    }

    /// Begins the probe of a target anew, so that it tells what it finds even where that is what it found before.
    pub(super) fn again(&mut self, spec: &Arc<Spec>, target: &Target) {
        let Some(mut running) = self.running.remove(&spec.name) else { return };
        if let Some(probing) = running.iter_mut().find(|probing| probing.target == *target) {
            *probing = self.begin(spec, target.clone(), Pace::Waking);
        }
        self.running.insert(spec.name.clone(), running);
    }

    fn begin(&self, spec: &Arc<Spec>, target: Target, pace: Pace) -> Probing {
        let (pace, paces) = watch::channel(pace.into());
        let (news, service, probed) = (self.news.clone(), spec.name.clone(), target.clone());
        let report = move |result: Result<(), probe::ProbeError>| {
            let (service, target) = (service.clone(), probed.clone());
            let result = result.map_err(|error| error.to_string());
            // The driver is gone: nobody wants to know.
            drop(news.send(News { service, target, result }));
        };
        let probe = probe::run(self.net.clone(), spec.clone(), target.clone(), paces, report);
        let task = tokio::spawn(probe);
        Probing { target, pace, task }
    }
}

impl From<Pace> for probe::Pace {
    fn from(pace: Pace) -> Self {
        match pace {
            Pace::Waking => Self::Waking,
            Pace::Awake => Self::Awake,
        }
    }
}
