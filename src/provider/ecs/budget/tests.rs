use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;

/// Takes `count` tokens one after the other and says how long that took.
async fn taking(budget: &Budget, bucket: Bucket, urgency: Urgency, count: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        budget.take(bucket, urgency).await;
    }
    start.elapsed()
}

fn about(took: Duration, expected: Duration) -> bool {
    took.abs_diff(expected) < Duration::from_millis(20)
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_free_and_then_tokens_come_one_by_one() {
    let budget = Budget::new(1.0);
    assert_eq!(taking(&budget, Bucket::ServiceModify, Urgency::Wake, 50).await, Duration::ZERO);
    let took = taking(&budget, Bucket::ServiceModify, Urgency::Wake, 10).await;
    assert!(about(took, Duration::from_secs(2)), "5 a second: {took:?}");
    // Another bucket is not touched by it.
    assert_eq!(taking(&budget, Bucket::ServiceRead, Urgency::Wake, 100).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn only_the_share_is_used() {
    let budget = Budget::new(0.5);
    // Half of the half that is ours, at half the rate.
    assert_eq!(taking(&budget, Bucket::ServiceRead, Urgency::Watch, 25).await, Duration::ZERO);
    let took = taking(&budget, Bucket::ServiceRead, Urgency::Watch, 5).await;
    assert!(about(took, Duration::from_millis(500)), "10 a second: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn fifty_services_wake_in_one_burst_whatever_the_share() {
    for share in [0.1, 0.5, 1.0] {
        let budget = Budget::new(share);
        assert_eq!(taking(&budget, Bucket::ServiceModify, Urgency::Wake, 50).await, Duration::ZERO);
        let took = taking(&budget, Bucket::ServiceModify, Urgency::Wake, 5).await;
        assert!(about(took, Duration::from_secs_f64(1.0 / share)), "no faster than the share: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_the_bucket_comes_back_last_and_only_to_waking() {
    let budget = Budget::new(0.5);
    taking(&budget, Bucket::ServiceModify, Urgency::Wake, 50).await;
    let took = taking(&budget, Bucket::ServiceModify, Urgency::Watch, 1).await;
    assert!(about(took, Duration::from_millis(5_200)), "12 are left, at 2.5 a second: {took:?}");
    sleep(Duration::from_secs(30)).await;
    // Half of the half that is ours: what was saved beside it is not for watching.
    assert_eq!(taking(&budget, Bucket::ServiceModify, Urgency::Watch, 13).await, Duration::ZERO);
    assert!(taking(&budget, Bucket::ServiceModify, Urgency::Watch, 1).await > Duration::from_millis(300));
    let mut saved = 0;
    while taking(&budget, Bucket::ServiceModify, Urgency::Wake, 1).await == Duration::ZERO {
        saved += 1;
    }
    assert!((25..50).contains(&saved), "{saved}");
}

#[tokio::test(start_paused = true)]
async fn the_smallest_share_still_lets_both_through() {
    let budget = Budget::new(0.01);
    budget.take(Bucket::ServiceModify, Urgency::Watch).await;
    budget.take(Bucket::ServiceModify, Urgency::Poll).await;
    let took = taking(&budget, Bucket::ServiceModify, Urgency::Wake, 1).await;
    assert_eq!(took, Duration::ZERO, "one was left to waking");
    let took = taking(&budget, Bucket::ServiceModify, Urgency::Watch, 1).await;
    assert!(about(took, Duration::from_secs(60)), "three tokens at one in 20 s: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn watching_leaves_half_and_looking_a_quarter() {
    let budget = Budget::new(1.0);
    assert_eq!(taking(&budget, Bucket::ServiceRead, Urgency::Watch, 50).await, Duration::ZERO);
    assert!(taking(&budget, Bucket::ServiceRead, Urgency::Watch, 1).await > Duration::ZERO);
    assert_eq!(taking(&budget, Bucket::ServiceRead, Urgency::Poll, 25).await, Duration::ZERO);
    assert!(taking(&budget, Bucket::ServiceRead, Urgency::Poll, 1).await > Duration::ZERO);
    assert_eq!(taking(&budget, Bucket::ServiceRead, Urgency::Wake, 25).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_wakes_comes_before_who_watches_and_each_in_turn() {
    let budget = Arc::new(Budget::new(1.0));
    taking(&budget, Bucket::ServiceModify, Urgency::Wake, 50).await;
    let (heard, mut order) = tokio::sync::mpsc::unbounded_channel();
    let mut all = JoinSet::new();
    for (urgency, number) in [(Urgency::Watch, 0..3), (Urgency::Poll, 3..6), (Urgency::Wake, 6..9)]
        .into_iter()
        .flat_map(|(urgency, numbers)| numbers.map(move |number| (urgency, number)))
    {
        let (budget, heard) = (budget.clone(), heard.clone());
        all.spawn(async move {
            budget.take(Bucket::ServiceModify, urgency).await;
            heard.send(number).unwrap();
        });
        tokio::task::yield_now().await;
    }
    all.join_all().await;
    let mut got = Vec::new();
    while let Ok(number) = order.try_recv() {
        got.push(number);
    }
    assert_eq!(got, [6, 7, 8, 3, 4, 5, 0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_gives_up_the_turn() {
    let budget = Budget::new(1.0);
    taking(&budget, Bucket::ServiceModify, Urgency::Wake, 50).await;
    let waiting = budget.take(Bucket::ServiceModify, Urgency::Wake);
    assert!(tokio::time::timeout(Duration::from_millis(10), waiting).await.is_err());
    let took = taking(&budget, Bucket::ServiceModify, Urgency::Wake, 1).await;
    assert!(about(took, Duration::from_millis(190)), "the token it waited for: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn throttling_empties_the_bucket() {
    let budget = Budget::new(1.0);
    budget.throttled(Bucket::ServiceModify);
    let took = taking(&budget, Bucket::ServiceModify, Urgency::Wake, 1).await;
    assert!(about(took, Duration::from_millis(200)), "{took:?}");
    let took = taking(&budget, Bucket::ServiceModify, Urgency::Watch, 1).await;
    assert!(about(took, Duration::from_millis(5_200)), "half of it, and one: {took:?}");
}
