//! SQS as its clients speak it now: JSON 1.0.
//! See <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>.

use std::time::Duration;

use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::queue::{Queue, Queues, Received};
use super::wire::{ACCOUNT, REGION, number, text, texts};

/// A call, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) action: &'a str,
    pub(crate) params: &'a Value,
    /// What the caller asked: `127.0.0.1:4566`. Queue URLs begin with it.
    pub(crate) host: &'a str,
    /// When the call came in.
    pub(crate) began: Duration,
    pub(crate) now: Duration,
    /// The wall time, since 1970, at which `now` was zero.
    pub(crate) epoch: Duration,
}

/// What comes of a call.
#[derive(Debug)]
pub(crate) enum Step {
    Done(Value),
    /// A long poll that has nothing yet: ask again when something was sent, and at this time at the latest.
    Wait(Duration),
}

/// Answers a call, or says how long it waits.
pub(crate) fn answer(queues: &mut Queues, request: Request<'_>) -> Result<Step, ApiError> {
    let Request { action, params, now, .. } = request;
    let done = match action {
        "CreateQueue" => {
            let name = text(params, "QueueName")?;
            queues.create(name, seconds(&params["Attributes"], "VisibilityTimeout", 43_200)?);
            json!({ "QueueUrl": request.url(name) })
        }
        "GetQueueUrl" => {
            let name = text(params, "QueueName")?;
            queues.get(name).ok_or_else(no_queue)?;
            json!({ "QueueUrl": request.url(name) })
        }
        "ListQueues" => {
            let prefix = params["QueueNamePrefix"].as_str().unwrap_or_default();
            let urls: Vec<_> = queues
                .names()
                .filter(|name| name.starts_with(prefix))
                .map(|name| request.url(name))
                .collect();
            if urls.is_empty() { json!({}) } else { json!({ "QueueUrls": urls }) }
        }
        _ => {
            let name = queue_name(params)?;
            let queue = queues.get(name).ok_or_else(no_queue)?;
            match action {
                "SendMessage" => send(queue, params, now)?,
                "ReceiveMessage" => return receive(queue, request),
                "DeleteMessage" => {
                    let deleted = queue.delete(text(params, "ReceiptHandle")?);
                    deleted.then_some(json!({})).ok_or_else(no_message)?
                }
                "DeleteMessageBatch" => batch(params, |entry| delete(queue, entry))?,
                "ChangeMessageVisibility" => hide(queue, params, now).map(|()| json!({}))?,
                "ChangeMessageVisibilityBatch" => batch(params, |entry| hide(queue, entry, now))?,
                "GetQueueAttributes" => attributes(queue, name, params, now),
                "PurgeQueue" => {
                    queue.purge();
                    json!({})
                }
                _ => return Err(ApiError::new("UnknownOperationException", "")),
            }
        }
    };
    Ok(Step::Done(done))
}

impl Request<'_> {
    fn url(&self, name: &str) -> String {
        format!("http://{}/{ACCOUNT}/{name}", self.host)
    }
}

fn queue_name(params: &Value) -> Result<&str, ApiError> {
    let url = text(params, "QueueUrl")?;
    Ok(url.rsplit('/').next().unwrap_or(url))
}

fn send(queue: &mut Queue, params: &Value, now: Duration) -> Result<Value, ApiError> {
    let body = text(params, "MessageBody")?;
    let delay = seconds(params, "DelaySeconds", 900)?.unwrap_or_default();
    let id = queue.send(body.to_owned(), now, delay);
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5(body) }))
}

fn receive(queue: &mut Queue, request: Request<'_>) -> Result<Step, ApiError> {
    let Request { params, began, now, epoch, .. } = request;
    let limit = number(params, "MaxNumberOfMessages").unwrap_or(1);
    if !(1..=10).contains(&limit) {
        return Err(invalid("MaxNumberOfMessages", 1, 10));
    }
    let visibility = seconds(params, "VisibilityTimeout", 43_200)?.unwrap_or(queue.visibility);
    let wait_until = began + seconds(params, "WaitTimeSeconds", 20)?.unwrap_or_default();
    let received = queue.receive(usize::try_from(limit).unwrap_or(1), visibility, now);
    if received.is_empty() && now < wait_until {
        let next = queue.next_visible(now).unwrap_or(wait_until);
        return Ok(Step::Wait(next.min(wait_until)));
    }
    if received.is_empty() {
        return Ok(Step::Done(json!({})));
    }
    let mut wanted = texts(params, "AttributeNames");
    wanted.extend(texts(params, "MessageSystemAttributeNames"));
    let messages: Vec<_> = received.iter().map(|it| message(it, &wanted, epoch)).collect();
    Ok(Step::Done(json!({ "Messages": messages })))
}

fn message(received: &Received, wanted: &[String], epoch: Duration) -> Value {
    let mut message = json!({
        "MessageId": received.id,
        "ReceiptHandle": received.handle,
        "MD5OfBody": md5(&received.body),
        "Body": received.body,
    });
    let all = [
        ("ApproximateFirstReceiveTimestamp", (epoch + received.first_received).as_millis().to_string()),
        ("ApproximateReceiveCount", received.received.to_string()),
        ("SenderId", ACCOUNT.to_owned()),
        ("SentTimestamp", (epoch + received.sent).as_millis().to_string()),
    ];
    let chosen = choose(all, wanted);
    if !chosen.is_empty() {
        message["Attributes"] = Value::Object(chosen);
    }
    message
}

fn attributes(queue: &Queue, name: &str, params: &Value, now: Duration) -> Value {
    let depth = queue.depth(now);
    let all = [
        ("ApproximateNumberOfMessages", depth.visible.to_string()),
        ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
        ("DelaySeconds", "0".to_owned()),
        ("MaximumMessageSize", "262144".to_owned()),
        ("MessageRetentionPeriod", "345600".to_owned()),
        ("QueueArn", format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")),
        ("ReceiveMessageWaitTimeSeconds", "0".to_owned()),
        ("VisibilityTimeout", queue.visibility.as_secs().to_string()),
    ];
    json!({ "Attributes": choose(all, &texts(params, "AttributeNames")) })
}

/// Those of the attributes that were asked for by name, or all.
fn choose<const N: usize>(all: [(&str, String); N], wanted: &[String]) -> Map<String, Value> {
    all.into_iter()
        .filter(|(name, _)| wanted.iter().any(|it| it == "All" || it == name))
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect()
}

/// A batch always succeeds as a whole and tells of each of its entries.
fn batch(params: &Value, mut one: impl FnMut(&Value) -> Result<(), ApiError>) -> Result<Value, ApiError> {
    let entries = params["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return Err(ApiError::new("EmptyBatchRequest", "There should be at least one entry in the request."));
    }
    if entries.len() > 10 {
        let words = format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
        return Err(ApiError::new("TooManyEntriesInBatchRequest", words));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match one(entry) {
            Ok(()) => successful.push(json!({ "Id": entry["Id"] })),
            Err(error) => failed.push(json!({
                "Id": entry["Id"], "SenderFault": true, "Code": error.code, "Message": error.message,
            })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn delete(queue: &mut Queue, entry: &Value) -> Result<(), ApiError> {
    if queue.delete(text(entry, "ReceiptHandle")?) { Ok(()) } else { Err(no_message()) }
}

fn hide(queue: &mut Queue, entry: &Value, now: Duration) -> Result<(), ApiError> {
    let visibility = seconds(entry, "VisibilityTimeout", 43_200)?.unwrap_or_default();
    let handle = text(entry, "ReceiptHandle")?;
    if queue.hide(handle, visibility, now) { Ok(()) } else { Err(no_message()) }
}

fn seconds(params: &Value, name: &str, most: u64) -> Result<Option<Duration>, ApiError> {
    let Some(number) = number(params, name) else { return Ok(None) };
    let seconds = u64::try_from(number).ok().filter(|seconds| *seconds <= most);
    seconds.map(|it| Some(Duration::from_secs(it))).ok_or_else(|| invalid(name, 0, most))
}

fn invalid(name: &str, least: u64, most: u64) -> ApiError {
    let message = format!(
        "Value for parameter {name} is invalid. Reason: Must be between {least} and {most}, if provided."
    );
    ApiError::new("InvalidParameterValueException", message)
}

fn no_queue() -> ApiError {
    ApiError::new("QueueDoesNotExist", "The specified queue does not exist.")
}

fn no_message() -> ApiError {
    ApiError::new("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
}

fn md5(body: &str) -> String {
    Md5::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}
