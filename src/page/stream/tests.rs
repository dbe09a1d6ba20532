use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::*;
use crate::model::{Fault, PageSpec, Stage};
use crate::page::Page;

const SECOND: Duration = Duration::from_secs(1);

/// A page over members that the test moves.
struct Rig {
    views: Vec<watch::Sender<Arc<View>>>,
    clock: Clock,
    body: PageBody,
}

impl Rig {
    fn new(detail: Detail, views: &[View]) -> Self {
        let clock = Clock::start();
        let views: Vec<_> = views.iter().map(|view| watch::Sender::new(Arc::new(view.clone()))).collect();
        let members = views
            .iter()
            .enumerate()
            .map(|(at, view)| Member {
                name: format!("member-{at}").into(),
                view: view.subscribe(),
                needed_for_door: true,
            })
            .collect();
        let spec = PageSpec { detail, ..PageSpec::default() };
        let body = Page::new(&spec).unwrap().response(members, clock, open()).into_body();
        Self { views, clock, body }
    }

    fn set(&self, member: usize, view: View) {
        self.views[member].send_replace(Arc::new(view));
    }

    /// The next piece; `None` at the end.
    async fn piece(&mut self) -> Option<String> {
        let frame = self.body.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    /// Everything up to the end.
    async fn rest(&mut self) -> Vec<String> {
        let mut pieces = Vec::new();
        while let Some(piece) = self.piece().await {
            pieces.push(piece);
        }
        pieces
    }
}

fn waking(stage: Stage) -> View {
    View { phase: Phase::Waking, stage, waking_since: Some(Time::ZERO), ..View::default() }
}

fn awake() -> View {
    View { phase: Phase::Awake, stage: Stage::Ready, ..View::default() }
}

fn failed(retry_at: Option<u64>) -> View {
    View {
        phase: Phase::Failed,
        stage: Stage::Failed,
        fault: Some(Fault::new("secret").told_as("It broke.")),
        retry_at: retry_at.map(Time::from_millis),
        ..View::default()
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_piece_comes_at_once_and_can_be_shown() {
    let mut rig = Rig::new(Detail::Progress, &[waking(Stage::Starting)]);
    let began = Instant::now();
    let first = rig.piece().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(first.starts_with("<!DOCTYPE html>") && first.trim_end().ends_with("</div>"), "{first}");
    assert!(first.contains("Starting."), "{first}");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_shown_soon_and_announced_once() {
    let mut rig = Rig::new(Detail::Services, &[waking(Stage::Starting), waking(Stage::Waiting)]);
    rig.piece().await.unwrap();
    tokio::time::advance(Duration::from_millis(400)).await;
    let began = Instant::now();
    rig.set(0, awake());
    let frame = rig.piece().await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(5));
    assert!(frame.contains("1 of 2") && frame.contains(r#"class="say" aria-live="polite""#), "{frame}");
    let heartbeat = rig.piece().await.unwrap();
    assert!(heartbeat.contains("1 of 2") && !heartbeat.contains("polite"), "{heartbeat}");
}

#[tokio::test(start_paused = true)]
async fn the_seconds_go_on_by_themselves() {
    let mut rig = Rig::new(Detail::Services, &[waking(Stage::Starting)]);
    rig.piece().await.unwrap();
    tokio::time::advance(Duration::from_millis(700)).await;
    rig.set(0, waking(Stage::Checking));
    assert!(rig.piece().await.unwrap().contains("checking"));
    for second in 1..4 {
        let frame = rig.piece().await.unwrap();
        assert_eq!(rig.clock.now(), Time::ZERO + second * SECOND, "however late the last change came");
        assert!(frame.contains(&format!("{second} s so far")), "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn ready_ends_the_document_at_once() {
    let mut rig = Rig::new(Detail::Progress, &[waking(Stage::Starting)]);
    rig.piece().await.unwrap();
    let began = Instant::now();
    rig.set(0, awake());
    let last = rig.piece().await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(5));
    assert!(last.contains("Ready.") && last.trim_end().ends_with("</html>"), "{last}");
    assert!(rig.body.is_end_stream() && rig.piece().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_page_with_nothing_to_wait_for_does_not_spin() {
    let mut rig = Rig::new(Detail::Progress, &[awake()]);
    let began = Instant::now();
    let pieces = rig.rest().await;
    assert!(began.elapsed() >= MIN_AGE && began.elapsed() < 2 * MIN_AGE);
    assert!(pieces.last().unwrap().trim_end().ends_with("</html>"));
    let mut rig = Rig::new(Detail::Progress, &[failed(Some(0))]);
    let began = Instant::now();
    rig.rest().await;
    assert!(began.elapsed() >= MIN_AGE);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_and_ends_with_the_next_try() {
    let mut rig = Rig::new(Detail::Services, &[waking(Stage::Starting)]);
    rig.piece().await.unwrap();
    rig.set(0, failed(Some(8000)));
    let frame = rig.piece().await.unwrap();
    assert!(frame.contains("It broke.") && frame.contains("tried again in 8 s"), "{frame}");
    let rest = rig.rest().await;
    assert_eq!(rig.clock.now(), Time::from_millis(8000));
    assert!(rest[0].contains("in 7 s") && !rest[0].contains("polite"), "{}", rest[0]);
    assert!(rest.iter().all(|piece| !piece.contains("secret")));
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_a_next_try_does_not_last_for_ever() {
    let mut rig = Rig::new(Detail::None, &[failed(None)]);
    rig.rest().await;
    assert_eq!(rig.clock.now(), Time::ZERO + RETRY_AFTER);
}

#[tokio::test(start_paused = true)]
async fn a_new_attempt_goes_on_in_the_same_page() {
    let mut rig = Rig::new(Detail::Progress, &[failed(Some(9000))]);
    assert!(rig.piece().await.unwrap().contains("It broke."));
    rig.set(0, waking(Stage::Starting));
    assert!(rig.piece().await.unwrap().contains("Starting."));
    rig.set(0, awake());
    assert!(rig.piece().await.unwrap().contains("Ready."));
    assert!(rig.piece().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_goes_away_ends_the_document() {
    let mut rig = Rig::new(Detail::Progress, &[waking(Stage::Starting), waking(Stage::Waiting)]);
    rig.piece().await.unwrap();
    rig.views.remove(0);
    assert!(rig.piece().await.unwrap().trim_end().ends_with("</html>"));
    assert!(rig.piece().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_sleeps_on_is_asked_for_again() {
    let asleep = View { phase: Phase::Asleep, ..View::default() };
    let mut rig = Rig::new(Detail::Progress, &[asleep]);
    rig.rest().await;
    assert_eq!(rig.clock.now(), Time::ZERO + ASLEEP);
}

#[tokio::test(start_paused = true)]
async fn a_page_without_news_stays_small_and_ends() {
    for detail in [Detail::None, Detail::Progress, Detail::Services] {
        let mut rig = Rig::new(detail, &vec![waking(Stage::Starting); 5]);
        let pieces = rig.rest().await;
        assert_eq!(rig.clock.now(), Time::ZERO + MAX_AGE);
        let bytes: usize = pieces.iter().map(String::len).sum();
        assert!(pieces.len() < 220 && bytes < 300_000, "{detail:?}: {} pieces, {bytes} bytes", pieces.len());
        assert!(pieces.last().unwrap().trim_end().ends_with("</html>"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_graph_that_never_rests_is_bounded_too() {
    let mut rig = Rig::new(Detail::Services, &vec![waking(Stage::Starting); 300]);
    let mut bytes = 0;
    let mut turn = 0;
    loop {
        // Something changes every 10 ms, for as long as the page is there.
        match timeout(Duration::from_millis(10), rig.piece()).await {
            Ok(Some(piece)) => bytes += piece.len(),
            Ok(None) => break,
            Err(_) => {
                turn += 1;
                let stage = if turn % 2 == 0 { Stage::Starting } else { Stage::Checking };
                rig.set(turn % 300, waking(stage));
            }
        }
    }
    assert!(bytes > MAX_BYTES / 2 && bytes < MAX_BYTES + 200_000, "{bytes}");
    assert!(rig.clock.now() > Time::ZERO + 30 * SECOND, "{}", rig.clock.now());
}

#[tokio::test(start_paused = true)]
async fn the_bar_never_goes_back() {
    let expecting = |seconds| View { expected: Some(seconds * SECOND), ..waking(Stage::Starting) };
    let mut rig = Rig::new(Detail::Progress, &[expecting(10)]);
    let percent = |html: &str| {
        let from = html.find("value=\"").unwrap() + 7;
        html[from..].split('"').next().unwrap().parse::<u8>().unwrap()
    };
    rig.piece().await.unwrap();
    for _ in 0..4 {
        rig.piece().await.unwrap();
    }
    let before = percent(&rig.piece().await.unwrap());
    rig.set(0, expecting(100));
    let after = percent(&rig.piece().await.unwrap());
    assert_eq!((before, after), (50, 50));
}

/// A gateway that does not go down.
fn open() -> Closing {
    // Its sender is gone, which is not the same as having said so.
    watch::channel(None).1
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_goes_down_ends_the_page() {
    let spec = PageSpec::default();
    let (_view, receiver) = watch::channel(Arc::new(View { phase: Phase::Waking, ..View::default() }));
    let member = Member { name: "web".into(), view: receiver, needed_for_door: true };
    let (closing, closes) = watch::channel(None);
    let mut body = Page::new(&spec).unwrap().response(vec![member], Clock::start(), closes).into_body();
    body.frame().await.unwrap().unwrap();
    closing.send_replace(Some(Time::ZERO));
    let mut last = String::new();
    while let Some(frame) = body.frame().await {
        last = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
    }
    assert!(last.trim_end().ends_with("</html>"), "whole, so that the browser asks again: {last}");
}
