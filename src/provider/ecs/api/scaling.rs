use aws_sdk_applicationautoscaling::operation::register_scalable_target::builders::RegisterScalableTargetFluentBuilder;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};

use super::super::budget::Bucket;
use super::super::state::{Scalable, Suspended, name_of};
use super::super::trouble::Trouble;
use super::clients::Clients;
use super::{Action, Api, Urgency};

const DESCRIBE: Action = Action::new("application-autoscaling:DescribeScalableTargets", Bucket::Scaling);
pub(super) const REGISTER: Action =
    Action::new("application-autoscaling:RegisterScalableTarget", Bucket::Scaling);

impl Api {
    /// What Application Auto Scaling may do with a service; none where it has nothing to do with it.
    pub(in crate::provider::ecs) async fn scalable_target(
        &self,
        cluster: &str,
        service: &str,
        urgency: Urgency,
    ) -> Result<Option<Scalable>, Trouble> {
        let resource = resource(cluster, service);
        let answer = self
            .call(DESCRIBE, urgency, &resource, |clients| {
                clients
                    .scaling
                    .describe_scalable_targets()
                    .service_namespace(ServiceNamespace::Ecs)
                    .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                    .resource_ids(&resource)
                    .send()
            })
            .await?;
        answer
            .scalable_targets()
            .iter()
            .find(|target| target.resource_id() == resource)
            .map(Scalable::read)
            .transpose()
            .map_err(|nonsense| self.nonsense(DESCRIBE, &resource, &nonsense))
    }

    /// Suspends some of the activities of Application Auto Scaling for a service that it scales, and resumes the
    /// others. It moves a desired count that is out of its bounds into them at once, whatever is suspended.
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
    pub(in crate::provider::ecs) async fn set_suspended(
        &self,
        cluster: &str,
        service: &str,
        suspended: Suspended,
        urgency: Urgency,
    ) -> Result<(), Trouble> {
        let resource = resource(cluster, service);
        let state = SuspendedState::builder()
            .dynamic_scaling_in_suspended(suspended.scale_in)
            .dynamic_scaling_out_suspended(suspended.scale_out)
            .scheduled_scaling_suspended(suspended.scheduled)
            .build();
        self.call(REGISTER, urgency, &resource, |clients| {
            registration(&clients, &resource).suspended_state(state.clone()).send()
        })
        .await
        .map(drop)
    }
}

/// A change of what Application Auto Scaling does with the desired count of a service.
pub(super) fn registration(clients: &Clients, resource: &str) -> RegisterScalableTargetFluentBuilder {
    clients
        .scaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .resource_id(resource)
}

/// How Application Auto Scaling names a service.
pub(super) fn resource(cluster: &str, service: &str) -> String {
    format!("service/{}/{}", name_of(cluster), name_of(service))
}
