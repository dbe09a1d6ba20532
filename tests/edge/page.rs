//! What the gateway says itself: the headers that keep its page and its problems out of caches, frames and search
//! engines, and nothing of the request in any of it.

use http::Request;
use serde_json::json;

use crate::binary_kit::{Answer, Gateway, Scene, config, get, merge, navigation};
use crate::binary_service::BOOT;
use crate::proxy_kit::{Raw, TestBody, full};

/// What a script, a link or an address would be made of.
const HOSTILE: &str = "zq\"'><svg onload=alert(1)>zq";

/// A gateway whose service never wakes and whose page comes at once.
async fn start(scene: &Scene) -> Gateway {
    let mut config = config([("web", scene.service("web", &[(BOOT, "never")], json!({})))]);
    let limits = json!({ "page_after": "10ms", "hold_timeout": "100ms" });
    merge(&mut config, json!({ "defaults": limits, "page": { "detail": "services" } }));
    config["routes"] = json!([
        { "path": "/to/https/*", "host": "shop.example",
          "redirect": { "to": "https://{host}{path}{query}", "status": 308 } },
        { "path": "/to/self/*", "redirect": { "to": "{path}{query}", "status": 302 } },
        { "path": "/nobody/*", "respond": { "status": 404 } },
        { "host": ["shop.example", "*.zq.example"], "service": "web" },
    ]);
    scene.start(&config).await
}

fn is_for_this_moment_alone(answer: &Answer) {
    for name in ["cache-control", "cdn-cache-control", "surrogate-control"] {
        assert_eq!(answer.header(name), "no-store", "{name}: {answer:?}");
    }
    assert_eq!(answer.header("x-robots-tag"), "noindex");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
    for name in ["etag", "last-modified", "expires", "set-cookie", "location"] {
        assert!(!answer.headers.contains_key(name), "{name}: {answer:?}");
    }
}

/// The head of the page and its body as far as one second brings it: it stays open.
async fn page(gateway: &Gateway, request: &str) -> (Answer, String) {
    let mut raw = Raw::connect(gateway.address).await;
    raw.write(request).await;
    let head = raw.read_to("\r\n\r\n").await;
    let body = raw.read_to("</style>").await + &raw.read_to("class=\"frame").await;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    (Answer { status, headers, body: String::new() }, head.clone() + &body)
}

fn hostile(path: &str) -> Request<TestBody> {
    let mut request = navigation(path);
    let names = ["user-agent", "referer", "origin", "cookie", "accept-language", "x-forwarded-host", "x-zq"];
    for name in names {
        request.headers_mut().insert(name, HOSTILE.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn the_page_is_kept_by_no_cache_and_framed_by_nobody() {
    let scene = Scene::new();
    let gateway = start(&scene).await;
    let asked =
        "GET /orders HTTP/1.1\r\nhost: shop.example\r\naccept: text/html\r\nsec-fetch-mode: navigate\r\n\r\n";
    let (answer, _) = page(&gateway, asked).await;
    assert_eq!(answer.status, 503);
    is_for_this_moment_alone(&answer);
    let policy = answer.header("content-security-policy");
    for rule in ["style-src 'sha256-", "img-src data:;", "base-uri 'none'", "form-action 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(answer.header("vary"), "Accept, Sec-Fetch-Dest, Sec-Fetch-Mode");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    let head = navigation("/orders");
    let (mut parts, body) = head.into_parts();
    parts.method = http::Method::HEAD;
    let answer = gateway.ask(Request::from_parts(parts, body)).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (503, ""));
    is_for_this_moment_alone(&answer);
}

#[tokio::test]
async fn problems_are_kept_by_no_cache_either() {
    let scene = Scene::new();
    let gateway = start(&scene).await;
    let answer = gateway.get("/").await;
    answer.is_problem(503, "hold_timeout");
    is_for_this_moment_alone(&answer);
    let elsewhere = Request::get("/").header("host", "elsewhere.example").body(full("")).unwrap();
    let answer = gateway.ask(elsewhere).await;
    answer.is_problem(404, "no_route");
    is_for_this_moment_alone(&answer);
}

#[tokio::test]
async fn nothing_of_the_request_is_said_again() {
    let scene = Scene::new();
    let gateway = start(&scene).await;
    let path = "/zq%22%27%3E%3Csvg%20onload=alert(1)%3E/%0d%0aset-cookie:zq=1?zq=%3Cscript%3Ezq%3C/script%3E";
    let asked = format!(
        "GET {path} HTTP/1.1\r\nhost: a.zq.example\r\naccept: text/html\r\nsec-fetch-mode: navigate\r\n\
         user-agent: {HOSTILE}\r\nreferer: https://zq.example/{HOSTILE}\r\ncookie: {HOSTILE}\r\nx-zq: {HOSTILE}\r\n\
         x-forwarded-host: {HOSTILE}\r\nx-forwarded-prefix: /{HOSTILE}\r\naccept-language: {HOSTILE}\r\n\r\n"
    );
    let (_, said) = page(&gateway, &asked).await;
    assert!(!said.to_ascii_lowercase().contains("zq"), "{said}");
    // A problem: for nobody's host, and for a host that is none.
    for host in ["zq.elsewhere", "zq\"><svg>", "zq@evil.example", "zq,zq", "zq/../zq"] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.write(&format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-zq: {HOSTILE}\r\n\r\n"
        ))
        .await;
        let said = raw.read_all().await;
        assert!(said.starts_with("HTTP/1.1 4") && !said.contains("zq"), "{host}: {said}");
    }
    let answer = gateway.ask(hostile("/nobody/zq")).await;
    assert!(answer.status == 404 && !format!("{answer:?}").contains("zq"), "{answer:?}");
}

#[tokio::test]
async fn no_redirect_leads_to_another_site() {
    let scene = Scene::new();
    let gateway = start(&scene).await;
    for (path, leads_to) in [
        ("/to/https//evil.example/", "https://shop.example/to/https//evil.example/"),
        ("/to/https/x?next=//evil.example", "https://shop.example/to/https/x?next=//evil.example"),
        ("/to/https/%0d%0aset-cookie:a=b", "https://shop.example/to/https/%0d%0aset-cookie:a=b"),
        ("/to/self/%2e%2e/%2e%2e//evil.example", "/to/self/%2e%2e/%2e%2e//evil.example"),
        ("/to/self/a?b=/\\evil", "/to/self/a?b=/\\evil"),
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.write(&format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n")).await;
        let said = raw.read_all().await;
        let location = said.lines().find_map(|line| line.strip_prefix("location: "));
        // What is no target of a request is refused.
        assert!(location == Some(leads_to) || said.starts_with("HTTP/1.1 400 "), "{path}: {said}");
        assert_eq!(said.matches("\r\nset-cookie").count(), 0, "{said}");
    }
    // A target without the route's prefix does not reach it, however it is written.
    for path in ["//evil.example/to/self/", "/\\evil.example/", "/%5cevil.example/", "/%2f/evil.example"] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.write(&format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n")).await;
        let said = raw.read_all().await;
        assert!(!said.contains("\r\nlocation:"), "{path}: {said}");
    }
    let lied = get("/to/https/x");
    let (mut parts, body) = lied.into_parts();
    parts.headers.insert("x-forwarded-host", "evil.example".parse().unwrap());
    parts.headers.insert("forwarded", "host=evil.example".parse().unwrap());
    let answer = gateway.ask(Request::from_parts(parts, body)).await;
    assert_eq!(answer.header("location"), "https://shop.example/to/https/x");
}
