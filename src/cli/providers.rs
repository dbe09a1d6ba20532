//! What runs services in this build: made once, for as long as the gateway runs.

#[cfg(any(feature = "process", feature = "ecs"))]
use std::sync::Arc;

use super::Failure;
use crate::clock::Clock;
use crate::config::Plan;
use crate::driver::Providers;
#[cfg(feature = "ecs")]
use crate::model::{Kind, Spec};
use crate::provider::Nudge;
#[cfg(feature = "ecs")]
use crate::provider::ecs::{self, Ecs, Weight};
#[cfg(feature = "process")]
use crate::provider::process::Process;

/// Whether this build can run services of this provider.
pub(super) fn has(name: &str) -> bool {
    (cfg!(feature = "process") && name == "process") || (cfg!(feature = "ecs") && name == "ecs")
}

/// The providers of one gateway.
#[derive(Default)]
pub(super) struct Running {
    #[cfg(feature = "process")]
    process: Option<Arc<Process>>,
    /// How AWS is reached, and used; only where the configuration has services there.
    #[cfg(feature = "ecs")]
    aws: Option<(ecs::SdkConfig, ecs::Settings)>,
    #[cfg(feature = "ecs")]
    ecs: Option<Arc<Ecs>>,
}

impl Running {
    /// Finds what the providers need that a plan asks for.
    ///
    /// # Errors
    /// There are services on ECS, and no AWS region is set.
    pub(super) async fn prepare(plan: &Plan) -> Result<Self, Failure> {
        let mut running = Self::default();
        #[cfg(feature = "ecs")]
        if !on_ecs(plan).is_empty() {
            let config = ecs::connect().await.map_err(|fault| Failure::usage(fault.to_string()))?;
            running.aws = Some((config, settings(plan)));
        }
        Ok(running)
    }

    /// Makes the providers.
    pub(super) fn start(&mut self, clock: Clock, nudge: Nudge) -> Providers {
        let mut providers = Providers::new();
        #[cfg(feature = "process")]
        {
            let process = Arc::new(Process::new(clock, nudge.clone()));
            self.process = Some(process.clone());
            providers.insert("process".into(), process);
        }
        #[cfg(feature = "ecs")]
        if let Some((config, settings)) = self.aws.take() {
            let ecs = Ecs::new(&config, settings, clock, nudge.clone(), seed());
            self.ecs = Some(ecs.clone());
            providers.insert("ecs".into(), ecs);
        }
        drop((clock, nudge));
        providers
    }

    /// Says in the log what is wrong with the services on AWS. The gateway serves what is sound.
    #[cfg(feature = "ecs")]
    pub(super) fn check(&self, plan: &Plan) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (ecs, specs) = (self.ecs.clone(), on_ecs(plan));
        async move {
            let Some(ecs) = ecs else { return };
            for finding in ecs.check(&specs).await {
                let service = finding.service.as_deref();
                match finding.weight {
                    Weight::Wrong => tracing::error!(service, "{finding}"),
                    Weight::Unknown => tracing::warn!(service, "not known yet: {finding}"),
                    Weight::Note => tracing::info!(service, "{finding}"),
                }
            }
        }
    }

    /// Ends what must not outlive the gateway.
    pub(super) async fn shutdown(&self) {
        #[cfg(feature = "process")]
        if let Some(process) = &self.process {
            process.shutdown().await;
        }
    }
}

#[cfg(feature = "ecs")]
pub(super) fn on_ecs(plan: &Plan) -> Vec<Arc<Spec>> {
    let specs = plan.graph.ids().map(|id| plan.graph.spec(id));
    specs.filter(|spec| matches!(spec.kind, Kind::Ecs(_))).cloned().collect()
}

#[cfg(feature = "ecs")]
pub(super) fn settings(plan: &Plan) -> ecs::Settings {
    let aws = plan.aws.clone();
    ecs::Settings {
        budget: aws.budget,
        poll_every: aws.poll_every,
        settle: aws.settle,
        request_timeout: aws.request_timeout,
        auto_scaling: aws.auto_scaling,
        queue_url: aws.queue_url,
    }
}

/// Of any quality: it keeps two gateways from trying again at the same moments.
#[cfg(feature = "ecs")]
pub(super) fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
