use std::time::Duration;

use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;

use super::super::state::name_of;
use super::super::trouble::Trouble;
use super::{Action, Api, Urgency};

// AWS does not limit requests to a standard queue.
pub(super) const RECEIVE: Action =
    Action { name: "sqs:ReceiveMessage", bucket: None, once: false, waits: Duration::ZERO };
pub(super) const DELETE: Action =
    Action { name: "sqs:DeleteMessage", bucket: None, once: false, waits: Duration::ZERO };

/// How many messages one request may bring, or delete.
const MESSAGES_PER_REQUEST: usize = 10;
/// The longest that SQS waits for a message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const LONGEST_POLL: Duration = Duration::from_secs(20);

/// A message of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Message {
    /// What it is deleted by.
    pub(in crate::provider::ecs) receipt: String,
    /// What it says.
    pub(in crate::provider::ecs) body: String,
}

impl Api {
    /// Receives up to ten messages, waiting for the first of them for as long as `wait`, at most 20 seconds.
    pub(in crate::provider::ecs) async fn receive(
        &self,
        queue_url: &str,
        wait: Duration,
    ) -> Result<Vec<Message>, Trouble> {
        let wait = wait.min(LONGEST_POLL);
        let seconds = i32::try_from(wait.as_secs()).unwrap_or_default();
        let answer = self
            .call(Action { waits: wait, ..RECEIVE }, Urgency::Watch, &about(queue_url), |clients| {
                clients
                    .queue
                    .receive_message()
                    .queue_url(queue_url)
                    .wait_time_seconds(seconds)
                    .max_number_of_messages(10)
                    .send()
            })
            .await?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        // One without a receipt cannot be deleted; it comes again.
        let read = messages.filter_map(|message| {
            Some(Message { receipt: message.receipt_handle?, body: message.body.unwrap_or_default() })
        });
        Ok(read.collect())
    }

    /// Deletes messages by their receipts, any number. One that could not be deleted comes again.
    pub(in crate::provider::ecs) async fn delete(
        &self,
        queue_url: &str,
        receipts: &[String],
    ) -> Result<(), Trouble> {
        let about = about(queue_url);
        for receipts in receipts.chunks(MESSAGES_PER_REQUEST) {
            let entries: Vec<DeleteMessageBatchRequestEntry> = receipts
                .iter()
                .enumerate()
                .filter_map(|(number, receipt)| {
                    // Both fields are there, so it always builds.
                    DeleteMessageBatchRequestEntry::builder()
                        .id(number.to_string())
                        .receipt_handle(receipt)
                        .build()
                        .ok()
                })
                .collect();
            let answer = self
                .call(DELETE, Urgency::Watch, &about, |clients| {
                    clients
                        .queue
                        .delete_message_batch()
                        .queue_url(queue_url)
                        .set_entries(Some(entries.clone()))
                        .send()
                })
                .await?;
            for failed in answer.failed {
                tracing::debug!(code = failed.code, error = failed.message, "a message was not deleted");
            }
        }
        Ok(())
    }
}

pub(super) fn about(queue_url: &str) -> String {
    format!("queue {}", name_of(queue_url))
}
