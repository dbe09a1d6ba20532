use super::*;

#[tokio::test(start_paused = true)]
async fn it_wakes_to_what_it_was_and_scaling_goes_on() {
    let aws = awake(3, Service { scaled: Some((2, [false, true, false])), ..Service::default() });
    let ecs = provider(&aws);
    ecs.scale(&spec("web"), 0).await.unwrap();
    aws.asked();
    // A gateway that was not there when it fell asleep.
    provider(&aws).scale(&spec("web"), 1).await.unwrap();
    assert_eq!(aws.asked(), ["DescribeServices web", "UpdateService web=3"], "resuming holds up nothing");
    calm().await;
    assert_eq!(
        aws.asked(),
        ["RegisterScalableTarget [false, true, false]", "UntagResource wakegate:scaling"]
    );
}

#[tokio::test(start_paused = true)]
async fn resuming_that_failed_is_tried_again_at_a_later_look() {
    let tags =
        [("wakegate:scaling".to_owned(), "min=2 in=active out=active scheduled=active".to_owned())].into();
    let aws = awake(0, Service { tags, scaled: Some((2, [true; 3])), ..Service::default() });
    let ecs = provider(&aws);
    aws.state().fails.insert("RegisterScalableTarget", "ValidationException");
    ecs.scale(&spec("web"), 1).await.unwrap();
    assert_eq!(aws.state().services["web"].desired, 2, "the minimum");
    calm().await;
    aws.state().fails.clear();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(15)).await;
        ecs.observe(&[spec("web")]).await.remove(0).unwrap();
    }
    calm().await;
    let service = aws.state().services["web"].clone();
    assert_eq!(service.scaled, Some((2, [false; 3])));
    assert_eq!(service.tags, [].into());
}

#[tokio::test(start_paused = true)]
async fn a_count_is_never_lowered() {
    let aws = awake(5, Service::default());
    provider(&aws).scale(&spec("web"), 1).await.unwrap();
    assert_eq!(aws.asked(), ["DescribeServices web"]);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_does_not_keep_it_asleep() {
    let aws = awake(1, Service::default());
    let ecs = provider(&aws);
    ecs.scale(&spec("web"), 0).await.unwrap();
    aws.state().services.get_mut("web").unwrap().stale = Some(1);
    ecs.scale(&spec("web"), 1).await.unwrap();
    assert_eq!(aws.asked().last().unwrap(), "UpdateService web=1");
}

#[tokio::test(start_paused = true)]
async fn a_graph_is_described_in_as_few_requests_as_may_be() {
    let names: Vec<String> = (0..23).map(|number| format!("s{number:02}")).collect();
    let aws = Aws::with(&names.iter().map(String::as_str).collect::<Vec<_>>(), &Service::default());
    let ecs = provider(&aws);
    let specs: Vec<_> = names.iter().map(|name| spec(name)).collect();
    let calls = join::all(specs.iter().map(|spec| ecs.scale(spec, 1))).await;
    assert!(calls.iter().all(Result::is_ok));
    let asked = aws.asked();
    let count = |action| asked.iter().filter(|line| line.starts_with(action)).count();
    assert_eq!((count("DescribeServices"), count("UpdateService")), (3, 23));
    assert!(aws.state().services.values().all(|service| service.desired == 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_up_leaves_the_others_their_answer() {
    let aws = Aws::with(&["a", "b"], &Service::default());
    let ecs = provider(&aws);
    let (a, b) = (spec("a"), spec("b"));
    let mut first = ecs.scale(&a, 1);
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(first.as_mut().poll(context))).await;
    assert!(polled.is_pending());
    let second = ecs.scale(&b, 1);
    drop(first);
    second.await.unwrap();
    assert_eq!(aws.state().services["b"].desired, 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_wake_says_why_at_once() {
    let odd = |key, value| Service { odd: [(key, value)].into(), ..Service::default() };
    for (service, reason) in [
        (odd("schedulingStrategy", "DAEMON".into()), "daemon service"),
        (odd("status", "INACTIVE".into()), "was deleted"),
    ] {
        let aws = awake(0, service);
        let fault = provider(&aws).scale(&spec("web"), 1).await.unwrap_err();
        assert!(fault.terminal && fault.reason.contains(reason), "{fault}");
        assert_eq!(aws.asked(), ["DescribeServices web"]);
    }
    let aws = awake(0, Service::default());
    let fault = provider(&aws).scale(&spec("ghost"), 1).await.unwrap_err();
    assert!(fault.terminal);
    assert_eq!(&*fault.reason, "ECS has no service ghost in cluster demo");
    assert!(!fault.public.contains("ghost"));
}

#[tokio::test(start_paused = true)]
async fn a_scalable_target_that_is_gone_leaves_nothing_to_resume() {
    let tags =
        [("wakegate:scaling".to_owned(), "min=2 in=active out=active scheduled=active".to_owned())].into();
    let aws = awake(0, Service { tags, ..Service::default() });
    aws.state().fails.insert("RegisterScalableTarget", "ValidationException");
    provider(&aws).scale(&spec("web"), 1).await.unwrap();
    calm().await;
    assert_eq!(aws.state().services["web"].tags, [].into());
}
