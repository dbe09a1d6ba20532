//! Targets that are not there, go away, or die with a request on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use tokio::sync::{Semaphore, oneshot};
use wakegate::model::{Fault, Protocol};

use crate::proxy_kit::{
    Nobody, Raw, Upstream, ask, front, front_of, full, gate, get, h1_client, h2_client, h2_upstream, open,
    post, raw_upstream, soon, suspected, text, until, upstream,
};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_target_that_takes_no_connection_is_passed_over_and_reported() {
    let target = upstream(async |_| Response::new(full("hello"))).await;
    let dead = Nobody::new();
    let (gate, mut rings) = gate(|_| {});
    open(&gate, &[dead.address, target.address]);
    let address = front_of(&gate).await;
    // By turns, one of these begins at the dead one.
    for _ in 0..2 {
        assert_eq!(text(ask(address, post("/", full("body"))).await).await, "hello");
    }
    assert_eq!(suspected(&mut rings).await.address, dead.address.into());
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn with_all_targets_gone_the_request_waits_and_is_served() {
    for protocol in [Protocol::Http1, Protocol::H2] {
        let (gate, mut rings) = gate(|spec| spec.protocol = protocol);
        let nobody = Nobody::new();
        open(&gate, &[nobody.address]);
        let address = front_of(&gate).await;
        let waiting = tokio::spawn(ask(address, post("/", full("precious"))));
        suspected(&mut rings).await;
        // What the driver does when a probe has failed too, and later when the service is back.
        gate.shut();
        until(|| gate.activity().held == 1).await;
        let echo = async |request: http::Request<hyper::body::Incoming>| {
            use http_body_util::BodyExt;
            Response::new(request.into_body().map_err(Into::into).boxed_unsync())
        };
        let target = match protocol {
            Protocol::Http1 => upstream(echo).await,
            Protocol::H2 => h2_upstream(100, false, echo).await,
        };
        open(&gate, &[target.address]);
        assert_eq!(text(soon(waiting).await.unwrap()).await, "precious");
        until(|| gate.activity().in_flight == 0).await;
    }
}

#[tokio::test]
async fn a_target_that_comes_back_by_itself_serves_those_who_waited() {
    // One place at the one target, which the request itself holds: it must not wait for itself.
    let (gate, mut rings) = gate(|spec| spec.limits.max_in_flight = Some(1));
    let target = Nobody::new();
    open(&gate, &[target.address]);
    let address = front_of(&gate).await;
    let waiting = tokio::spawn(ask(address, get("/")));
    suspected(&mut rings).await;
    let listener = target.listen();
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut stream = Raw::new(stream);
    stream.read_to("\r\n\r\n").await;
    stream.write(ANSWER).await;
    assert_eq!(text(soon(waiting).await.unwrap()).await, "hello");
}

#[tokio::test]
async fn the_wait_ends_in_time_or_with_the_reason() {
    let (gate, mut rings) = gate(|spec| spec.limits.hold_timeout = Duration::from_millis(50));
    let nobody = Nobody::new();
    open(&gate, &[nobody.address]);
    let address = front_of(&gate).await;
    let response = ask(address, get("/")).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert!(text(response).await.contains("still waking up"));

    gate.set_spec({
        let mut spec = (*gate.spec()).clone();
        spec.limits.hold_timeout = Duration::from_secs(60);
        spec.into()
    });
    while rings.try_next().is_some() {}
    let waiting = tokio::spawn(ask(address, get("/")));
    suspected(&mut rings).await;
    gate.shut();
    until(|| gate.activity().held == 1).await;
    gate.fail(&Fault::new("exit code 1"));
    let response = soon(waiting).await.unwrap();
    assert_eq!(response.status(), 502);
    let answer = text(response).await;
    assert!(answer.contains("did not start") && !answer.contains("exit code"), "{answer}");
    until(|| gate.activity().in_flight == 0).await;
}

/// Answers the first request of its first connection, and dies with the second one on it. Counts requests.
async fn dies_at_the_second() -> (Upstream, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    let target = raw_upstream(move |stream, number| {
        let count = count.clone();
        async move {
            let mut stream = Raw::new(stream);
            for turn in 0.. {
                if stream.try_read_to("\r\n\r\n").await.is_none() {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                if number == 0 && turn == 1 {
                    return;
                }
                stream.write(ANSWER).await;
            }
        }
    })
    .await;
    (target, requests)
}

#[tokio::test]
async fn a_get_on_a_connection_that_dies_is_sent_again() {
    let (target, requests) = dies_at_the_second().await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    for _ in 0..3 {
        assert_eq!(text(ask(address, get("/")).await).await, "hello");
    }
    assert_eq!((target.connections(), requests.load(Ordering::SeqCst)), (2, 4));
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn a_post_that_was_written_is_not_sent_again() {
    let (target, requests) = dies_at_the_second().await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    assert_eq!(ask(address, get("/")).await.status(), 200);
    let response = ask(address, post("/", full("order"))).await;
    assert_eq!(response.status(), 502);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    // Without a body it is a POST all the same.
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_post_that_was_not_written_is_sent_elsewhere() {
    let (closed, seen) = oneshot::channel();
    let closed = std::sync::Mutex::new(Some(closed));
    let target = raw_upstream(move |stream, number| {
        let closed = if number == 0 { closed.lock().unwrap().take() } else { None };
        async move {
            let mut stream = Raw::new(stream);
            stream.read_to("\r\n\r\n").await;
            stream.write(ANSWER).await;
            let Some(closed) = closed else { return };
            let mut stream = stream.into_stream();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
            // The proxy has let go as well.
            Raw::new(stream).read_all().await;
            closed.send(()).unwrap();
        }
    })
    .await;
    let (address, _gate) = front(Protocol::Http1, &[target.address]).await;
    assert_eq!(text(ask(address, get("/")).await).await, "hello");
    soon(seen).await.unwrap();
    assert_eq!(text(ask(address, post("/", full("order"))).await).await, "hello");
    assert_eq!(target.connections(), 2);
}

#[tokio::test]
async fn a_get_goes_to_another_target_when_a_new_connection_dies_too() {
    let target = upstream(async |_| Response::new(full("hello"))).await;
    let broken = raw_upstream(|stream, _| async move {
        Raw::new(stream).read_to("\r\n\r\n").await;
    })
    .await;
    let (address, gate) = front(Protocol::Http1, &[broken.address, target.address]).await;
    for _ in 0..2 {
        assert_eq!(text(ask(address, get("/")).await).await, "hello");
    }
    let before = broken.connections();
    assert_ne!(before, 0);
    until(|| gate.activity().in_flight == 0).await;

    let (address, _gate) = front(Protocol::Http1, &[broken.address]).await;
    assert_eq!(ask(address, get("/")).await.status(), 502);
    // The last of them may have been on its way out: once more, after a pause. Then it is the request's turn to end.
    assert_eq!(broken.connections(), before + 2);
}

#[tokio::test]
async fn a_request_with_a_broken_body_is_the_clients_fault() {
    let target = upstream(async |request| {
        use http_body_util::BodyExt;
        assert!(request.into_body().collect().await.is_err());
        Response::new(full(""))
    })
    .await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = Raw::connect(address).await;
    client
        .write("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nffffffffffffffff1\r\n")
        .await;
    let head = client.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn shutting_the_gate_closes_idle_connections() {
    let (closed, seen) = oneshot::channel();
    let closed = std::sync::Mutex::new(Some(closed));
    let target = raw_upstream(move |stream, _| {
        let closed = closed.lock().unwrap().take().unwrap();
        async move {
            let mut stream = Raw::new(stream);
            stream.read_to("\r\n\r\n").await;
            stream.write(ANSWER).await;
            assert!(stream.try_read_to("\r\n\r\n").await.is_none());
            closed.send(()).unwrap();
        }
    })
    .await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    assert_eq!(text(ask(address, get("/")).await).await, "hello");
    until(|| gate.activity().in_flight == 0).await;
    assert_eq!(gate.shut(), 0);
    soon(seen).await.unwrap();
}

#[tokio::test]
async fn shutting_the_gate_closes_shared_connections() {
    let (closed, seen) = oneshot::channel();
    let closed = Arc::new(std::sync::Mutex::new(Some(closed)));
    let target = raw_upstream(move |stream, _| {
        let closed = closed.lock().unwrap().take().unwrap();
        async move {
            let service = hyper::service::service_fn(async |_| {
                Ok::<_, std::convert::Infallible>(Response::new(full("hello")))
            });
            let builder = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
            drop(builder.serve_connection(hyper_util::rt::TokioIo::new(stream), service).await);
            closed.send(()).unwrap();
        }
    })
    .await;
    let (address, gate) = front(Protocol::H2, &[target.address]).await;
    assert_eq!(text(ask(address, get("/")).await).await, "hello");
    until(|| gate.activity().in_flight == 0).await;
    gate.shut();
    soon(seen).await.unwrap();
}

#[tokio::test]
async fn targets_share_the_load_by_requests_in_flight() {
    let go = Arc::new(Semaphore::new(0));
    let counts: [Arc<AtomicUsize>; 2] = Default::default();
    let mut targets = Vec::new();
    for count in &counts {
        let (count, go) = (count.clone(), go.clone());
        targets.push(
            upstream(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                let go = go.clone();
                async move {
                    go.acquire().await.unwrap().forget();
                    Response::new(full(""))
                }
            })
            .await,
        );
    }
    let addresses: Vec<_> = targets.iter().map(|target| target.address).collect();
    let (address, gate) = front(Protocol::Http1, &addresses).await;
    let mut client = h2_client(address).await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let request = http::Request::get("http://a/").body(full("")).unwrap();
        waiting.push(tokio::spawn(client.send_request(request)));
    }
    let arrived = || counts.iter().map(|count| count.load(Ordering::SeqCst)).sum::<usize>();
    until(|| arrived() == 10).await;
    assert_eq!(counts.each_ref().map(|count| count.load(Ordering::SeqCst)), [5, 5]);
    go.add_permits(10);
    for one in waiting {
        assert_eq!(soon(one).await.unwrap().unwrap().status(), 200);
    }
    until(|| gate.activity().in_flight == 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_target() {
    let (left, seen) = oneshot::channel();
    let left = std::sync::Mutex::new(Some(left));
    let target = raw_upstream(move |stream, _| {
        let left = left.lock().unwrap().take().unwrap();
        async move {
            let mut stream = Raw::new(stream);
            stream.read_to("\r\n\r\n").await;
            stream.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
            stream.read_all().await;
            left.send(()).unwrap();
        }
    })
    .await;
    let (address, gate) = front(Protocol::Http1, &[target.address]).await;
    let mut client = h1_client(address).await;
    let mut response = soon(client.send_request(get("/"))).await.unwrap();
    assert_eq!(crate::proxy_kit::data(response.body_mut()).await, "hello");
    drop((response, client));
    soon(seen).await.unwrap();
    until(|| gate.activity().in_flight == 0).await;
}
