//! What a request to an awake service costs the whole gateway in allocations, over real sockets: connection, routing,
//! header rules, proxy. Counted on the one thread that the gateway runs on; client and service have others.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use allocation_counter::measure;
use tokio::sync::oneshot;
use wakegate::clock::Clock;
use wakegate::config::Config;
use wakegate::gateway::{Gateway, Stop};
use wakegate::net::TokioNet;

/// What a GET without a body costs, answered with 100 bytes. A change that makes it more has to say why.
const A_REQUEST: f64 = 19.0;
/// What else goes on meanwhile: timers, counters, the growth of what is kept.
const TOLERANCE: f64 = 0.5;

const REQUESTS: u32 = 1_000;
const ROUTES: usize = 100;

fn configuration(upstream: SocketAddr) -> String {
    let mut text = format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nservices: {{ web: {{ upstream: 'http://{upstream}' }} }}\nroutes:\n"
    );
    for route in 0..ROUTES {
        writeln!(
            text,
            "  - {{ host: env-{route}.example.com, path: /*, service: web, request_headers: {{ set: {{ x-environment: env-{route} }} }}, response_headers: {{ set: {{ x-served-by: wakegate }} }} }}"
        )
        .expect("a text takes all");
    }
    text
}

/// Answers whatever comes on each connection.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{:100}", "");
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Asks so many times, each time waiting for the whole answer.
fn ask(stream: &mut TcpStream, times: u32) {
    let request = format!(
        "GET /carts/7?page=2 HTTP/1.1\r\nhost: env-{}.example.com\r\nuser-agent: a client\r\naccept: */*\r\n\r\n",
        ROUTES - 1
    );
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    for _ in 0..times {
        stream.write_all(request.as_bytes()).expect("the gateway takes it");
        answer.clear();
        while !answer.ends_with(&[b' '; 100]) {
            let count = stream.read(&mut piece).expect("the gateway answers");
            assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&piece[..count]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn a_request_through_the_whole_gateway_costs_so_many_allocations() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let plan = Config::text("allocations", configuration(service())).load().expect("it is valid");
    let (stop, stopped) = oneshot::channel::<Stop>();
    let (address, gateway) = runtime.block_on(async {
        let gateway = Gateway::bind(plan, Arc::new(TokioNet), Clock::start(), |_| [].into());
        let gateway = gateway.await.expect("its port is free");
        let address = gateway.addresses()[0];
        (address, tokio::spawn(gateway.run(async { stopped.await.unwrap_or(Stop::Now) })))
    });

    let (warm, warmed) = oneshot::channel();
    let (go, gone) = std::sync::mpsc::channel();
    let (end, ended) = oneshot::channel();
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        ask(&mut stream, 100);
        warm.send(()).expect("it is waited for");
        gone.recv().expect("it begins");
        ask(&mut stream, REQUESTS);
        end.send(()).expect("it is waited for");
    });
    runtime.block_on(warmed).expect("the client has begun");
    go.send(()).expect("the client waits");
    let counted = measure(|| runtime.block_on(ended).expect("the client ends"));
    let each = counted.count_total as f64 / f64::from(REQUESTS);
    println!("{each} allocations a request");
    assert!((each - A_REQUEST).abs() <= TOLERANCE, "{each} allocations a request, not {A_REQUEST}");

    client.join().expect("the client was answered");
    stop.send(Stop::Now).expect("the gateway runs");
    runtime.block_on(gateway).expect("it does not panic").expect("it ends well");
}
