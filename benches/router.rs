//! How long a route lookup takes, by the number of routes. It must not grow with the number of hosts.
//!
//! `cargo bench --bench router`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::Request;
use wakegate::route::{Head, HostPattern, Matcher, PathPattern, Policy, Router};

fn router(size: usize, wildcard: bool) -> Router<usize> {
    let star = if wildcard { "*." } else { "" };
    let entry = |index: usize| {
        let hosts = HostPattern::new(&format!("{star}env-{index}.demo.example.com")).into_iter().collect();
        let paths = PathPattern::new("/api/*").into_iter().collect();
        (Matcher { hosts, paths, ..Matcher::default() }, index)
    };
    Router::new((0..size).map(entry).collect())
}

fn lookups(criterion: &mut Criterion) {
    let peer = [192, 0, 2, 1].into();
    let mut group = criterion.benchmark_group("find");
    for (kind, wildcard) in [("exact", false), ("wildcard", true)] {
        for size in [10, 1_000, 10_000] {
            let router = router(size, wildcard);
            let under = if wildcard { "shop." } else { "" };
            let host = format!("{under}env-{}.demo.example.com:8080", size / 2);
            let request = Request::get("/api/carts?page=2").header("host", host).body(());
            let Ok(request) = request else { return };
            assert_eq!(router.find(&Head::of(&request, peer)), Ok(Some(&(size / 2))));
            group.bench_with_input(BenchmarkId::new(kind, size), &router, |bencher, router| {
                bencher.iter(|| router.find(&Head::of(black_box(&request), peer)));
            });
        }
    }
    group.finish();

    let policy = Policy::default();
    let browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
                   Safari/537.36";
    let Ok(request) = Request::get("/api/carts").header("user-agent", browser).body(()) else { return };
    criterion.bench_function("preset/browser", |bencher| {
        bencher.iter(|| policy.verdict(&Head::of(black_box(&request), peer)));
    });
}

criterion_group!(benches, lookups);
criterion_main!(benches);
