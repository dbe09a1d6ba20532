//! What ECS tells EventBridge, and the rule that puts it into a queue: at least once, in no promised order.
//! See <https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ecs.html>.

use std::time::Duration;

use serde_json::{Value, json};

use super::iso::{iso, iso_seconds};
use super::queue::Queues;
use super::wire::{ACCOUNT, REGION};

/// An event before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// `ECS Task State Change`.
    pub(crate) kind: &'static str,
    /// The ARN of what it is about.
    pub(crate) resource: String,
    pub(crate) detail: Value,
}

/// The rule from ECS's events to a queue, and its manners.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bus {
    /// The queue's name; none is sent without one.
    pub(crate) queue: Option<String>,
    /// How long an event takes, at least and at most, before `speed`.
    pub(crate) delay: (Duration, Duration),
    /// How likely an event is sent twice.
    pub(crate) duplicate: f64,
    /// How likely an event is so late that later ones overtake it.
    pub(crate) reorder: f64,
    /// How likely it is not sent at all, which AWS does not do.
    pub(crate) lose: f64,
    /// No event is to be had before, unless it overtakes.
    last: Duration,
}

impl Default for Bus {
    fn default() -> Self {
        let delay = (Duration::from_millis(500), Duration::from_millis(2_000));
        Self { queue: None, delay, duplicate: 0.0, reorder: 0.0, lose: 0.0, last: Duration::ZERO }
    }
}

impl Bus {
    /// Somebody gets the events.
    pub(crate) fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Puts an event into the queue, to be had after a while. `scaled` makes of a time what it is at the present speed.
    pub(crate) fn publish(
        &mut self,
        queues: &mut Queues,
        event: &Event,
        now: Duration,
        epoch: Duration,
        scaled: impl Fn(Duration) -> Duration,
        rng: &mut fastrand::Rng,
    ) {
        let Some(queue) = self.queue.as_deref() else { return };
        let queue = queues.create(queue, None);
        if strikes(self.lose, rng) {
            return;
        }
        let body = envelope(event, now + epoch, rng);
        let copies = if strikes(self.duplicate, rng) { 2 } else { 1 };
        for _ in 0..copies {
            let (least, most) = self.delay;
            let delay = scaled(least + most.saturating_sub(least).mul_f64(rng.f64()));
            let at = if strikes(self.reorder, rng) {
                // Late enough for others to pass, but late by minutes is not what happens.
                now + delay + scaled(most.mul_f64(1.0 + 2.0 * rng.f64()))
            } else {
                self.last = self.last.max(now + delay);
                self.last
            };
            queue.send(body.clone(), now, at.saturating_sub(now));
        }
    }
}

/// What is certain, or never happens, draws nothing: switching it leaves the rest of a history as it was.
fn strikes(chance: f64, rng: &mut fastrand::Rng) -> bool {
    chance >= 1.0 || (chance > 0.0 && rng.f64() < chance)
}

fn envelope(event: &Event, wall: Duration, rng: &mut fastrand::Rng) -> String {
    let id = rng.u128(..);
    let hex = format!("{id:032x}");
    let whole = json!({
        "version": "0",
        "id": format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]),
        "detail-type": event.kind,
        "source": "aws.ecs",
        "account": ACCOUNT,
        "time": iso_seconds(wall),
        "region": REGION,
        "resources": [event.resource],
        "detail": event.detail,
    });
    whole.to_string()
}

/// `ECS Task State Change`: the whole task as DescribeTasks shows it, but for the times, which are texts, the type of
/// the network interface's attachment, and the health and the tags, which are not in it.
pub(crate) fn task_state_change(mut shown: Value, wall: Duration) -> Event {
    let resource = shown["taskArn"].as_str().unwrap_or_default().to_owned();
    if let Value::Object(task) = &mut shown {
        task.remove("healthStatus");
        task.remove("tags");
        for (name, value) in task.iter_mut().filter(|(name, _)| name.ends_with("At")) {
            // Nothing of a task that ends in `At` is anything but a time.
            if let Some(time) = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
                *value = json!(iso(time));
            } else {
                debug_assert!(false, "{name} is no time");
            }
        }
        task.insert("updatedAt".to_owned(), json!(iso(wall)));
    }
    for attachment in shown["attachments"].as_array_mut().into_iter().flatten() {
        attachment["type"] = json!("eni");
    }
    for container in shown["containers"].as_array_mut().into_iter().flatten() {
        if let Value::Object(container) = container {
            container.remove("healthStatus");
        }
    }
    Event { kind: "ECS Task State Change", resource, detail: shown }
}

/// `ECS Service Action`.
pub(crate) fn service_action(
    service_arn: &str,
    cluster_arn: &str,
    kind: &str,
    name: &str,
    reason: Option<&str>,
    wall: Duration,
) -> Event {
    let mut detail = json!({
        "eventType": kind,
        "eventName": name,
        "clusterArn": cluster_arn,
        "createdAt": iso(wall),
    });
    if let Some(reason) = reason {
        detail["reason"] = json!(reason);
    }
    Event { kind: "ECS Service Action", resource: service_arn.to_owned(), detail }
}

/// `ECS Deployment State Change`.
pub(crate) fn deployment_state_change(
    service_arn: &str,
    id: &str,
    kind: &str,
    name: &str,
    reason: &str,
    wall: Duration,
) -> Event {
    let detail = json!({
        "eventType": kind,
        "eventName": name,
        "deploymentId": id,
        "updatedAt": iso(wall),
        "reason": reason,
    });
    Event { kind: "ECS Deployment State Change", resource: service_arn.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(bus: &mut Bus, count: u32) -> Vec<u64> {
        let (mut queues, mut rng) = (Queues::default(), fastrand::Rng::with_seed(7));
        for number in 0..count {
            let event =
                Event { kind: "K", resource: "arn:x".to_owned(), detail: json!({ "version": number }) };
            bus.publish(
                &mut queues,
                &event,
                Duration::from_secs(number.into()),
                Duration::ZERO,
                |it| it,
                &mut rng,
            );
        }
        let Some(queue) = queues.get("events") else { return Vec::new() };
        let far = Duration::from_secs(3_600);
        let received = queue.receive(1_000, far, far);
        let number = |body: &str| {
            let event: Value = serde_json::from_str(body).expect("JSON");
            event["detail"]["version"].as_u64().expect("a number")
        };
        received.iter().map(|it| number(&it.body)).collect()
    }

    #[test]
    fn a_task_in_an_event_has_its_times_in_words_and_no_health() {
        let shown = json!({
            "taskArn": "arn:task", "createdAt": 1_750_000_000.5, "healthStatus": "HEALTHY", "tags": [],
            "attachments": [{ "type": "ElasticNetworkInterface", "status": "ATTACHED" }],
            "containers": [{ "name": "app", "healthStatus": "HEALTHY" }], "version": 3,
        });
        let event = task_state_change(shown, Duration::from_secs(1_750_000_001));
        assert_eq!(event.resource, "arn:task");
        let expected = json!({
            "taskArn": "arn:task", "createdAt": "2025-06-15T15:06:40.500Z", "updatedAt": "2025-06-15T15:06:41.000Z",
            "attachments": [{ "type": "eni", "status": "ATTACHED" }], "containers": [{ "name": "app" }], "version": 3,
        });
        assert_eq!(event.detail, expected);
    }

    #[test]
    fn events_come_once_and_in_order_unless_switched() {
        assert!(bodies(&mut Bus::default(), 3).is_empty(), "nobody asked for them");
        let plain = || Bus { queue: Some("events".to_owned()), ..Bus::default() };
        let in_order: Vec<u64> = (0..50).collect();
        assert_eq!(bodies(&mut plain(), 50), in_order);

        let twice = bodies(&mut Bus { duplicate: 1.0, ..plain() }, 50);
        assert_eq!(twice.len(), 100);

        let mut mixed = bodies(&mut Bus { reorder: 0.5, ..plain() }, 50);
        assert_ne!(mixed, in_order);
        mixed.sort_unstable();
        assert_eq!(mixed, in_order, "late, but all there");

        assert!(bodies(&mut Bus { lose: 1.0, ..plain() }, 50).is_empty());
    }
}
