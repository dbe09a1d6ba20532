//! HTTP/2 on either side, and gRPC, which needs it on both.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use wakegate::model::Protocol;

use crate::proxy_kit::{
    Nobody, TestBody, ask, data, feed, front, full, get, h2_client, h2_upstream, soon, text, until, upstream,
};

/// A gRPC message: not compressed, its length, its bytes.
fn message(text: &str) -> Bytes {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.into()
}

fn call(path: &str, body: TestBody) -> Request<TestBody> {
    Request::post(format!("http://shop.example{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

fn ok() -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))])
}

#[tokio::test]
async fn http_2_in_front_of_http_1() {
    let target = upstream(async |request| {
        assert_eq!(request.version(), Version::HTTP_11);
        Response::new(request.into_body().map_err(Into::into).boxed_unsync())
    })
    .await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h2_client(address).await;
    for text_sent in ["one", "two"] {
        let request = Request::post("http://shop.example/").body(full(text_sent)).unwrap();
        let response = soon(client.send_request(request)).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(text(response).await, text_sent);
    }
    until(|| gate.activity().in_flight == 0).await;
    assert_eq!(target.connections(), 1);
}

#[tokio::test]
async fn http_1_in_front_of_http_2() {
    let target = h2_upstream(100, false, async |request| {
        assert_eq!(request.version(), Version::HTTP_2);
        Response::new(request.into_body().map_err(Into::into).boxed_unsync())
    })
    .await;
    let (address, gate) = front(Protocol::H2, &[target.address]).await;
    for _ in 0..5 {
        let request = Request::post("/").header("host", "a").body(full("hello")).unwrap();
        assert_eq!(text(ask(address, request).await).await, "hello");
    }
    assert_eq!(target.connections(), 1, "all share one connection");
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn a_grpc_call_passes_with_its_trailers() {
    let target = h2_upstream(100, false, async |request| {
        assert_eq!(request.headers()["te"], "trailers");
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(sent, message("hello"));
        let body = full(message("hello yourself")).with_trailers(async { Some(Ok(ok())) });
        Response::builder().header("content-type", "application/grpc").body(body.boxed_unsync()).unwrap()
    })
    .await;
    let (address, _gate) = front(Protocol::H2, &[target.address]).await;
    let mut client = h2_client(address).await;
    let response = soon(client.send_request(call("/Greeter/Hello", full(message("hello"))))).await.unwrap();
    let answer = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(answer.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(answer.to_bytes(), message("hello yourself"));
}

#[tokio::test]
async fn grpc_streams_both_ways_at_once() {
    let target = h2_upstream(100, false, async |request| {
        // The head of the response comes before the request has ended.
        let body = request.into_body().map_err(Into::into).with_trailers(async { Some(Ok(ok())) });
        Response::new(body.boxed_unsync())
    })
    .await;
    let (address, gate) = front(Protocol::H2, &[target.address]).await;
    let mut client = h2_client(address).await;
    let (sender, body) = feed();
    let mut answer = soon(client.send_request(call("/Chat/Talk", body))).await.unwrap().into_body();
    for text in ["a", "bc", "def"] {
        sender.send(Ok(Frame::data(message(text)))).unwrap();
        assert_eq!(data(&mut answer).await, message(text));
    }
    assert_eq!(gate.activity().in_flight, 1);
    drop(sender);
    let end = soon(answer.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(end["grpc-status"], "0");
    drop(answer);
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn a_grpc_call_that_fails_is_told_so_in_grpcs_words() {
    let (gate, _rings) = crate::proxy_kit::gate(|spec| {
        spec.protocol = Protocol::H2;
        spec.limits.hold_timeout = std::time::Duration::from_millis(20);
    });
    let nobody = Nobody::new();
    crate::proxy_kit::open(&gate, &[nobody.address]);
    let address = crate::proxy_kit::front_of(&gate).await;
    let mut client = h2_client(address).await;
    let response = soon(client.send_request(call("/Greeter/Hello", full(message("hello"))))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "14");
    assert!(!response.headers()["grpc-message"].is_empty());
}

#[tokio::test]
async fn a_full_connection_is_joined_by_another() {
    let go = Arc::new(Semaphore::new(0));
    let wait = go.clone();
    let target = h2_upstream(2, false, move |_| {
        let wait = wait.clone();
        async move {
            wait.acquire().await.unwrap().forget();
            Response::new(full("done"))
        }
    })
    .await;
    let (address, gate) = front(Protocol::H2, &[target.address]).await;
    // The first answer brings the target's bound along, and the next request finds it there.
    go.add_permits(2);
    for _ in 0..2 {
        assert_eq!(text(ask(address, get("/")).await).await, "done");
    }
    let waiting: Vec<_> = (0..5).map(|_| tokio::spawn(ask(address, get("/")))).collect();
    until(|| gate.activity().in_flight == 5 && target.connections() == 3).await;
    go.add_permits(5);
    for one in waiting {
        assert_eq!(text(soon(one).await.unwrap()).await, "done");
    }
    assert_eq!(target.connections(), 3);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_seen_to_break_off() {
    let (sender, body) = feed();
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let target = h2_upstream(100, false, move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async { Response::new(body) }
    })
    .await;
    let (address, _gate) = front(Protocol::H2, &[target.address]).await;
    let mut client = h2_client(address).await;
    let request = Request::get("http://shop.example/").body(full("")).unwrap();
    let mut answer = soon(client.send_request(request)).await.unwrap().into_body();
    sender.send(Ok(Frame::data("half".into()))).unwrap();
    assert_eq!(data(&mut answer).await, "half");
    sender.send(Err(std::io::Error::other("on purpose"))).unwrap();
    assert!(soon(answer.frame()).await.unwrap().is_err());
}
