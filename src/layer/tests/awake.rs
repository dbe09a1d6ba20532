use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body_util::BodyExt;
use regex::Regex;
use tower_service::Service;

use super::kit::{House, call, fed, policy, rule, text};
use crate::gate::{Pass, Unserved};
use crate::meter::Outcome;
use crate::model::Limits;
use crate::route::{Answer, HeaderChanges, PathRewrite, Rewrite, Rule, Verdict};

fn rewriting(rewrite: Rewrite) -> Rule {
    Rule { rewrite, ..rule() }
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_the_service_with_its_pass_and_counts_until_its_body_has_ended() {
    let mut house = House::new();
    house.open();
    let sent = house.send(call("/carts?page=2"));
    let (request, reply) = house.inner.next_request().await.unwrap();
    assert_eq!(request.uri(), "/carts?page=2");
    let pass = request.extensions().get::<Arc<Pass>>().unwrap();
    assert_eq!(pass.target().instance, "1".into());
    drop(request);

    let (feeder, body) = fed();
    reply.send_response(Response::new(body));
    let response = sent.await.unwrap().unwrap();
    assert_eq!(house.counted(), [(Outcome::Served, 1)]);
    assert_eq!(house.gate.activity().active, 1, "its body goes on");
    let mut body = response.into_body();
    feeder.send(Ok(Bytes::from_static(b"a film"))).unwrap();
    body.frame().await.unwrap().unwrap();
    assert_eq!(house.gate.activity().active, 1);
    drop(feeder);
    assert!(body.frame().await.is_none());
    assert_eq!(house.gate.activity().active, 0, "though the body is still there");
    assert_eq!(house.holds(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_answer_is_counted_and_keeps_nothing_awake() {
    let mut house = House::new();
    house.open();
    let sent = house.send(call("/"));
    let (request, _reply) = house.inner.next_request().await.unwrap();
    drop(request);
    assert_eq!(house.gate.activity().in_flight, 1);
    sent.abort();
    assert!(sent.await.is_err());
    assert_eq!(house.gate.activity().in_flight, 0);
    assert_eq!(house.counted(), [(Outcome::Left, 1)]);

    drop(house.wake.call(call("/")));
    assert_eq!(house.gate.activity().in_flight, 0);
    assert_eq!(house.counted(), [(Outcome::Left, 2)], "never polled");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_is_waited_for_inside_the_request() {
    let mut house = House::new();
    house.open();
    house.inner.allow(0);
    std::future::poll_fn(|cx| house.wake.poll_ready(cx)).await.unwrap();
    let sent = house.send(call("/"));
    tokio::task::yield_now().await;
    assert!(house.inner.poll_request().is_pending());
    assert_eq!(house.gate.activity().active, 1, "it is on its way: the service stays awake");
    house.inner.allow(1);
    let (_, reply) = house.inner.next_request().await.unwrap();
    reply.send_response(Response::new(fed().1));
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_service_pass_through_and_are_counted() {
    let mut house = House::new();
    house.open();
    let sent = house.send(call("/"));
    let (request, reply) = house.inner.next_request().await.unwrap();
    drop(request);
    reply.send_error("broken");
    assert_eq!(sent.await.unwrap().unwrap_err().to_string(), "broken");

    house.inner.send_error("never ready");
    let sent = house.send(call("/"));
    assert_eq!(sent.await.unwrap().unwrap_err().to_string(), "never ready");
    assert_eq!(house.counted(), [(Outcome::Upstream, 2)]);
    assert_eq!(house.gate.activity().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_inner_service_made_up_is_not_counted_as_served() {
    let mut house = House::new();
    house.open();
    for unserved in [Unserved::NoAnswer, Unserved::BadRequest] {
        let sent = house.send(call("/"));
        let (_, reply) = house.inner.next_request().await.unwrap();
        let mut response = Response::new(fed().1);
        response.extensions_mut().insert(unserved);
        reply.send_response(response);
        sent.await.unwrap().unwrap();
    }
    assert_eq!(house.counted(), [(Outcome::Upstream, 1), (Outcome::BadRequest, 1)]);
}

#[tokio::test(start_paused = true)]
async fn only_what_the_policy_says_keeps_the_service_awake() {
    let asleep = Verdict::AnsweredAsleep(Answer::new(http::StatusCode::NO_CONTENT).into());
    for (verdict, counts) in
        [(Verdict::Wakes, 1), (Verdict::Counts, 1), (Verdict::ServedIfAwake, 0), (asleep, 0)]
    {
        let rule = Rule { policy: Some(policy(verdict)), ..rule() };
        let mut house = House::with(Limits::default(), rule);
        house.open();
        let sent = house.send(call("/"));
        let (_request, reply) = house.inner.next_request().await.unwrap();
        assert_eq!((house.gate.activity().in_flight, house.gate.activity().active), (1, counts));
        reply.send_response(Response::new(fed().1));
        sent.await.unwrap().unwrap();
        assert_eq!(house.counted(), [(Outcome::Served, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_route_changes_the_request_and_the_answer() {
    let name = |name| HeaderName::from_static(name);
    let set = |header, value| HeaderChanges {
        set: vec![(name(header), HeaderValue::from_static(value))],
        ..HeaderChanges::default()
    };
    let rewrite = Rewrite {
        strip_prefix: Some("/api".into()),
        request_headers: set("x-tenant", "acme"),
        response_headers: set("x-served-by", "wakegate"),
        ..Rewrite::default()
    };
    // Held or not, it is the same way.
    for first_open in [true, false] {
        let mut house = House::with(Limits::default(), rewriting(rewrite.clone()));
        if first_open {
            house.open();
        }
        let sent = house.send(call("/api/carts?page=2"));
        if !first_open {
            house.until(|house| house.gate.activity().held == 1).await;
            house.open();
        }
        let (request, reply) = house.inner.next_request().await.unwrap();
        assert_eq!(request.uri(), "/carts?page=2");
        assert_eq!(request.headers()["x-tenant"], "acme");
        assert!(request.extensions().get::<Arc<Pass>>().is_some());
        reply.send_response(Response::new(fed().1));
        assert_eq!(sent.await.unwrap().unwrap().headers()["x-served-by"], "wakegate");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_cannot_be_sent_is_refused() {
    let path = PathRewrite { regex: Regex::new("^/old").unwrap(), replace: "/a b".into() };
    let rewrite = Rewrite { path: Some(path), ..Rewrite::default() };
    for first_open in [true, false] {
        let mut house = House::with(Limits::default(), rewriting(rewrite.clone()));
        if first_open {
            house.open();
        }
        let sent = house.send(call("/old"));
        if !first_open {
            house.until(|house| house.gate.activity().held == 1).await;
            house.open();
        }
        let response = sent.await.unwrap().unwrap();
        assert_eq!(response.status(), 400);
        assert!(text(response).await.contains("\"bad_request\""));
        assert_eq!(house.counted(), [(Outcome::BadRequest, 1)]);
        assert_eq!(house.gate.activity().in_flight, 0);
        assert!(house.inner.poll_request().is_pending());
    }
}
