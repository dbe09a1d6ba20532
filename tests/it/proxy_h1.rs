//! HTTP/1.1 on both sides: connections, bodies, trailers, breaks.

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use wakegate::model::Protocol;

use crate::proxy_kit::{
    Raw, ask, data, feed, front, full, get, h1_client, post, raw_upstream, soon, text, until, upstream,
};

#[tokio::test]
async fn a_connection_is_used_again() {
    let target = upstream(async |_| Response::new(full("hello"))).await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h1_client(address).await;
    for _ in 0..20 {
        let response = soon(client.send_request(get("/"))).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await, "hello");
        soon(client.ready()).await.unwrap();
    }
    assert_eq!(target.connections(), 1);
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn bodies_stream_both_ways_byte_by_byte() {
    let target =
        upstream(async |request| Response::new(request.into_body().map_err(Into::into).boxed_unsync())).await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let (sender, body) = feed();
    let mut response = ask(address, post("/", body)).await.into_body();
    for byte in b"not one byte waits for the next" {
        sender.send(Ok(Frame::data(Bytes::copy_from_slice(&[*byte])))).unwrap();
        assert_eq!(data(&mut response).await, [*byte].as_slice());
    }
    assert_eq!(gate.activity().in_flight, 1, "a response that has not ended counts");
    drop(sender);
    assert!(soon(response.frame()).await.is_none());
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let (events, body) = feed();
    let body = std::sync::Mutex::new(Some(body));
    let body = std::sync::Arc::new(body);
    let target = upstream(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async { Response::builder().header("content-type", "text/event-stream").body(body).unwrap() }
    })
    .await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let response = ask(address, get("/events")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        events.send(Ok(Frame::data(event.into()))).unwrap();
        assert_eq!(data(&mut body).await, event);
    }
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let target = upstream(async |request| {
        let sent = request.into_body().collect().await.unwrap();
        let check = sent.trailers().unwrap()["x-check"].clone();
        // Of a length that is not known before: otherwise there is no place for trailers in HTTP/1.1.
        let (sender, body) = feed();
        sender.send(Ok(Frame::data("answer".into()))).unwrap();
        let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-echo"), check)]);
        sender.send(Ok(Frame::trailers(trailers))).unwrap();
        Response::builder().header("trailer", "x-echo").body(body).unwrap()
    })
    .await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = Raw::connect(address).await;
    client
        .write(
            "POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\ntrailer: x-check\r\n\
             transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-check: 42\r\n\r\n",
        )
        .await;
    let answer = client.read_to("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let body = client.read_to("x-echo: 42\r\n\r\n").await;
    assert_eq!(body, "6\r\nanswer\r\n0\r\nx-echo: 42\r\n\r\n");
}

#[tokio::test]
async fn a_response_that_breaks_off_is_seen_to_break_off() {
    for head in ["content-length: 10\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let target = raw_upstream(move |stream, _| async move {
            let mut stream = Raw::new(stream);
            stream.read_to("\r\n\r\n").await;
            stream.write(&format!("HTTP/1.1 200 OK\r\n{head}")).await;
        })
        .await;
        let (address, gate) = front(Protocol::Http1, &[target.address]).await;
        let broken = ask(address, get("/")).await.into_body().collect();
        assert!(soon(broken).await.is_err(), "{head}");
        until(|| gate.activity().in_flight == 0).await;
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on() {
    let target = upstream(async |request| {
        assert!(!request.headers().contains_key("expect"));
        Response::new(request.into_body().map_err(Into::into).boxed_unsync())
    })
    .await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = Raw::connect(address).await;
    client.write("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n").await;
    assert_eq!(client.read_to("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello").await;
    let head = client.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    client.read_to("hello").await;
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_passes() {
    let target = upstream(async |_| Response::builder().status(413).body(full("too large")).unwrap()).await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let (sender, body) = feed();
    let response = ask(address, post("/", body)).await;
    assert_eq!(response.status(), 413);
    assert_eq!(text(response).await, "too large");
    drop(sender);
}

#[tokio::test]
async fn an_old_client_gets_a_body_that_ends_with_its_connection() {
    let target = upstream(async |request| {
        assert_eq!(request.version(), http::Version::HTTP_11);
        Response::new(request.into_body().map_err(Into::into).boxed_unsync())
    })
    .await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = Raw::connect(address).await;
    client.write("POST / HTTP/1.0\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello").await;
    let answer = client.read_all().await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert!(!answer.contains("chunked"), "{answer}");
}

#[tokio::test]
async fn a_head_request_gets_the_length_and_no_body() {
    let target = upstream(async |_| Response::new(full("hello"))).await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h1_client(address).await;
    for _ in 0..2 {
        let mut request = get("/");
        *request.method_mut() = http::Method::HEAD;
        let response = soon(client.send_request(request)).await.unwrap();
        assert_eq!(response.headers()["content-length"], "5");
        assert_eq!(text(response).await, "");
        soon(client.ready()).await.unwrap();
    }
    assert_eq!(target.connections(), 1);
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_used_again_by_many_at_once() {
    let target = upstream(async |_| Response::new(full("hello"))).await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = h1_client(address).await;
                for _ in 0..250 {
                    let response = soon(client.send_request(get("/"))).await.unwrap();
                    assert_eq!(text(response).await, "hello");
                    soon(client.ready()).await.unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    until(|| gate.activity().in_flight == 0).await;
    // Eight at once need eight; a few more where an answer overtakes its connection's coming back.
    assert!(target.connections() <= 40, "{} for 2000 requests", target.connections());
}
