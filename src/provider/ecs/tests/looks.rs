use super::*;

fn addresses(seen: &Observation) -> Vec<String> {
    seen.targets.iter().map(|target| target.address.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn ten_sleepers_cost_one_request() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let aws = Aws::with(&names, &Service::default());
    let ecs = provider(&aws);
    let specs: Vec<_> = names.iter().map(|name| spec(name)).collect();
    for _ in 0..3 {
        let seen = ecs.observe(&specs).await;
        assert!(seen.iter().all(|seen| *seen == Ok(Observation::default())), "{seen:?}");
        assert_eq!(aws.asked(), ["DescribeServices a,b,c,d,e,f,g,h,i,j"]);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_awake_one_is_listed_once() {
    let aws = awake(2, Service::default());
    let ecs = provider(&aws);
    let web = [spec("web")];
    let seen = ecs.observe(&web).await.remove(0).unwrap();
    assert_eq!((seen.desired, seen.running), (2, 2));
    assert_eq!(addresses(&seen), ["10.0.0.1:8080", "10.0.0.2:8080"]);
    assert_eq!(aws.asked(), ["DescribeServices web", "ListTasks web RUNNING", "DescribeTasks 1,2"]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(ecs.observe(&web).await.remove(0).unwrap(), seen);
    assert_eq!(aws.asked(), ["DescribeServices web"]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_no_observation_and_is_asked_again() {
    for (action, code) in [
        ("ListTasks", "ThrottlingException"),
        ("DescribeTasks", "ServerException"),
        ("DescribeServices", "X"),
    ] {
        let aws = awake(1, Service::default());
        let ecs = provider(&aws);
        let web = [spec("web")];
        aws.state().fails.insert(action, code);
        let fault = ecs.observe(&web).await.remove(0).unwrap_err();
        assert!(!fault.terminal && fault.reason.contains(action), "{fault}");
        aws.state().fails.clear();
        let seen = ecs.observe(&web).await.remove(0).unwrap();
        assert_eq!(addresses(&seen), ["10.0.0.1:8080"], "after {action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_one_does_not_blind_the_others() {
    let aws = awake(1, Service::default());
    let ecs = provider(&aws);
    let local = Arc::new(Spec::new("local", Kind::Fixed));
    let seen = ecs.observe(&[spec("ghost"), local, spec("web")]).await;
    let [Err(ghost), Err(local), Ok(web)] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(ghost.terminal && ghost.reason.contains("no service ghost in cluster demo"), "{ghost}");
    assert!(local.reason.contains("not a service on ECS"), "{local}");
    assert_eq!(web.running, 1);
}

#[tokio::test(start_paused = true)]
async fn two_names_for_one_service_are_one_question() {
    let aws = awake(1, Service::default());
    let ecs = provider(&aws);
    let other = Arc::new(Spec { name: "other".into(), ..(*spec("web")).clone() });
    let seen = ecs.observe(&[spec("web"), other]).await;
    assert_eq!(seen[0], seen[1]);
    assert_eq!(aws.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_slept_is_not_dialled_again() {
    let aws = awake(1, Service::default());
    let ecs = provider(&aws);
    let web = [spec("web")];
    ecs.observe(&web).await.remove(0).unwrap();
    ecs.scale(&web[0], 0).await.unwrap();
    ecs.scale(&web[0], 1).await.unwrap();
    // ECS has not told the task to stop yet, and never says so in time.
    let seen = ecs.observe(&web).await.remove(0).unwrap();
    assert_eq!((seen.desired, seen.stopping), (1, 1));
    assert_eq!(addresses(&seen), [""; 0]);
    let (arn, mut task) = aws::task("2", "web");
    task["lastStatus"] = "PENDING".into();
    task["createdAt"] = 4_000_000_000_u64.into();
    aws.state().tasks.insert(arn, task);
    aws.state().services.get_mut("web").unwrap().running = 2;
    let seen = ecs.observe(&web).await.remove(0).unwrap();
    assert_eq!(addresses(&seen), ["10.0.0.2:8080"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_waited_for_is_asked_about_apart_from_its_neighbours() {
    let aws = Aws::with(&["a", "b", "c"], &Service::default());
    let ecs = provider(&aws);
    let specs = ["a", "b", "c"].map(spec);
    ecs.observe(&specs).await;
    ecs.scale(&specs[1], 1).await.unwrap();
    aws.asked();
    let seen = ecs.observe(&specs).await;
    let mut asked = aws.asked();
    asked.sort();
    assert_eq!(asked, ["DescribeServices a,c", "DescribeServices b"]);
    let desired: Vec<_> = seen.into_iter().map(|seen| seen.unwrap().desired).collect();
    assert_eq!(desired, [0, 1, 0], "each gets its own");
    tokio::time::sleep(Duration::from_secs(15 * 60)).await;
    ecs.observe(&specs).await;
    assert_eq!(aws.asked(), ["DescribeServices a,b,c"], "nobody waits that long");
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_concerns_its_service_alone_and_not_for_long() {
    let aws = awake(1, Service::default());
    aws.state().services.insert("asleep".to_owned(), Service::default());
    aws.state().slow.insert("ListTasks", Duration::from_secs(60));
    let began = tokio::time::Instant::now();
    let seen = provider(&aws).observe(&[spec("web"), spec("asleep")]).await;
    assert!(began.elapsed() <= Duration::from_secs(6));
    assert!(!seen[0].as_ref().unwrap_err().terminal);
    assert_eq!(seen[1], Ok(Observation::default()));
}
