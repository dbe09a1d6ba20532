use super::super::budget::Bucket;
use super::super::state::{GroupHealth, Nonsense, TargetGroup, name_of};
use super::super::trouble::Trouble;
use super::{Action, Api, Urgency};

const HEALTH: Action = Action::new("elasticloadbalancing:DescribeTargetHealth", Bucket::BalancerRead);
const GROUPS: Action = Action::new("elasticloadbalancing:DescribeTargetGroups", Bucket::BalancerRead);

impl Api {
    /// What a load balancer says of the targets of a group.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>
    pub(in crate::provider::ecs) async fn target_health(
        &self,
        group: &str,
        urgency: Urgency,
    ) -> Result<GroupHealth, Trouble> {
        let about = about(group);
        let answer = self
            .call(HEALTH, urgency, &about, |clients| {
                clients.balancers.describe_target_health().target_group_arn(group).send()
            })
            .await?;
        GroupHealth::read(answer.target_health_descriptions.unwrap_or_default())
            .map_err(|nonsense| self.nonsense(HEALTH, &about, &nonsense))
    }

    /// Describes a target group.
    pub(in crate::provider::ecs) async fn target_group(&self, arn: &str) -> Result<TargetGroup, Trouble> {
        let about = about(arn);
        let answer = self
            .call(GROUPS, Urgency::Watch, &about, |clients| {
                clients.balancers.describe_target_groups().target_group_arns(arn).send()
            })
            .await?;
        answer
            .target_groups
            .unwrap_or_default()
            .into_iter()
            .find(|group| group.target_group_arn() == Some(arn))
            .ok_or_else(|| Nonsense("the answer leaves it out".to_owned()))
            .and_then(TargetGroup::read)
            .map_err(|nonsense| self.nonsense(GROUPS, &about, &nonsense))
    }
}

/// `targetgroup/NAME/ID` in words.
fn about(arn: &str) -> String {
    let name = arn.rsplit('/').nth(1).unwrap_or_else(|| name_of(arn));
    format!("target group {name}")
}
