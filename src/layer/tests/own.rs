//! What the layer answers without the service.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::kit::{House, call, grpc, rule, text};
use crate::meter::Outcome;
use crate::model::Limits;
use crate::route::{Action, Answer, HostPattern, Matcher, Redirect, Rule};

#[tokio::test(start_paused = true)]
async fn no_route_is_a_404_that_repeats_nothing() {
    let hosts = vec![HostPattern::new("other.example").unwrap()];
    let rule = Rule { matcher: Matcher { hosts, ..Matcher::default() }, ..rule() };
    let mut house = House::with(Limits::default(), rule);
    let response = house.send(call("/wp-admin")).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let body = text(response).await;
    assert!(body.contains("\"no_route\"") && !body.contains("wp-admin"), "{body}");
    let response = house.send(grpc()).await.unwrap().unwrap();
    assert_eq!(response.headers()["grpc-status"], "12");
    assert_eq!(house.unmatched(Outcome::NotFound), 2);
    assert_eq!(house.counted(), []);
}

#[tokio::test(start_paused = true)]
async fn a_route_to_a_service_that_is_gone_fails() {
    let rule = Rule { action: Action::Service("gone".into()), ..rule() };
    let mut house = House::with(Limits::default(), rule);
    let response = house.send(call("/")).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(house.counted(), [(Outcome::WakeFailed, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_and_a_fixed_answer_need_no_service() {
    let to = Redirect::new("https://new.example{path}{query}", 308, &[]).unwrap();
    let mut house = House::with(Limits::default(), Rule { action: Action::Redirect(to), ..rule() });
    let response = house.send(call("/a?b=c")).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], "https://new.example/a?b=c");
    assert_eq!(text(response).await, "");

    let mut answer = Answer::new(StatusCode::IM_A_TEAPOT);
    answer.headers.insert("x-pot", HeaderValue::from_static("short"));
    answer.body = Bytes::from_static(b"stout");
    house.set(Rule { action: Action::Respond(answer), ..rule() });
    let response = house.send(call("/")).await.unwrap().unwrap();
    assert_eq!(
        (response.status(), &response.headers()["x-pot"]),
        (StatusCode::IM_A_TEAPOT, &HeaderValue::from_static("short"))
    );
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(5));
    assert_eq!(text(response).await, "stout");

    assert_eq!(house.counted(), [(Outcome::Redirect, 1), (Outcome::Fixed, 1)]);
    assert_eq!(house.rings.try_next(), None);
}
