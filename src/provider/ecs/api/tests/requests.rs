//! What is asked of AWS, and what is made of its answers.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::super::state::{LastStatus, NoState, Rollout, ServiceStatus, Suspended, Wanted};
use super::super::*;
use super::script::{Say, Script, error, ok};

fn service(name: &str, changes: &Value) -> Value {
    let mut service = json!({
        "serviceArn": format!("arn:aws:ecs:eu-west-1:1:service/demo/{name}"),
        "serviceName": name,
        "clusterArn": "arn:aws:ecs:eu-west-1:1:cluster/demo",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 1,
        "pendingCount": 1,
        "taskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/web:7",
        "schedulingStrategy": "REPLICA",
        "deployments": [{
            "id": "ecs-svc/1", "status": "PRIMARY", "desiredCount": 2, "runningCount": 1, "pendingCount": 1,
            "failedTasks": 0, "rolloutState": "IN_PROGRESS", "updatedAt": 1_700_000_000.5,
        }],
        "events": [
            { "id": "old", "createdAt": 1_700_000_000, "message": "(service web) has started 1 tasks" },
            { "id": "new", "createdAt": 1_700_000_009, "message": "(service web) has reached a steady state." },
        ],
        "tags": [{ "key": "wakegate:desired-count", "value": "3" }],
        "loadBalancers": [{ "targetGroupArn": "arn:group", "containerName": "web", "containerPort": 80 }],
        "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }],
    });
    for (key, value) in changes.as_object().unwrap() {
        service[key] = value.clone();
    }
    service
}

fn task(changes: &Value) -> Value {
    let mut task = json!({
        "taskArn": "arn:aws:ecs:eu-west-1:1:task/demo/1",
        "clusterArn": "arn:aws:ecs:eu-west-1:1:cluster/demo",
        "group": "service:web",
        "lastStatus": "PENDING",
        "desiredStatus": "RUNNING",
        "version": 2,
        "createdAt": 1_700_000_000.25,
        "attachments": [{
            "type": "ElasticNetworkInterface", "status": "ATTACHED",
            "details": [{ "name": "subnetId", "value": "subnet-1" }, { "name": "privateIPv4Address", "value": "10.0.0.7" }],
        }],
        "containers": [{ "name": "web", "exitCode": 137, "reason": "OutOfMemoryError" }],
    });
    for (key, value) in changes.as_object().unwrap() {
        task[key] = value.clone();
    }
    task
}

#[tokio::test]
async fn services_are_described_ten_at_a_time_with_their_tags() {
    let names: Vec<String> = (0..23).map(|number| format!("s{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let script = Script::new(names.chunks(10).map(|names| {
        let services: Vec<_> = names.iter().map(|name| service(name, &json!({}))).collect();
        ok(json!({ "services": services }).to_string())
    }));
    let found = script.api().services("demo", &names, Urgency::Watch).await.unwrap();
    assert_eq!(found.len(), 23);
    assert!(found.values().all(Result::is_ok));
    let heard = script.heard();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[0].target, "DescribeServices");
    assert_eq!(
        heard[2].json(),
        json!({ "cluster": "demo", "services": ["s20", "s21", "s22"], "include": ["TAGS"] })
    );
}

#[tokio::test]
async fn a_service_is_read() {
    let script = Script::new([ok(json!({ "services": [service("web", &json!({}))] }).to_string())]);
    let arn = "arn:aws:ecs:eu-west-1:1:service/demo/web";
    let mut found = script.api().services("demo", &[arn], Urgency::Wake).await.unwrap();
    let web = found.remove(arn).unwrap().unwrap();
    assert_eq!((web.cluster.as_str(), web.name.as_str(), web.status), ("demo", "web", ServiceStatus::Active));
    assert_eq!((web.desired, web.running, web.pending, web.daemon), (2, 1, 1, false));
    assert_eq!(web.tags["wakegate:desired-count"], "3");
    assert_eq!(
        (web.target_groups, web.capacity_providers),
        (vec!["arn:group".into()], vec!["FARGATE_SPOT".into()])
    );
    assert_eq!(web.events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["new", "old"]);
    assert_eq!(web.deployments[0].rollout, Some(Rollout::InProgress));
    assert_eq!((web.launch_type, web.controller.as_str()), (None, "ECS"));
}

#[tokio::test]
async fn what_is_missing_or_makes_no_sense_concerns_one_service_alone() {
    let answer = json!({
        "services": [
            service("good", &json!({})),
            service("negative", &json!({ "runningCount": -1 })),
            service("strange", &json!({ "status": "SLEEPY" })),
            service("bare", &json!({ "clusterArn": null })),
        ],
        "failures": [
            { "arn": "arn:aws:ecs:eu-west-1:1:service/demo/gone", "reason": "MISSING" },
            { "arn": "arn:aws:ecs:eu-west-1:1:service/demo/odd", "reason": "WHATEVER" },
        ],
    });
    let script = Script::new([ok(answer.to_string())]);
    let names = ["good", "negative", "strange", "bare", "gone", "odd", "left-out"];
    let found = script.api().services("demo", &names, Urgency::Watch).await.unwrap();
    assert!(found["good"].is_ok());
    assert_eq!(found["gone"], Err(NoState::Missing));
    let words = |name: &str| match &found[name] {
        Err(NoState::Nonsense(nonsense)) => nonsense.0.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(words("negative"), "runningCount is -1");
    assert_eq!(words("strange"), "status is \"SLEEPY\"");
    assert_eq!(words("bare"), "clusterArn is missing");
    assert!(words("odd").contains("WHATEVER"));
    assert_eq!(words("left-out"), "the answer leaves it out");
}

/// The answer to whoever asks for these services.
fn described(names: &[&str]) -> Say {
    let services: Vec<_> = names.iter().map(|name| service(name, &json!({}))).collect();
    ok(json!({ "services": services }).to_string())
}

fn forbidden() -> Say {
    error(400, "AccessDeniedException", "User: me is not authorized to perform: ecs:DescribeServices")
}

#[tokio::test(start_paused = true)]
async fn one_that_is_refused_does_not_take_the_others_down_and_is_kept_apart() {
    for refusal in [forbidden(), error(400, "InvalidParameterException", "Invalid identifier")] {
        let script = Script::new([
            refusal.clone(),
            described(&["a"]),
            refusal.clone(),
            described(&["c"]),
            // The sound ones are asked for together from now on.
            described(&["a", "c"]),
            refusal.clone(),
            // In the end it is asked for with the others again.
            described(&["a", "b", "c"]),
        ]);
        let api = script.api();
        for _ in 0..2 {
            let found = api.services("demo", &["a", "b", "c"], Urgency::Watch).await.unwrap();
            assert!(found["a"].is_ok() && found["c"].is_ok());
            let Err(NoState::Refused(trouble)) = &found["b"] else { panic!("{:?}", found["b"]) };
            assert!(trouble.is_refusal());
            assert_eq!(trouble.about, "service b in cluster demo", "of itself, not of the three");
        }
        assert_eq!(script.heard()[4].json()["services"], json!(["a", "c"]));
        assert_eq!(script.heard()[5].json()["services"], json!(["b"]));
        sleep(Duration::from_secs(200)).await;
        let found = api.services("demo", &["a", "b", "c"], Urgency::Watch).await.unwrap();
        assert!(found.values().all(Result::is_ok));
        assert_eq!(script.heard().len(), 7);
    }
}

#[tokio::test(start_paused = true)]
async fn where_everything_is_refused_watching_does_not_ask_for_each_at_every_look() {
    let names: Vec<String> = (0..25).map(|number| format!("s{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Three together, each alone, and once more for one that is woken.
    let script = Script::new((0..3 + 25 + 1).map(|_| forbidden()));
    let api = script.api();
    for _ in 0..5 {
        let found = api.services("demo", &names, Urgency::Watch).await.unwrap();
        assert!(names.iter().all(|name| matches!(found[*name], Err(NoState::Refused(_)))));
    }
    assert_eq!(script.heard().len(), 28);
    api.services("demo", &["s7"], Urgency::Wake).await.unwrap()["s7"].as_ref().unwrap_err();
    assert_eq!(script.heard().len(), 29);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_with_the_first_answer() {
    let script = Script::new([forbidden(), described(&["a"]), described(&["a", "b"])]);
    let api = script.api();
    let found = api.services("demo", &["a"], Urgency::Wake).await.unwrap();
    assert!(matches!(found["a"], Err(NoState::Refused(_))));
    assert!(api.services("demo", &["a"], Urgency::Poll).await.unwrap()["a"].is_ok());
    assert!(api.services("demo", &["a", "b"], Urgency::Watch).await.unwrap()["a"].is_ok());
    assert_eq!(script.heard().len(), 3);
}

#[tokio::test]
async fn an_order_that_was_taken_is_no_failure_whatever_is_said_of_it() {
    let odd = json!({ "service": service("web", &json!({ "runningCount": -1 })) });
    let script = Script::new([
        ok("{}"),
        ok(odd.to_string()),
        Say::OfAws(200, "{\"service\": [".to_owned()),
        // Not from AWS: nobody took the order.
        ok("<html>please log in</html>"),
    ]);
    let api = script.api();
    for _ in 0..3 {
        assert_eq!(api.set_desired("demo", "web", 1, Urgency::Watch).await, Ok(None));
    }
    let trouble = api.set_desired("demo", "web", 1, Urgency::Watch).await.unwrap_err();
    assert_eq!(trouble.kind, Kind::Nonsense);
    assert_eq!(script.heard().len(), 4);
}

#[tokio::test]
async fn what_is_odd_about_deployments_and_events_is_left_out_and_told_once() {
    let deployment = |id: &str, status: &str, rollout: &str| {
        json!({ "id": id, "status": status, "desiredCount": 1, "runningCount": 0, "pendingCount": 0,
            "failedTasks": 0, "rolloutState": rollout })
    };
    let odd = service(
        "web",
        &json!({
            "deployments": [
                deployment("new", "PRIMARY", "PAUSED"),
                deployment("old", "ACTIVE", "COMPLETED"),
                deployment("what", "TERTIARY", "COMPLETED"),
            ],
            "events": [{ "createdAt": 1_700_000_000, "message": "who?" }, { "id": "good", "createdAt": 1_700_000_000 }],
        }),
    );
    let answer = || ok(json!({ "services": [odd.clone()] }).to_string());
    let script = Script::new([answer(), answer()]);
    let api = script.api();
    for _ in 0..2 {
        let web =
            api.services("demo", &["web"], Urgency::Watch).await.unwrap().remove("web").unwrap().unwrap();
        let kept: Vec<_> = web.deployments.iter().map(|it| (it.id.as_str(), it.rollout)).collect();
        assert_eq!(kept, [("new", None), ("old", Some(Rollout::Completed))]);
        assert_eq!(web.events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["good"]);
    }
    assert_eq!(api.complaints.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn the_desired_count_is_all_that_an_update_says() {
    let script =
        Script::new([ok(json!({ "service": service("web", &json!({ "desiredCount": 0 })) }).to_string())]);
    let web = script.api().set_desired("demo", "web", 0, Urgency::Watch).await.unwrap();
    assert_eq!(web.unwrap().desired, 0);
    assert_eq!(script.heard()[0].json(), json!({ "cluster": "demo", "service": "web", "desiredCount": 0 }));
}

#[tokio::test(start_paused = true)]
async fn an_order_is_not_made_again_on_what_was_read_before() {
    let script = Script::new([Say::Hang, ok("{}")]);
    let trouble = script.api().set_desired("demo", "web", 1, Urgency::Wake).await.unwrap_err();
    assert_eq!((trouble.kind.clone(), trouble.is_terminal()), (Kind::Unreachable, false));
    assert_eq!(script.heard().len(), 1, "meanwhile somebody may have set another count");
}

#[tokio::test]
async fn what_does_not_exist_is_told_apart() {
    for (code, kind) in [
        ("ClusterNotFoundException", Kind::ClusterNotFound),
        ("ServiceNotFoundException", Kind::ServiceNotFound),
        ("ServiceNotActiveException", Kind::ServiceNotActive),
        ("InvalidParameterException", Kind::Invalid),
        ("UnrecognizedClientException", Kind::Expired),
    ] {
        // Credentials are tried twice.
        let script = Script::new([error(400, code, "no"), error(400, code, "no")]);
        let trouble = script.api().set_desired("demo", "web", 1, Urgency::Wake).await.unwrap_err();
        assert_eq!(trouble.kind, kind);
        assert!(trouble.fault().terminal, "{code}");
        assert_eq!(script.heard().len(), if kind == Kind::Expired { 2 } else { 1 });
    }
}

#[tokio::test]
async fn lists_have_pages() {
    let script = Script::new([ok(r#"{"taskArns":["a","b"],"nextToken":"t"}"#), ok(r#"{"taskArns":["c"]}"#)]);
    let arns = script.api().list_tasks("demo", "web", Wanted::Stopped, Urgency::Watch).await.unwrap();
    assert_eq!(arns, ["a", "b", "c"].map(Into::into));
    let heard = script.heard();
    assert_eq!(heard[0].json()["desiredStatus"], "STOPPED");
    assert_eq!((&heard[0].json()["nextToken"], &heard[1].json()["nextToken"]), (&Value::Null, &json!("t")));
}

#[tokio::test]
async fn a_task_is_read_and_has_its_address_before_it_runs() {
    let answer = json!({
        "tasks": [
            task(&json!({})),
            task(&json!({ "taskArn": "t2", "lastStatus": "DREAMING" })),
            task(&json!({ "taskArn": "t3", "attachments": [], "containers": [
                { "name": "web", "networkInterfaces": [{ "privateIpv4Address": "10.0.0.9" }] }] })),
            task(&json!({ "taskArn": "t4", "attachments": [{ "type": "ElasticNetworkInterface", "status": "PRECREATED",
                "details": [{ "name": "subnetId", "value": "subnet-1" }] }] })),
            task(&json!({ "taskArn": "t5", "attachments": [{ "type": "ElasticNetworkInterface", "details": [
                { "name": "privateIPv4Address", "value": "10.0.0" }] }] })),
        ],
        "failures": [{ "arn": "arn:aws:ecs:eu-west-1:1:task/demo/9", "reason": "MISSING" }],
    });
    let script = Script::new([ok(answer.to_string())]);
    let asked = ["t1", "t2"].map(Into::into);
    let (tasks, missing) = script.api().tasks("demo", &asked, Urgency::Wake).await.unwrap();
    assert_eq!(missing, ["arn:aws:ecs:eu-west-1:1:task/demo/9".into()]);
    let addresses: Vec<_> = tasks.iter().map(|task| task.address).collect();
    let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(
        addresses,
        [address("10.0.0.7"), address("10.0.0.9"), None],
        "and what makes no sense is left out"
    );
    let first = &tasks[0];
    assert_eq!((first.service.as_deref(), first.version, first.last), (Some("web"), 2, LastStatus::Pending));
    assert_eq!(first.created_at.unwrap(), SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250));
    assert_eq!(first.containers[0].exit_code, Some(137));
}

#[tokio::test]
async fn protection_that_cannot_be_told_is_an_error() {
    let answer = json!({ "protectedTasks": [
        { "taskArn": "a", "protectionEnabled": true, "expirationDate": 1_700_000_000 },
        { "taskArn": "b", "protectionEnabled": false },
    ], "failures": [{ "arn": "c", "reason": "MISSING" }, { "arn": "d", "reason": "TASK_NOT_VALID" }] });
    let odd = json!({ "failures": [{ "arn": "a", "reason": "INTERNAL" }] });
    let script = Script::new([ok(answer.to_string()), ok(odd.to_string())]);
    let api = script.api();
    let asked = ["a", "b", "c"].map(Into::into);
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    assert_eq!(api.protected("demo", &asked).await.unwrap(), [("a".into(), Some(until))]);
    assert_eq!(api.protected("demo", &asked).await.unwrap_err().kind, Kind::Nonsense);
}

#[tokio::test]
async fn scaling_is_looked_up_and_suspended() {
    let target = json!({ "ScalableTargets": [{
        "ServiceNamespace": "ecs", "ResourceId": "service/demo/web", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 2, "MaxCapacity": 9, "RoleARN": "arn:role", "CreationTime": 1_700_000_000,
        "SuspendedState": { "ScheduledScalingSuspended": true },
    }] });
    let script = Script::new([ok(target.to_string()), ok(r#"{"ScalableTargets":[]}"#), ok("{}")]);
    let api = script.api();
    let found = api.scalable_target("demo", "web", Urgency::Wake).await.unwrap().unwrap();
    assert_eq!((found.min, found.max), (2, 9));
    assert_eq!(found.suspended, Suspended { scheduled: true, ..Suspended::default() });
    assert_eq!(api.scalable_target("arn:aws:ecs:r:1:cluster/demo", "web", Urgency::Wake).await, Ok(None));
    api.set_suspended("demo", "web", Suspended::ALL, Urgency::Watch).await.unwrap();
    let heard = script.heard();
    assert_eq!(heard[1].json()["ResourceIds"], json!(["service/demo/web"]), "by the cluster's name");
    let asked = heard[2].json();
    assert!(asked.get("MinCapacity").is_none(), "its bounds are not ours");
    assert!(asked["SuspendedState"].as_object().unwrap().values().all(|value| *value == true));
}

#[tokio::test]
async fn target_health_is_counted() {
    let member = |state: &str, reason: &str| {
        format!(
            "<member><Target><Id>10.0.0.7</Id></Target><TargetHealth><State>{state}</State>{reason}</TargetHealth></member>"
        )
    };
    let answer = |members: &str| {
        ok(format!(
            "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeTargetHealthResult><TargetHealthDescriptions>{members}</TargetHealthDescriptions>\
             </DescribeTargetHealthResult></DescribeTargetHealthResponse>"
        ))
    };
    let good = [
        member("healthy", ""),
        member("initial", "<Reason>Elb.RegistrationInProgress</Reason>"),
        member("unhealthy.draining", ""),
    ];
    let throttled = Say::Answer(
        400,
        "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>\
         </ErrorResponse>"
            .to_owned(),
    );
    let script = Script::new([throttled, answer(&good.concat()), answer(&member("dizzy", ""))]);
    let api = script.api();
    let group = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/abc";
    let health = api.target_health(group, Urgency::Wake).await.unwrap();
    assert_eq!((health.healthy, health.initial, health.draining, health.unhealthy), (1, 1, 1, 0));
    assert_eq!(health.reason.as_deref(), Some("Elb.RegistrationInProgress"));
    let trouble = api.target_health(group, Urgency::Wake).await.unwrap_err();
    assert_eq!((trouble.kind, trouble.about.as_str()), (Kind::Nonsense, "target group web"));
}

#[tokio::test]
async fn task_definitions_have_ports_and_a_network_mode() {
    let definition = json!({ "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:1:task-definition/web:7", "networkMode": "awsvpc",
        "containerDefinitions": [
            { "name": "web", "portMappings": [{ "containerPort": 8080, "name": "http" }] },
            { "name": "side", "portMappings": [{ "containerPortRange": "9000-9010" }] },
        ],
    } });
    let script = Script::new([ok(definition.to_string())]);
    let found = script.api().task_definition("web:7").await.unwrap();
    assert_eq!(found.network_mode, "awsvpc");
    assert_eq!([8080, 9005, 9011].map(|port| found.publishes(port)), [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn messages_are_waited_for_and_deleted_ten_at_a_time() {
    let messages =
        json!({ "Messages": [{ "ReceiptHandle": "r1", "Body": "hello" }, { "Body": "cannot be deleted" }] });
    let deleted = || ok(r#"{"Successful":[],"Failed":[]}"#);
    let script = Script::new([ok(messages.to_string()), deleted(), deleted()]);
    let api = script.api();
    let url = "https://sqs.eu-west-1.amazonaws.com/1/events";
    let got = api.receive(url, Duration::from_secs(60)).await.unwrap();
    assert_eq!(got, [Message { receipt: "r1".into(), body: "hello".into() }]);
    let receipts: Vec<String> = (0..12).map(|number| format!("r{number}")).collect();
    api.delete(url, &receipts).await.unwrap();
    let heard = script.heard();
    assert_eq!(heard[0].json()["WaitTimeSeconds"], 20);
    assert_eq!(heard[1].json()["Entries"].as_array().unwrap().len(), 10);
    assert_eq!(heard[2].json()["Entries"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn tags_are_set_and_taken() {
    let script = Script::new([ok("{}"), ok("{}")]);
    let api = script.api();
    api.tag("arn:web", &[("wakegate:desired-count", "3".to_owned())], Urgency::Watch).await.unwrap();
    api.untag("arn:web", &["wakegate:scaling"], Urgency::Watch).await.unwrap();
    let heard = script.heard();
    assert_eq!(
        heard[0].json(),
        json!({ "resourceArn": "arn:web", "tags": [{ "key": "wakegate:desired-count", "value": "3" }] })
    );
    assert_eq!(heard[1].json(), json!({ "resourceArn": "arn:web", "tagKeys": ["wakegate:scaling"] }));
}
