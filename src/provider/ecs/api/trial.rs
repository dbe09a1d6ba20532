use aws_sdk_ecs::error::BuildError;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;

use super::super::state::Nonsense;
use super::super::trouble::{Kind, Trouble};
use super::queue::{DELETE, RECEIVE};
use super::scaling::REGISTER;
use super::services::{TAG, UNTAG, UPDATE};
use super::{Api, Urgency, queue, scaling, services};

/// A tag that no service has, under the prefix that policies allow.
const NO_TAG: &str = "wakegate:none";

/// Requests that find out whether they are allowed and change nothing: what they ask for is impossible, or is so
/// already. One that is refused for its sense counts as allowed: that proves a permission only if AWS looks at permissions
/// before it looks at a request's sense, which it does not promise.
impl Api {
    /// A desired count that no service can have.
    pub(in crate::provider::ecs) async fn try_update(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<(), Trouble> {
        let about = services::about(cluster, service);
        let answer = self
            .call(UPDATE, Urgency::Watch, &about, |clients| {
                clients.ecs.update_service().cluster(cluster).service(service).desired_count(-1).send()
            })
            .await;
        allowed(answer)
    }

    /// No tags at all.
    pub(in crate::provider::ecs) async fn try_tag(&self, service_arn: &str) -> Result<(), Trouble> {
        let answer = self
            .call(TAG, Urgency::Watch, service_arn, |clients| {
                clients.ecs.tag_resource().resource_arn(service_arn).set_tags(Some(Vec::new())).send()
            })
            .await;
        allowed(answer)
    }

    /// A tag that is not there.
    pub(in crate::provider::ecs) async fn try_untag(&self, service_arn: &str) -> Result<(), Trouble> {
        let answer = self
            .call(UNTAG, Urgency::Watch, service_arn, |clients| {
                clients.ecs.untag_resource().resource_arn(service_arn).tag_keys(NO_TAG).send()
            })
            .await;
        allowed(answer)
    }

    /// A most that is less than the least, and less than nothing.
    pub(in crate::provider::ecs) async fn try_suspend(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<(), Trouble> {
        let resource = scaling::resource(cluster, service);
        let answer = self
            .call(REGISTER, Urgency::Watch, &resource, |clients| {
                scaling::registration(&clients, &resource).min_capacity(1).max_capacity(-1).send()
            })
            .await;
        allowed(answer)
    }

    /// A message that stays visible to whoever else reads the queue.
    pub(in crate::provider::ecs) async fn try_receive(&self, queue_url: &str) -> Result<(), Trouble> {
        let about = queue::about(queue_url);
        self.call(RECEIVE, Urgency::Watch, &about, |clients| {
            clients
                .queue
                .receive_message()
                .queue_url(queue_url)
                .visibility_timeout(0)
                .wait_time_seconds(0)
                .send()
        })
        .await
        .map(drop)
    }

    /// A message that was never received.
    pub(in crate::provider::ecs) async fn try_delete(&self, queue_url: &str) -> Result<(), Trouble> {
        let about = queue::about(queue_url);
        let entry = DeleteMessageBatchRequestEntry::builder()
            .id("none")
            .receipt_handle("none")
            .build()
            .map_err(|error: BuildError| self.nonsense(DELETE, &about, &Nonsense(error.to_string())))?;
        let answer = self
            .call(DELETE, Urgency::Watch, &about, |clients| {
                clients.queue.delete_message_batch().queue_url(queue_url).entries(entry.clone()).send()
            })
            .await;
        match answer {
            // It says that there is no such receipt, as an error where others say it in the answer.
            Err(trouble) if trouble.kind == Kind::Other && trouble.words.contains("ReceiptHandle") => Ok(()),
            answer => allowed(answer),
        }
    }
}

/// Refused for its sense is as good as done.
fn allowed<O>(answer: Result<O, Trouble>) -> Result<(), Trouble> {
    match answer {
        Err(trouble) if trouble.kind != Kind::Invalid => Err(trouble),
        _ => Ok(()),
    }
}
