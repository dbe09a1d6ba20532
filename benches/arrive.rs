//! What it takes to put a request's way here in order before it is routed: what clients say of themselves dropped, the
//! service told who came, trace headers made or kept.
//!
//! `cargo bench --bench arrive`
#![expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::Request;
use wakegate::peer::{Peer, Scheme, TrustedProxies};
use wakegate::proxy::{arrive, trace::Traces};

const TRACE: [(&str, &str); 2] = [
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678"),
];

/// A browser's request that came by this peer, with these fields besides.
fn request(peer: &Peer, more: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get("/carts/7?page=2")
        .header("host", "shop.example.com")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
        .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
        .header("accept-language", "en-US,en;q=0.5")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("cookie", "session=0123456789abcdef0123456789abcdef")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-mode", "navigate")
        .extension(peer.clone());
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a plain request")
}

fn bench(criterion: &mut Criterion) {
    let proxies = TrustedProxies::new(["10.0.0.0/8".parse().expect("a range")]);
    let direct = Peer::new(([192, 0, 2, 1], 5000).into(), Scheme::Https);
    let balancer = Peer::new(([10, 0, 0, 1], 5000).into(), Scheme::Http).trusted_if(&proxies);
    let told =
        [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "443")];
    let told = [&told[..], &TRACE[1..]].concat();
    let mut group = criterion.benchmark_group("arrive");
    for (name, peer, more, traces) in [
        ("direct, traces kept", &direct, &TRACE[..], Traces::Make),
        ("direct, no traces", &direct, &[], Traces::Keep),
        ("direct, traces made", &direct, &[], Traces::Make),
        ("by a trusted balancer", &balancer, &told, Traces::Make),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || request(peer, more),
                |mut request| {
                    arrive(&mut request).expect("a request like any other");
                    traces.apply(&mut request);
                    black_box(request)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
