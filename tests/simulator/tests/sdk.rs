//! The AWS SDK for Rust reads what the simulator writes.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{DeploymentRolloutState, ServiceField, Tag};

use crate::simulator::fault::{Fault, FaultKind, Malformed};
use crate::simulator::handle::Simulator;
use crate::simulator::loopback::{self, Loopback};
use crate::simulator::pool::Pool;
use crate::simulator::service::ServiceSetup;

/// A fast world with an idle service `web`, and the SDK's client of it.
async fn world() -> (Simulator, Client) {
    let simulator = Simulator::new(1, loopback::clock(), Arc::new(Loopback::default()));
    simulator.set_timings(|timings| timings.speed = 100.0);
    simulator.set_addresses(Pool::loopback(std::process::id() ^ 0x5d));
    simulator.create_service(ServiceSetup::new("demo", "web", 0)).unwrap();
    let listener = tokio::net::TcpListener::bind(loopback::ANY_PORT).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (ticking, serving) = (simulator.clone(), simulator.clone());
    tokio::spawn(async move { ticking.tick().await });
    tokio::spawn(loopback::serve_api(serving, listener));
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::from_keys("a", "b", None))
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    (simulator, Client::new(&config))
}

#[tokio::test]
async fn a_wake_is_seen_through_the_sdk_from_the_tag_to_the_address() {
    let (_simulator, ecs) = world().await;
    let arns = ecs.list_services().cluster("demo").send().await.unwrap();
    let arn = &arns.service_arns()[0];
    let tag = Tag::builder().key("count").value("2").build();
    ecs.tag_resource().resource_arn(arn).tags(tag.clone()).send().await.unwrap();
    ecs.update_service().cluster("demo").service("web").desired_count(2).send().await.unwrap();
    let tasks = loop {
        let list = ecs.list_tasks().cluster("demo").service_name("web").send().await.unwrap();
        if list.task_arns().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        let described = ecs.describe_tasks().cluster("demo").set_tasks(Some(list.task_arns().to_vec()));
        let tasks = described.send().await.unwrap().tasks().to_vec();
        if tasks.iter().all(|task| task.last_status() == Some("RUNNING")) {
            break tasks;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for task in &tasks {
        let attachment = &task.attachments()[0];
        let address =
            attachment.details().iter().find(|pair| pair.name() == Some("privateIPv4Address")).unwrap();
        assert!(address.value().unwrap().starts_with("127."));
        let interface = &task.containers()[0].network_interfaces()[0];
        assert_eq!(interface.private_ipv4_address(), address.value());
        assert!(task.started_at().unwrap() >= task.created_at().unwrap());
        assert_eq!(task.group(), Some("service:web"));
    }
    let described = ecs.describe_services().cluster("demo").services("web").services("nobody");
    let described = described.include(ServiceField::Tags).send().await.unwrap();
    let service = &described.services()[0];
    assert_eq!((service.desired_count(), service.running_count(), service.tags()), (2, 2, &[tag][..]));
    assert_eq!(service.deployments()[0].id(), tasks[0].started_by());
    assert!(matches!(
        service.deployments()[0].rollout_state(),
        Some(DeploymentRolloutState::InProgress | DeploymentRolloutState::Completed)
    ));
    assert_eq!(described.failures()[0].reason(), Some("MISSING"));
}

#[tokio::test]
async fn errors_come_through_the_sdk_as_what_they_are() {
    let (simulator, ecs) = world().await;
    let unknown = ecs.update_service().cluster("demo").service("nobody").desired_count(1).send().await;
    assert!(unknown.unwrap_err().into_service_error().is_service_not_found_exception());
    let cluster = ecs.list_tasks().cluster("nowhere").send().await;
    assert!(cluster.unwrap_err().into_service_error().is_cluster_not_found_exception());

    let update = || ecs.update_service().cluster("demo").service("web").desired_count(0).send();
    let kinds = [
        (FaultKind::Throttle, 400, "ThrottlingException"),
        (FaultKind::AccessDenied, 400, "AccessDeniedException"),
        (FaultKind::ExpiredToken, 400, "ExpiredTokenException"),
        (FaultKind::Error500, 500, "ServerException"),
        (FaultKind::Error503, 503, "ServiceUnavailable"),
    ];
    for (kind, status, code) in kinds {
        simulator.fault(Fault::new(kind).on("UpdateService").times(1));
        let error = update().await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
        assert_eq!(error.code(), Some(code));
    }
    for how in [Malformed::Truncated, Malformed::WrongTypes] {
        simulator.fault(Fault::new(FaultKind::Malformed(how)).times(1));
        let error = update().await.unwrap_err();
        assert!(matches!(error, SdkError::ResponseError(_)), "{error:?}");
    }
    update().await.unwrap();
}
