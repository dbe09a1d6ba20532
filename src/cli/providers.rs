//! What runs services in this build: made once, for as long as the gateway runs.

use std::sync::Arc;

use super::Failure;
use crate::clock::Clock;
use crate::config::Plan;
use crate::driver::Providers;
#[cfg(feature = "ecs")]
use crate::model::{Kind, Spec};
#[cfg(feature = "ecs")]
use crate::provider::ecs::{self, Ecs};
#[cfg(feature = "process")]
use crate::provider::process::Process;
use crate::provider::{Nudge, Provider};

/// A provider, and the name it goes by.
type Named = (Arc<str>, Arc<dyn Provider>);

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
    #[cfg(feature = "ecs")]
    pub(super) async fn prepare(plan: &Plan) -> Result<Self, Failure> {
        let mut running = Self::default();
        if !on_ecs(plan).is_empty() {
            let config = ecs::connect().await.map_err(|fault| Failure::usage(fault.to_string()))?;
            running.aws = Some((config, settings(plan)));
        }
        Ok(running)
    }

    /// Nothing has to be found.
    #[cfg(not(feature = "ecs"))]
    pub(super) async fn prepare(_: &Plan) -> Result<Self, Failure> {
        Ok(Self::default())
    }

    /// Makes the providers.
    pub(super) fn start(&mut self, clock: Clock, nudge: Nudge) -> Providers {
        let process = self.start_processes(clock, &nudge);
        let ecs = self.start_ecs(clock, nudge);
        process.into_iter().chain(ecs).collect()
    }

    #[cfg(feature = "process")]
    fn start_processes(&mut self, clock: Clock, nudge: &Nudge) -> Option<Named> {
        let process = Arc::new(Process::new(clock, nudge.clone()));
        self.process = Some(process.clone());
        Some(("process".into(), process))
    }

    #[cfg(not(feature = "process"))]
    #[expect(clippy::unused_self, reason = "there is nothing to keep in this build")]
    fn start_processes(&mut self, _: Clock, _: &Nudge) -> Option<Named> {
        None
    }

    #[cfg(feature = "ecs")]
    fn start_ecs(&mut self, clock: Clock, nudge: Nudge) -> Option<Named> {
        let (config, settings) = self.aws.take()?;
        let ecs = Ecs::new(&config, settings, clock, nudge, seed());
        self.ecs = Some(ecs.clone());
        Some(("ecs".into(), ecs))
    }

    #[cfg(not(feature = "ecs"))]
    #[expect(clippy::unused_self, reason = "there is nothing to keep in this build")]
    fn start_ecs(&mut self, _: Clock, _: Nudge) -> Option<Named> {
        None
    }

    /// The provider of ECS, where the configuration had services there.
    #[cfg(feature = "ecs")]
    pub(super) fn ecs(&self) -> Option<Arc<Ecs>> {
        self.ecs.clone()
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
