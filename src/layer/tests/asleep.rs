use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::kit::{House, call, fed, grpc, policy, rule, text, visit};
use crate::gate::Ring;
use crate::meter::Outcome;
use crate::model::{Cause, Kind, Limits, Phase, Spec, Time, View};
use crate::route::{Answer, Rule, Verdict};

#[tokio::test(start_paused = true)]
async fn a_call_is_held_until_the_door_opens() {
    let mut house = House::new();
    let sent = house.held(call("/")).await;
    assert_eq!(house.rings.try_next(), Some(Ring::Demand("web".into())));
    tokio::time::advance(Duration::from_secs(24)).await;
    assert!(house.inner.poll_request().is_pending());
    house.open();
    let (_, reply) = house.inner.next_request().await.unwrap();
    assert_eq!(house.gate.activity().active, 1);
    reply.send_response(Response::new(fed().1));
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    assert_eq!(house.counted(), [(Outcome::Served, 1)]);
    assert_eq!(house.holds(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_told_to_come_back_when_it_has_waited_long_enough() {
    let mut house = House::new();
    let began = Instant::now();
    let response = house.held(call("/")).await.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 25);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(text(response).await.contains("\"hold_timeout\""));
    assert_eq!(house.counted(), [(Outcome::HoldTimeout, 1)]);
    assert_eq!(house.gate.activity().held, 0);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_what_is_known_of_the_wake() {
    for (expected, told) in [(Some(40), "15"), (Some(10), "1"), (Some(600), "60"), (None, "1")] {
        let mut house = House::new();
        let view = View {
            phase: Phase::Waking,
            cause: Cause::Demand,
            waking_since: Some(Time::ZERO),
            expected: expected.map(Duration::from_secs),
            ..View::default()
        };
        house.gate.publish(view);
        let response = house.held(call("/")).await.await.unwrap().unwrap();
        assert_eq!(response.headers()["retry-after"], told, "{expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_browser_gets_the_page() {
    let mut house = House::new();
    let began = Instant::now();
    let response = house.held(visit("GET")).await.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(house.counted(), [(Outcome::Page, 1)]);
    let activity = house.gate.activity();
    assert_eq!((activity.held, activity.in_flight), (0, 0), "the page is not activity");
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"<!doctype html>") || first.starts_with(b"<!DOCTYPE html>"), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_need_not_wait_long_gets_no_page() {
    let mut house = House::new();
    let sent = house.held(visit("GET")).await;
    tokio::time::advance(Duration::from_millis(900)).await;
    house.open();
    let (_, reply) = house.inner.next_request().await.unwrap();
    // From here on it is as long as the service takes.
    tokio::time::advance(Duration::from_secs(30)).await;
    reply.send_response(Response::new(fed().1));
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_browser_before_a_door_that_has_opened_waits_for_its_turn() {
    let mut house = House::with(Limits { max_in_flight: Some(1), ..Limits::default() }, rule());
    let first = house.held(visit("GET")).await;
    let second = house.held(visit("GET")).await;
    tokio::time::advance(Duration::from_millis(900)).await;
    house.open();
    let (_, reply) = house.inner.next_request().await.unwrap();
    // Longer than a browser is held before a shut door.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!second.is_finished(), "it is on its way in");
    reply.send_response(Response::new(fed().1));
    drop(first.await.unwrap().unwrap());
    let (_, reply) = house.inner.next_request().await.unwrap();
    reply.send_response(Response::new(fed().1));
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    assert_eq!(house.counted(), [(Outcome::Served, 2)]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_held_by_the_limit_there_was_when_it_came() {
    let one = Limits { max_in_flight: Some(1), ..Limits::default() };
    let mut house = House::with(one.clone(), rule());
    let _first = house.held(visit("GET")).await;
    let (began, second) = (Instant::now(), house.held(visit("GET")).await);
    house.open();
    let _kept_waiting = house.inner.next_request().await.unwrap();
    let reloaded = Limits { hold_timeout: Duration::from_secs(2), ..one };
    house.gate.set_spec(Spec { limits: reloaded, ..Spec::new("web", Kind::Fixed) }.into());
    assert_eq!(second.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(began.elapsed(), Limits::default().hold_timeout);
}

#[tokio::test(start_paused = true)]
async fn head_gets_the_head_of_the_page() {
    let mut house = House::new();
    let response = house.held(visit("HEAD")).await.await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(text(response).await, "");
}

#[tokio::test(start_paused = true)]
async fn grpc_is_answered_in_its_own_words_within_its_deadline() {
    let mut house = House::new();
    let began = Instant::now();
    let response = house.held(grpc()).await.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_millis(), 500);
    assert_eq!(
        (response.status(), &response.headers()["grpc-status"]),
        (StatusCode::OK, &"14".parse().unwrap())
    );
    assert_eq!(house.counted(), [(Outcome::HoldTimeout, 1)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_wait_than_may() {
    let mut house = House::with(Limits { max_held: 1, ..Limits::default() }, rule());
    let _first = house.held(call("/")).await;
    for request in [call("/"), visit("GET")] {
        let response = house.send(request).await.unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
        assert!(text(response).await.contains("\"full\""));
    }
    let response = house.send(grpc()).await.unwrap().unwrap();
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(house.counted(), [(Outcome::Full, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_wake_ends_every_wait_at_once_with_its_public_reason() {
    let mut house = House::new();
    let mut waiting = Vec::new();
    for request in [call("/"), grpc(), visit("GET")] {
        waiting.push(house.held(request).await);
    }
    let began = Instant::now();
    house.fail();
    // Those who come later hear the same.
    waiting.extend([call("/"), grpc(), visit("GET")].map(|request| house.send(request)));
    for (place, sent) in waiting.into_iter().enumerate() {
        let response = sent.await.unwrap().unwrap();
        match place % 3 {
            0 => {
                assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
                let text = text(response).await;
                assert!(text.contains("It does not start.") && !text.contains("secret"), "{text}");
            }
            1 => assert_eq!(response.headers()["grpc-message"], "It does not start."),
            _ => assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8"),
        }
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(house.counted(), [(Outcome::WakeFailed, 6)]);
    assert_eq!(house.holds(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_wake_is_answered_at_once_and_rings_no_bell() {
    let own = Answer::new(StatusCode::NO_CONTENT);
    for (verdict, status) in [
        (Verdict::Counts, StatusCode::SERVICE_UNAVAILABLE),
        (Verdict::ServedIfAwake, StatusCode::SERVICE_UNAVAILABLE),
        (Verdict::AnsweredAsleep(own.into()), StatusCode::NO_CONTENT),
    ] {
        let rule = Rule { policy: Some(policy(verdict.clone())), ..rule() };
        let mut house = House::with(Limits::default(), rule);
        let response = house.send(call("/")).await.unwrap().unwrap();
        assert_eq!(response.status(), status, "{verdict:?}");
        assert_eq!(response.headers().contains_key("retry-after"), verdict.answer().is_none());
        assert_eq!(house.rings.try_next(), None, "{verdict:?}");
        assert_eq!(house.counted(), [(Outcome::AnsweredAsleep, 1)]);
        house.fail();
        assert_eq!(house.send(call("/")).await.unwrap().unwrap().status(), status);
        assert_eq!(house.rings.try_next(), None, "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_held_gives_the_place_free() {
    let mut house = House::with(Limits { max_held: 1, ..Limits::default() }, rule());
    let sent = house.held(call("/")).await;
    sent.abort();
    assert!(sent.await.is_err());
    assert_eq!(house.gate.activity().held, 0);
    assert_eq!(house.counted(), [(Outcome::Left, 1)]);
    assert_eq!(house.holds(), 1, "how long it had waited is recorded all the same");
    house.held(call("/")).await;
}

/// The answer frees the place in the ramp, not the end of the body.
#[tokio::test(start_paused = true)]
async fn the_next_goes_in_when_one_is_answered() {
    let mut house = House::new();
    let mut sent = Vec::new();
    for _ in 0..33 {
        sent.push(house.held(call("/")).await);
    }
    house.open();
    let mut replies = Vec::new();
    for _ in 0..32 {
        replies.push(house.inner.next_request().await.unwrap());
    }
    tokio::task::yield_now().await;
    assert!(house.inner.poll_request().is_pending());
    let (feeder, body) = fed();
    replies.remove(0).1.send_response(Response::new(body));
    let first = sent.remove(0).await.unwrap().unwrap();
    let next = tokio::time::timeout(Duration::from_secs(1), house.inner.next_request()).await;
    assert!(next.is_ok_and(|next| next.is_some()));
    assert_eq!(house.gate.activity().in_flight, 33, "the first body goes on");
    drop((first, feeder));
}

#[tokio::test(start_paused = true)]
async fn a_reload_does_not_touch_who_waits() {
    let mut house = House::new();
    let sent = house.held(call("/")).await;
    house.set(Rule { action: crate::route::Action::Respond(Answer::new(StatusCode::GONE)), ..rule() });
    assert_eq!(house.send(call("/")).await.unwrap().unwrap().status(), StatusCode::GONE);
    house.open();
    let (_, reply) = house.inner.next_request().await.unwrap();
    reply.send_response(Response::new(fed().1));
    assert_eq!(sent.await.unwrap().unwrap().status(), StatusCode::OK);
}
