use std::collections::VecDeque;
use std::future::pending;
use std::time::UNIX_EPOCH;

use aws_sdk_ecs::types;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::key::Key;
use super::super::ledger::Now;
use super::super::state::{LastStatus, ServiceState};
use super::super::trouble::Kind;
use super::*;
use crate::provider::Nudged;

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/demo";
const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/demo/shop-web";
const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/demo/0123456789abcdef";
const NOW: &str = "2026-03-01T12:00:00Z";
/// `NOW`, in seconds.
const NOW_SECONDS: u64 = 1_772_366_400;

fn event(kind: &str, time: &str, detail: &Value) -> String {
    json!({
        "version": "0", "id": "1", "detail-type": kind, "source": "aws.ecs", "account": "123456789012",
        "time": time, "region": "eu-west-1", "resources": [SERVICE], "detail": detail,
    })
    .to_string()
}

fn task(version: u64, last: &str, desired: &str) -> Value {
    json!({
        "taskArn": TASK,
        "clusterArn": CLUSTER, "version": version, "lastStatus": last, "desiredStatus": desired,
        "group": "service:shop-web", "startedBy": "ecs-svc/1", "createdAt": "2026-03-01T11:59:40.125Z",
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7",
        "attachments": [{ "id": "1", "type": "eni", "status": "ATTACHED", "details": [
            { "name": "subnetId", "value": "subnet-1" },
            { "name": "privateIPv4Address", "value": "10.0.1.163" },
        ] }],
        "containers": [{ "name": "web", "lastStatus": last, "networkInterfaces": null }],
        "overrides": { "containerOverrides": [] }, "attributes": null,
    })
}

fn task_event(version: u64, last: &str, desired: &str) -> String {
    event("ECS Task State Change", NOW, &task(version, last, desired))
}

fn read_task(body: &str) -> Task {
    match message::read(body).unwrap().unwrap().news {
        News::Task(task) => *task,
        other @ News::Service { .. } => panic!("{other:?}"),
    }
}

#[test]
fn a_task_is_read_as_if_it_were_described() {
    let read = read_task(&task_event(3, "PENDING", "RUNNING"));
    assert_eq!(read.address, Some([10, 0, 1, 163].into()));
    assert_eq!((read.version, read.last, read.desired), (3, LastStatus::Pending, Wanted::Running));
    assert_eq!((read.cluster.as_str(), read.service.as_deref()), ("demo", Some("shop-web")));
    assert_eq!(read.created_at, Some(UNIX_EPOCH + Duration::from_millis(NOW_SECONDS * 1000 - 19_875)));
    let mut stopped = task(9, "STOPPED", "STOPPED");
    stopped["stopCode"] = json!("EssentialContainerExited");
    stopped["stoppedReason"] = json!("Essential container in task exited");
    stopped["stoppedAt"] = json!("2026-03-01T12:00:00.5+01:00");
    stopped["containers"][0]["exitCode"] = json!(3);
    stopped["attachments"] = json!([]);
    let read = read_task(&event("ECS Task State Change", NOW, &stopped));
    assert_eq!(read.stop_code.as_deref(), Some("EssentialContainerExited"));
    assert_eq!(read.containers[0].exit_code, Some(3));
    assert_eq!(
        read.stopped_at,
        Some(UNIX_EPOCH + Duration::from_millis(NOW_SECONDS * 1000 - 3_600_000 + 500))
    );
    assert_eq!(read.address, None);
}

#[test]
fn a_service_is_found_in_its_arn() {
    let action = json!({ "eventType": "ERROR", "eventName": "SERVICE_TASK_PLACEMENT_FAILURE", "clusterArn": CLUSTER,
        "capacityProviderArns": ["arn:aws:ecs:eu-west-1:1:capacity-provider/FARGATE_SPOT"], "reason": "RESOURCE:FARGATE" });
    let deployment = json!({ "eventType": "INFO", "eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "deploymentId": "ecs-svc/1", "reason": "ECS deployment circuit breaker: rolling back" });
    for (kind, detail) in [("ECS Service Action", action), ("ECS Deployment State Change", deployment)] {
        let heard = message::read(&event(kind, NOW, &detail)).unwrap().unwrap();
        assert_eq!(heard.at, UNIX_EPOCH + Duration::from_secs(NOW_SECONDS));
        let name = detail["eventName"].as_str().unwrap().to_owned();
        let (cluster, service) = ("demo".into(), "shop-web".into());
        let expected = News::Service { arn: SERVICE.into(), cluster, service, name };
        assert_eq!(heard.news, expected);
    }
}

#[test]
fn what_is_not_for_us_is_passed_over() {
    let mut alone = task(1, "RUNNING", "RUNNING");
    alone["group"] = json!("family:batch");
    assert_eq!(message::read(&event("ECS Task State Change", NOW, &alone)), Ok(None));
    assert_eq!(message::read(&event("ECS Container Instance State Change", NOW, &json!({}))), Ok(None));
}

#[test]
fn nonsense_is_told_without_repeating_it() {
    let body = |kind: &str, field: &str, value: Value| {
        let mut detail = task(1, "RUNNING", "RUNNING");
        detail[field] = value;
        event(kind, NOW, &detail)
    };
    let tasks = "ECS Task State Change";
    for (body, words) in [
        (String::new(), "it is no event of EventBridge"),
        ("secret".to_owned(), "it is no event of EventBridge"),
        (r#"{"Type":"Notification","Message":"secret"}"#.to_owned(), "it is no event of EventBridge"),
        (
            body(tasks, "version", json!("secret")),
            "an event `ECS Task State Change` lacks a field or has it wrong",
        ),
        (
            body(tasks, "taskArn", Value::Null),
            "an event `ECS Task State Change` lacks a field or has it wrong",
        ),
        (body(tasks, "version", json!(-1)), "an event `ECS Task State Change` makes no sense: version is -1"),
        (
            body(tasks, "lastStatus", json!("DREAMING")),
            "an event `ECS Task State Change` makes no sense: lastStatus is \"DREAMING\"",
        ),
        (
            body(tasks, "createdAt", json!("secret")),
            "an event `ECS Task State Change` makes no sense: createdAt is no time",
        ),
        (
            event(tasks, "secret", &task(1, "RUNNING", "RUNNING")),
            "an event `ECS Task State Change` has no time",
        ),
        (
            event("ECS Service Action", NOW, &json!({})),
            "an event `ECS Service Action` lacks a field or has it wrong",
        ),
    ] {
        assert_eq!(message::read(&body).unwrap_err().to_string(), words, "{body}");
        assert!(!words.contains("secret"));
    }
}

#[test]
fn an_old_event_is_not_believed_about_a_task_that_runs() {
    let wall = UNIX_EPOCH + Duration::from_secs(NOW_SECONDS);
    let running = read_task(&task_event(3, "RUNNING", "RUNNING"));
    assert!(!is_past(&running, wall - OLD, wall));
    assert!(is_past(&running, wall - OLD - Duration::from_secs(1), wall));
    assert!(!is_past(&running, wall + OLD * 2, wall), "a clock that is behind sees no old events");
    let stopped = read_task(&task_event(4, "RUNNING", "STOPPED"));
    assert!(!is_past(&stopped, wall - OLD * 100, wall), "there is no way back from a stop");
}

/// A queue that answers what a test says; then no more.
struct Script {
    answers: Mutex<VecDeque<Result<Vec<Message>, Trouble>>>,
    deleted: mpsc::UnboundedSender<Vec<String>>,
    asked: mpsc::UnboundedSender<Instant>,
}

impl Queue for Script {
    fn receive(&self) -> BoxFuture<'_, Result<Vec<Message>, Trouble>> {
        self.asked.send(Instant::now()).unwrap();
        let next = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            match next {
                Some(answer) => answer,
                None => pending().await,
            }
        })
    }

    fn delete(&self, receipts: Vec<String>) -> BoxFuture<'_, Result<(), Trouble>> {
        self.deleted.send(receipts).unwrap();
        Box::pin(async { Ok(()) })
    }
}

struct Scene {
    ledger: Arc<Ledger>,
    hearing: Arc<Hearing>,
    deleted: mpsc::UnboundedReceiver<Vec<String>>,
    asked: mpsc::UnboundedReceiver<Instant>,
    nudged: Nudged,
    reader: tokio::task::JoinHandle<()>,
}

/// `shop-web` as ECS describes it.
fn described() -> ServiceState {
    let service = types::Service::builder()
        .service_arn(SERVICE)
        .cluster_arn(CLUSTER)
        .service_name("shop-web")
        .status("ACTIVE")
        .desired_count(1);
    ServiceState::read(service.build(), |odd| panic!("{odd}")).unwrap()
}

/// A reader with these answers before it, and a ledger that was asked for `shop-web` as `web`.
fn play(answers: Vec<Result<Vec<Message>, Trouble>>) -> Scene {
    let clock = Clock::start();
    let ledger = Arc::new(Ledger::new(clock, Duration::from_secs(5)));
    ledger.with(&Key::new("demo", "shop-web"), |record| {
        record.asked_for_by(&"web".into());
        let now = Now { time: clock.now(), wall: UNIX_EPOCH };
        record.described(described(), clock.now(), now);
    });
    let hearing = Arc::new(Hearing { clock, state: Mutex::default() });
    let ((deletions, deleted), (asks, asked)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let (nudge, nudged) = Nudge::channel();
    let reader = Reader {
        queue: Script { answers: Mutex::new(answers.into()), deleted: deletions, asked: asks },
        wall: || UNIX_EPOCH + Duration::from_secs(NOW_SECONDS),
        ledger: ledger.clone(),
        nudge,
        hearing: hearing.clone(),
        random: fastrand::Rng::with_seed(1),
        complaints: BTreeSet::new(),
        cannot_delete: false,
    };
    Scene { ledger, hearing, deleted, asked, nudged, reader: tokio::spawn(reader.run()) }
}

impl Scene {
    fn knows_the_task(&self) -> bool {
        self.ledger
            .with(&Key::new("demo", "shop-web"), |record| record.never_heard_of(&[TASK.into()]).is_empty())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn message(receipt: &str, body: String) -> Message {
    Message { receipt: receipt.to_owned(), body }
}

fn unreachable() -> Trouble {
    Trouble::new(Kind::Unreachable, "sqs:ReceiveMessage", "queue events", "no route")
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_is_entered_told_once_and_deleted() {
    let batch = vec![
        message("a", task_event(3, "PENDING", "RUNNING")),
        message("b", task_event(2, "PROVISIONING", "RUNNING")),
        message("c", "no event".to_owned()),
        message("d", task_event(3, "PENDING", "RUNNING")),
    ];
    let mut scene = play(vec![Ok(batch)]);
    assert_eq!(scene.deleted.recv().await.unwrap(), ["a", "b", "c", "d"]);
    assert_eq!(&*scene.nudged.0.try_recv().unwrap(), "web");
    assert!(scene.nudged.0.try_recv().is_err(), "one look serves for all of them");
    assert!(scene.knows_the_task());
    assert!(scene.hearing.tells_of("demo") && !scene.hearing.tells_of("other"));
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_not_believed_but_looked_into() {
    let old = "2026-03-01T11:00:00Z";
    let batch = vec![message("a", event("ECS Task State Change", old, &task(3, "RUNNING", "RUNNING")))];
    let mut scene = play(vec![Ok(batch)]);
    scene.deleted.recv().await.unwrap();
    assert_eq!(&*scene.nudged.0.try_recv().unwrap(), "web");
    assert!(!scene.knows_the_task(), "an address from an hour ago may be anybody's");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_not_read_tells_nothing() {
    let event = message("a", task_event(3, "RUNNING", "RUNNING"));
    let mut answers = vec![Ok(vec![]), Ok(vec![event])];
    answers.extend((0..6).map(|_| Err(unreachable())));
    answers.push(Ok(vec![]));
    let mut scene = play(answers);
    // Empty at once: then it is the reader who waits.
    let first = scene.asked.recv().await.unwrap();
    assert!(!scene.hearing.tells_of("demo"), "nothing has come of it yet");
    let second = scene.asked.recv().await.unwrap();
    assert_eq!(second - first, HASTY);
    let mut last = scene.asked.recv().await.unwrap();
    assert!(scene.hearing.tells_of("demo"));
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let next = scene.asked.recv().await.unwrap();
        pauses.push(next - last);
        last = next;
    }
    assert!(pauses.iter().all(|pause| *pause >= FIRST_PAUSE && *pause <= LONGEST_PAUSE), "{pauses:?}");
    assert!(pauses[5] > pauses[0] * 4, "{pauses:?}");
    assert!(pauses.iter().sum::<Duration>() > HEARD_FOR);
    sleep(Duration::from_millis(1)).await;
    assert!(scene.hearing.tells_of("demo"), "it can be read again");
    sleep(HEARD_FOR).await;
    assert!(!scene.hearing.tells_of("demo"), "a request that hangs is no news");
}

#[tokio::test(start_paused = true)]
async fn another_accounts_cluster_of_the_same_name_is_not_ours() {
    for (ours, theirs) in
        [("123456789012", "210987654321"), ("eu-west-1", "us-east-1"), ("arn:aws:", "arn:aws-cn:")]
    {
        let foreign = task_event(3, "RUNNING", "RUNNING").replace(ours, theirs);
        let action = json!({ "eventName": "SERVICE_STEADY_STATE" });
        let action = event("ECS Service Action", NOW, &action).replace(ours, theirs);
        let mut scene = play(vec![Ok(vec![message("a", foreign), message("b", action)])]);
        assert_eq!(scene.deleted.recv().await.unwrap(), ["a", "b"]);
        assert!(scene.nudged.0.try_recv().is_err());
        assert!(!scene.knows_the_task());
        assert!(!scene.hearing.tells_of("demo"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_no_event_told_of_ends_the_trust_until_the_next_event() {
    let mut answers = vec![Ok(vec![message("a", task_event(3, "PENDING", "RUNNING"))])];
    answers.extend((0..40).map(|_| Ok(vec![])));
    answers.push(Ok(vec![message("b", task_event(5, "RUNNING", "STOPPED"))]));
    answers.extend((0..40).map(|_| Ok(vec![])));
    let mut scene = play(answers);
    scene.deleted.recv().await.unwrap();
    let running = |version| read_task(&task_event(version, "RUNNING", "RUNNING"));
    // What events have told already is nothing new.
    scene.hearing.saw(&[running(3)]);
    sleep(Duration::from_secs(16)).await;
    assert!(scene.hearing.tells_of("demo"));
    scene.hearing.saw(&[running(4)]);
    assert!(scene.hearing.tells_of("demo"), "the event may be under way");
    sleep(Duration::from_secs(14)).await;
    scene.hearing.saw(&[running(4)]);
    assert!(scene.hearing.tells_of("demo"));
    sleep(Duration::from_secs(2)).await;
    assert!(!scene.hearing.tells_of("demo"), "the queue is read, and says nothing");
    scene.deleted.recv().await.unwrap();
    assert!(scene.hearing.tells_of("demo"), "it speaks again");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_in_time_is_no_silence() {
    let mut answers = vec![Ok(vec![message("a", task_event(3, "PENDING", "RUNNING"))])];
    answers.extend((0..10).map(|_| Ok(vec![])));
    answers.push(Ok(vec![message("b", task_event(4, "RUNNING", "RUNNING"))]));
    answers.extend((0..40).map(|_| Ok(vec![])));
    let mut scene = play(answers);
    scene.deleted.recv().await.unwrap();
    scene.hearing.saw(&[read_task(&task_event(4, "RUNNING", "RUNNING"))]);
    scene.deleted.recv().await.unwrap();
    sleep(Duration::from_secs(20)).await;
    assert!(scene.hearing.tells_of("demo"));
}
