//! Routes with locks, by the real binary: who gets in, what the service sees of it, and that nothing wakes before.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response};
use serde_json::{Value, json};

use crate::binary_kit::{Answer, Gateway, Scene, config, navigation, wakegate};
use crate::binary_service::WS_KEY;
use crate::proxy_kit::{TestBody, Upstream, full, soon, upstream};
use crate::tls::{certificate, http1, put};

pub(crate) const TOKEN: &str = "a-token-of-some-length";
const KEY: &str = "a key for links of 32 characters or more";
/// What services say whose answers may be kept.
const KEEP: &str = "public, max-age=60";
pub(crate) const PASSWORD: &str = "through the looking-glass";

pub(crate) fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

/// With every sort of key.
fn lock() -> Value {
    json!({
        "basic": { "users": { "alice": hash(PASSWORD) } },
        "bearer": [TOKEN],
        "link": { "key": KEY, "cookie_for": "1h" },
    })
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub(crate) fn with(path: &str, headers: &[(&str, &str)]) -> Request<TestBody> {
    let request = Request::get(path).header("host", "shop.example");
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(full(""))
        .unwrap()
}

pub(crate) fn authorized(path: &str, authorization: &str) -> Request<TestBody> {
    with(path, &[("authorization", authorization)])
}

/// An upstream that says what it sees: the target, and the headers that may have a key in them.
pub(crate) async fn mirror() -> Upstream {
    upstream(async |request| {
        let (target, headers) = (request.uri().to_string(), request.headers());
        let seen = |name: &str| headers.get_all(name).iter().map(|it| it.to_str().unwrap().to_owned()).collect::<Vec<_>>();
        let seen = json!({
            "target": target, "authorization": seen("authorization"), "cookie": seen("cookie"), "referer": seen("referer"),
        });
        let response = Response::builder().header("cache-control", KEEP).header("cdn-cache-control", KEEP);
        response.body(full(seen.to_string())).unwrap()
    })
    .await
}

/// A gateway whose every route is locked but `/open`, with the mirror behind it.
pub(crate) async fn mirrored(scene: &Scene, mirror: &Upstream) -> (Gateway, Value) {
    let config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "services": { "mirror": { "upstream": format!("http://{}", mirror.address) } },
        "locks": { "team": lock() },
        "routes": [{ "path": "/open", "service": "mirror" }, { "service": "mirror", "lock": "team" }],
    });
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(scene.write(&config.to_string())));
    gateway.listens().await;
    (gateway, config)
}

pub(crate) fn seen(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

fn challenges(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap()).collect()
}

fn locked(answer: &Answer) {
    answer.is_problem(401, "locked");
    assert_eq!(
        challenges(&answer.headers),
        ["Basic realm=\"team\", charset=\"UTF-8\"", "Bearer realm=\"team\""]
    );
    assert!(!answer.headers.contains_key(SET_COOKIE), "{answer:?}");
    for inside in ["web", "asleep", "waking", "services"] {
        assert!(!answer.body.contains(inside), "{answer:?}");
    }
}

/// The link that the command makes for this lock and time.
async fn link(scene: &Scene, config: &Value, lock: &str, url: &str, time: &str) -> String {
    let ran = scene.run(&["link", lock, url, "--for", time], &config.to_string()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out.trim().to_owned()
}

fn target(link: &str) -> String {
    link.strip_prefix("http://shop.example").unwrap().to_owned()
}

#[tokio::test]
async fn without_a_key_nothing_is_woken_and_nothing_told() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[], json!({})))]);
    config["locks"] = json!({ "team": lock(), "other": { "link": { "key": "x".repeat(32) } } });
    config["routes"] = json!([
        { "path": "/away", "redirect": { "to": "https://secret.example/{query}" }, "lock": "team" },
        { "path": "/fixed", "respond": { "body": "secret" }, "lock": "team" },
        { "path": "/other", "service": "web", "lock": "other" },
        { "service": "web", "lock": "team" },
    ]);
    let gateway = scene.start(&config).await;
    let foreign = link(&scene, &config, "other", "http://shop.example/", "1h").await;
    let foreign_value = foreign.split_once("wakegate-key=").unwrap().1;
    let post = Request::post("/").header("host", "shop.example").body(full("a=b")).unwrap();
    let mut preflight =
        with("/", &[("origin", "https://app.example"), ("access-control-request-method", "GET")]);
    *preflight.method_mut() = http::Method::OPTIONS;
    let websocket = with(
        "/websocket",
        &[
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", WS_KEY),
        ],
    );
    for request in [
        with("/", &[]),
        with("/away", &[]),
        with("/fixed", &[]),
        navigation("/"),
        post,
        preflight,
        websocket,
        authorized("/", &bearer("a-token-of-some-lengtH")),
        authorized("/", &bearer("")),
        authorized("/", TOKEN),
        authorized("/", &basic("alice", "through the looking-glas")),
        authorized("/", &basic("bob", PASSWORD)),
        authorized("/", "Basic %%%"),
        with("/", &[("cookie", "wakegate-team=9999999999.AAAA")]),
        with(
            "/",
            &[("cookie", &format!("wakegate-team={foreign_value}; __Host-wakegate-team={foreign_value}"))],
        ),
        with("/?wakegate-key=9999999999.AAAA", &[]),
        with(&target(&foreign), &[]),
    ] {
        let shown = format!("{request:?}");
        let answer = gateway.ask(request).await;
        assert_eq!(answer.status, 401, "{shown}");
        locked(&answer);
    }
    // The lock of links alone has a challenge too, at which browsers ask for nothing.
    let answer = gateway.ask(authorized("/other", &bearer(TOKEN))).await;
    answer.is_problem(401, "locked");
    assert_eq!(challenges(&answer.headers), ["Wakegate-Link"]);

    let grpc = gateway.ask(with("/a.B/C", &[("content-type", "application/grpc")])).await;
    assert_eq!((grpc.status.as_u16(), grpc.header("grpc-status")), (200, "16"), "{grpc:?}");
    assert_eq!(scene.starts("web"), 0);
    assert_eq!(gateway.status("web").await["phase"], "asleep");
    let metrics = gateway.manage("GET", "/metrics", "").await.body;
    assert!(metrics.contains("outcome=\"locked\"} 16"), "{metrics}");

    gateway.ask(authorized("/", &bearer(TOKEN))).await.is_from("web");
    assert_eq!(scene.starts("web"), 1, "whoever has a key wakes it");
    locked(&gateway.ask(with("/", &[])).await);
    // What opened it goes nowhere else.
    let away = link(&scene, &config, "team", "http://shop.example/away?a=b", "1h").await;
    assert_eq!(
        gateway.ask(with(&target(&away), &[])).await.header("location"),
        "https://secret.example/?a=b"
    );
    let fixed = gateway.ask(authorized("/fixed", &bearer(TOKEN))).await;
    assert_eq!((fixed.status.as_u16(), &*fixed.body), (200, "secret"));
}

#[tokio::test]
async fn the_service_does_not_see_the_keys() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let (gateway, config) = mirrored(&scene, &mirror).await;

    for key in [bearer(TOKEN), basic("alice", PASSWORD), basic("alice", PASSWORD)] {
        let request = with("/a?b=1", &[("authorization", &key), ("cookie", "c=1")]);
        let seen = seen(&gateway.ask(request).await);
        assert_eq!(seen["authorization"], json!([]), "{seen}");
        assert_eq!((&seen["target"], &seen["cookie"]), (&json!("/a?b=1"), &json!(["c=1"])));
    }

    let link = link(&scene, &config, "team", "http://shop.example/a?b=1#c", "1h").await;
    let (url, fragment) = link.split_once('#').unwrap();
    assert_eq!(fragment, "c");
    let followed = gateway.ask(with(&target(url), &[])).await;
    assert_eq!(seen(&followed)["target"], "/a?b=1");
    for name in ["cache-control", "cdn-cache-control", "surrogate-control"] {
        assert_eq!(followed.header(name), "no-store", "{name}: no cache may hand the cookie on");
    }
    let cookie = followed.header("set-cookie").to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");

    let own = bearer("the-service-has-its-own-tokens");
    let crumbs = format!("c=1; {pair}; d=2");
    let headers = [("cookie", &*crumbs), ("authorization", &*own), ("referer", url)];
    let answer = gateway.ask(with("/b", &headers)).await;
    assert_eq!(answer.header("cache-control"), KEEP, "that is the service's to say");
    let by_cookie = seen(&answer);
    assert_eq!(by_cookie["cookie"], json!(["c=1; d=2"]));
    assert_eq!(by_cookie["authorization"], json!([own]), "what opened nothing is the service's");
    assert_eq!(by_cookie["referer"], json!(["http://shop.example/a?b=1"]));
    // A browser sends the cookie to every route of the host.
    let open = seen(&gateway.ask(with("/open", &[("cookie", &crumbs)])).await);
    assert_eq!(open["cookie"], json!(["c=1; d=2"]));

    let value = pair.split_once('=').unwrap().1;
    locked(&gateway.ask(with(&format!("/?wakegate-key={value}"), &[])).await);
}

#[tokio::test]
async fn a_link_opens_until_its_time_and_the_waiting_page_leaves_the_cookie() {
    let scene = Scene::new();
    let mut config =
        config([("web", scene.service("web", &[("BOOT", "boot")], json!({ "page_after": "50ms" })))]);
    config["locks"] = json!({ "team": lock() });
    config["routes"] = json!([{ "service": "web", "lock": "team" }]);
    let gateway = scene.start(&config).await;
    let short = link(&scene, &config, "team", "http://shop.example/", "1s").await;
    let long = link(&scene, &config, "team", "http://shop.example/", "1h").await;
    // Nothing wakes for a load balancer's check, which is answered at once. The link may have had its second by now;
    // a little later it has in any case.
    let check = || with(&target(&short), &[("user-agent", "ELB-HealthChecker/2.0")]);
    soon(async { while gateway.ask(check()).await.status != 401 {} }).await;

    let page = gateway.head(navigation(&target(&long))).await;
    assert_eq!(page.status(), 503);
    let cookie = page.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    scene.allow("boot");
    assert_eq!(gateway.ask(with("/", &[("cookie", &cookie)])).await.status, 200);

    let ran = scene.run(&["link", "taem", "http://shop.example/", "--for", "1h"], &config.to_string()).await;
    assert!(ran.code == 64 && ran.err.contains("team"), "{ran:?}");
    let ran = scene.run(&["link", "team", "/", "--for", "1h"], &config.to_string()).await;
    assert_eq!(ran.code, 64, "{ran:?}");
}

#[tokio::test]
async fn who_was_let_in_and_waits_is_not_asked_again() {
    let scene = Scene::new();
    let mut config = config([("web", scene.service("web", &[("BOOT", "boot")], json!({})))]);
    config["locks"] = json!({ "team": lock() });
    config["routes"] = json!([{ "service": "web", "lock": "team" }]);
    let gateway = scene.start(&config).await;
    // Longer than it takes to ask, shorter than to wait for its end.
    let short = link(&scene, &config, "team", "http://shop.example/", "3s").await;
    let held = gateway.asking(with(&target(&short), &[]));
    gateway.held("web", 1).await;
    let check = || with(&target(&short), &[("user-agent", "ELB-HealthChecker/2.0")]);
    soon(async { while gateway.ask(check()).await.status != 401 {} }).await;
    scene.allow("boot");
    soon(held).await.unwrap().is_from("web");
}

#[tokio::test]
async fn over_https_the_cookie_is_of_this_host_and_of_https_alone() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    put(&scene, "a", &certificate(&["shop.example"]));
    let (gateway, mut config) = mirrored(&scene, &mirror).await;
    drop(gateway);
    config["listeners"][0]["tls"] = json!({ "certificate": "a.pem", "key": "a.key" });
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(scene.write(&config.to_string())));
    gateway.listens().await;
    let mut client = http1(gateway.address, "shop.example").await;
    let link = link(&scene, &config, "team", "https://shop.example/", "1h").await;
    let followed = with(link.strip_prefix("https://shop.example").unwrap(), &[]);
    let answer = Answer::of(soon(client.send_request(followed)).await.unwrap()).await;
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-wakegate-team="), "{answer:?}");
    assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure");
    let answer = soon(client.send_request(with("/", &[("cookie", pair)]))).await.unwrap();
    assert_eq!(seen(&Answer::of(answer).await)["cookie"], json!([]));
}

#[tokio::test]
async fn no_secret_shows_anywhere() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let (gateway, config) = mirrored(&scene, &mirror).await;
    let link = link(&scene, &config, "team", "http://shop.example/", "1h").await;
    for request in [
        authorized("/", &bearer(TOKEN)),
        authorized("/", &basic("alice", PASSWORD)),
        authorized("/", &basic("alice", "wrong-password")),
        with(&target(&link), &[]),
    ] {
        gateway.ask(request).await;
    }
    let mut shown = gateway.log().all().join("\n");
    for path in ["/metrics", "/api/services", "/api/services/mirror"] {
        shown += &gateway.manage("GET", path, "").await.body;
    }
    let explained = scene.run(&["explain", "GET", "http://shop.example/a"], &config.to_string()).await.out;
    assert!(
        explained
            .contains("lock      team: opened by a password or a bearer token or a signed link; 401 without"),
        "{explained}"
    );
    shown += &explained;
    shown += &scene.run(&["check"], &config.to_string()).await.out;
    let secrets = [TOKEN, KEY, PASSWORD, "wrong-password", "$2b$", link.split_once('=').unwrap().1];
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(config.to_string().contains("$2b$"), "what is looked for is there");
}
