use super::*;

const SUSPENDED: &str = "RegisterScalableTarget [true, true, true]";

#[tokio::test(start_paused = true)]
async fn what_is_needed_to_wake_it_is_written_down_first() {
    let aws = awake(3, Service { scaled: Some((2, [false, true, false])), ..Service::default() });
    provider(&aws).scale(&spec("web"), 0).await.unwrap();
    assert_eq!(
        aws.asked(),
        [
            "DescribeServices web",
            "ListTasks web RUNNING",
            "GetTaskProtection 1,2,3",
            "DescribeScalableTargets service/demo/web",
            "TagResource wakegate:desired-count=3, wakegate:scaling=min=2 in=active out=suspended scheduled=active",
            SUSPENDED,
            "UpdateService web=0",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_remembering_is_not_written() {
    let aws = awake(1, Service::default());
    provider(&aws).scale(&spec("web"), 0).await.unwrap();
    let asked = aws.asked();
    assert_eq!(asked.last().unwrap(), "UpdateService web=0");
    assert!(!asked.iter().any(|line| line.starts_with("TagResource")), "{asked:?}");

    let aws = awake(3, Service::default());
    let settings = Settings { auto_scaling: false, ..Settings::default() };
    provider_with(&aws, settings).scale(&spec_with("web", Some(2)), 0).await.unwrap();
    let asked = aws.asked();
    assert_eq!(asked.len(), 4, "the configuration knows the count, and nothing scales it: {asked:?}");

    let tags = [("wakegate:desired-count".to_owned(), "3".to_owned())].into();
    let aws = awake(3, Service { tags, ..Service::default() });
    provider(&aws).scale(&spec("web"), 0).await.unwrap();
    assert!(!aws.asked().iter().any(|line| line.starts_with("TagResource")), "it stands there already");
}

#[tokio::test(start_paused = true)]
async fn what_was_suspended_by_us_is_not_taken_for_somebody_elses() {
    let tags =
        [("wakegate:scaling".to_owned(), "min=1 in=active out=active scheduled=active".to_owned())].into();
    let aws = awake(1, Service { tags, scaled: Some((1, [true; 3])), ..Service::default() });
    provider(&aws).scale(&spec("web"), 0).await.unwrap();
    assert_eq!(aws.asked().split_off(4), ["UpdateService web=0"]);
    assert_eq!(
        aws.state().services["web"].tags["wakegate:scaling"],
        "min=1 in=active out=active scheduled=active"
    );
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_first_leaves_it_running() {
    let steps = [
        "DescribeServices",
        "ListTasks",
        "GetTaskProtection",
        "DescribeScalableTargets",
        "TagResource",
        "RegisterScalableTarget",
    ];
    for step in steps {
        let aws = awake(2, Service { scaled: Some((1, [false; 3])), ..Service::default() });
        aws.state().fails.insert(step, "AccessDeniedException");
        let fault = provider(&aws).scale(&spec("web"), 0).await.unwrap_err();
        assert!(fault.terminal, "{fault}");
        assert!(fault.reason.contains(step), "{fault}");
        let asked = aws.asked();
        assert!(asked.last().unwrap().starts_with(step), "nothing after it: {asked:?}");
        assert_eq!(aws.state().services["web"].desired, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_order_gives_scaling_back_at_a_later_look() {
    let aws = awake(1, Service { scaled: Some((1, [false, false, true])), ..Service::default() });
    let ecs = provider(&aws);
    let web = [spec("web")];
    ecs.observe(&web).await.remove(0).unwrap();
    aws.state().fails.insert("UpdateService", "AccessDeniedException");
    ecs.scale(&web[0], 0).await.unwrap_err();
    assert_eq!(aws.state().services["web"].scaled, Some((1, [true; 3])));
    let seen = ecs.observe(&web).await.remove(0).unwrap();
    assert_eq!(seen.targets.len(), 1, "nothing has changed");
    calm().await;
    let service = aws.state().services["web"].clone();
    assert_eq!(service.scaled, Some((1, [false, false, true])));
    assert!(!service.tags.contains_key("wakegate:scaling"));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_may_have_been_carried_out_once_is_not_undone_by_a_later_refusal() {
    let denied = "AccessDeniedException";
    for (first, undone) in [((true, "ServerException"), false), ((false, "ThrottlingException"), true)] {
        let aws = awake(1, Service::default());
        let ecs = provider(&aws);
        let web = [spec("web")];
        ecs.observe(&web).await.remove(0).unwrap();
        aws.state().stumbles.insert("UpdateService", [first, (false, denied)].into());
        let fault = ecs.scale(&web[0], 0).await.unwrap_err();
        assert_eq!(fault.undone, undone, "{fault}");
        aws.state().services.get_mut("web").unwrap().stale = Some(1);
        let seen = ecs.observe(&web).await.remove(0).unwrap();
        assert_eq!(seen.targets.len(), usize::from(undone), "its task may have been told to stop");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_only_ever_throttled_was_not_carried_out() {
    let aws = awake(1, Service::default());
    aws.state().fails.insert("UpdateService", "ThrottlingException");
    let fault = provider(&aws).scale(&spec("web"), 0).await.unwrap_err();
    assert!(fault.undone && !fault.terminal, "{fault}");
}

#[tokio::test(start_paused = true)]
async fn what_must_not_sleep_is_refused_with_a_reason() {
    let odd = |key, value| Service { odd: [(key, value)].into(), ..Service::default() };
    let deployment = serde_json::json!([{
        "id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "IN_PROGRESS",
        "desiredCount": 1, "runningCount": 1, "pendingCount": 0, "failedTasks": 0,
    }]);
    for (service, reason) in [
        (odd("schedulingStrategy", "DAEMON".into()), "daemon"),
        (odd("status", "INACTIVE".into()), "was deleted"),
        (odd("deployments", deployment), "is being deployed"),
    ] {
        let aws = awake(1, service);
        let fault = provider(&aws).scale(&spec("web"), 0).await.unwrap_err();
        assert!(fault.reason.contains(reason), "{fault}");
        assert_eq!(aws.asked(), ["DescribeServices web"]);
    }
    let aws = awake(2, Service::default());
    aws.state().protected.insert(aws::task("2", "web").0);
    let fault = provider(&aws).scale(&spec("web"), 0).await.unwrap_err();
    assert!(fault.reason.contains("scale-in protection: 2"), "{fault}");
    assert_eq!(aws.state().services["web"].desired, 2);
}

#[tokio::test(start_paused = true)]
async fn a_count_of_zero_is_never_remembered() {
    let aws = awake(0, Service::default());
    let ecs = provider(&aws);
    ecs.scale(&spec("web"), 1).await.unwrap();
    // From before it was woken.
    aws.state().services.get_mut("web").unwrap().stale = Some(0);
    ecs.scale(&spec("web"), 0).await.unwrap();
    assert_eq!(aws.state().services["web"].desired, 0);
    assert_eq!(aws.state().services["web"].tags, [].into());
}

#[tokio::test(start_paused = true)]
async fn an_old_tag_does_not_hide_what_is_suspended_since() {
    let aws = awake(1, Service { scaled: Some((1, [false; 3])), ..Service::default() });
    let ecs = provider(&aws);
    ecs.scale(&spec("web"), 0).await.unwrap();
    ecs.scale(&spec("web"), 1).await.unwrap();
    calm().await;
    let old = ("wakegate:scaling".to_owned(), "min=1 in=active out=active scheduled=active".to_owned());
    aws.state().services.get_mut("web").unwrap().tags.extend([old]);
    aws.asked();
    ecs.scale(&spec("web"), 0).await.unwrap();
    let asked = aws.asked();
    assert!(asked.iter().any(|line| line.starts_with("TagResource wakegate:scaling")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_sleeps_already_is_left_alone() {
    let aws = awake(0, Service::default());
    provider(&aws).scale(&spec("web"), 0).await.unwrap();
    assert_eq!(aws.asked(), ["DescribeServices web"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_needed_again_before_the_order_is_left_running() {
    let steps = ["DescribeServices", "GetTaskProtection", "TagResource", "RegisterScalableTarget"];
    for step in steps {
        let aws = awake(2, Service { scaled: Some((1, [false; 3])), ..Service::default() });
        let ecs = provider(&aws);
        let web = spec("web");
        aws.state().slow.insert(step, Duration::from_secs(3));
        let began = tokio::time::Instant::now();
        let needed = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            ecs.call_off(&web);
        };
        let (lowered, ()) = tokio::join!(ecs.scale(&web, 0), needed);
        let fault = lowered.unwrap_err();
        assert_eq!((&*fault.reason, fault.undone, fault.terminal), ("it is needed again", true, false));
        assert_eq!(began.elapsed(), Duration::from_secs(1), "{step}");
        calm().await;
        assert_eq!(aws.state().services["web"].desired, 2);
        assert!(aws.asked().last().unwrap().starts_with(step), "nothing after it");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_went_out_is_waited_for() {
    let aws = awake(1, Service::default());
    let ecs = provider(&aws);
    let web = spec("web");
    aws.state().slow.insert("UpdateService", Duration::from_secs(3));
    let needed = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ecs.call_off(&web);
    };
    let (lowered, ()) = tokio::join!(ecs.scale(&web, 0), needed);
    lowered.unwrap();
    ecs.call_off(&web);
    ecs.scale(&web, 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_order_that_waits_for_its_turn_is_called_off_too() {
    let names: Vec<String> = (0..60).map(|number| format!("s{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let aws = Aws::with(&names, &Service { desired: 1, ..Service::default() });
    let settings = Settings { auto_scaling: false, ..Settings::default() };
    let ecs = provider_with(&aws, settings);
    let specs: Vec<_> = names.iter().map(|name| spec(name)).collect();
    let began = tokio::time::Instant::now();
    let lowered = join::all(specs.iter().map(|spec| ecs.scale(spec, 0))).await;
    assert!(began.elapsed() <= Duration::from_secs(11), "doors are not shut for longer");
    let asleep = aws.state().services.values().filter(|service| service.desired == 0).count();
    assert_eq!(lowered.iter().filter(|result| result.is_ok()).count(), asleep);
    assert!(asleep < 60, "the bucket does not hold as many");
    assert!(lowered.iter().filter_map(|result| result.as_ref().err()).all(|fault| fault.undone));
}
