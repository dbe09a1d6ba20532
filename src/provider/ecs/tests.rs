//! The provider as a whole, against an AWS that writes down what it is asked.

mod aws;
mod looks;
mod sleeps;
mod wakes;

use std::sync::Arc;
use std::time::Duration;

use self::aws::{Aws, Service};
use super::*;
use crate::provider::Nudge;

fn provider(aws: &Arc<Aws>) -> Arc<Ecs> {
    provider_with(aws, Settings::default())
}

fn provider_with(aws: &Arc<Aws>, settings: Settings) -> Arc<Ecs> {
    let (nudge, _) = Nudge::channel();
    Ecs::new(&aws.config(), settings, Clock::start(), nudge, 1)
}

fn spec(service: &str) -> Arc<Spec> {
    spec_with(service, None)
}

fn spec_with(service: &str, desired_count: Option<u32>) -> Arc<Spec> {
    let (cluster, service) = ("demo".to_owned(), service.to_owned());
    let name = format!("the {service}");
    let ecs = EcsSpec { cluster, service, port: Some(8080), desired_count };
    let count = desired_count.unwrap_or(1);
    Arc::new(Spec { count, ..Spec::new(name, Kind::Ecs(ecs)) })
}

/// One service that has this many tasks, all RUNNING.
fn awake(desired: u32, service: Service) -> Arc<Aws> {
    let aws = Aws::with(&["web"], &Service { desired, running: desired, ..service });
    for id in 1..=desired {
        let (arn, task) = aws::task(&id.to_string(), "web");
        aws.state().tasks.insert(arn, task);
    }
    aws
}

/// Lets everything that was begun come to its end.
async fn calm() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}
