//! The admin API over a real driver.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use wakegate::admin::{Admin, AdminBody, AdminOptions};
use wakegate::model::Phase;

use crate::fake::House;

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:9900");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

async fn json_of(response: Response<AdminBody>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("not JSON: {bytes:?}"))
}

async fn call(admin: &Admin, method: Method, path: &str, body: Option<&Value>) -> Response<AdminBody> {
    let headers: &[_] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
    let body = body.map(Value::to_string).unwrap_or_default();
    admin.handle(request(method, path, headers, &body)).await
}

/// The status and detail of a problem, whose form is checked on the way.
async fn problem(response: Response<AdminBody>) -> (u16, String) {
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem = json_of(response).await;
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["title"], status.canonical_reason().unwrap());
    (status.as_u16(), problem["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_service_is_woken_kept_and_put_to_sleep() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    house.until("web", Phase::Asleep).await;

    let response = call(&admin, Method::POST, "/api/services/web/wake", None).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    house.until("web", Phase::Awake).await;
    let web = json_of(call(&admin, Method::GET, "/api/services/web", None).await).await;
    assert_eq!((&web["phase"], &web["provider"]), (&json!("awake"), &json!("fake")));
    assert_eq!(web["depends_on"], json!(["db"]));
    assert_eq!(web["targets"], json!([{ "address": "127.0.0.1:9", "instance": "1", "in_flight": 0 }]));
    assert!(web["last_wake_seconds"].is_number(), "{web}");

    let response = call(&admin, Method::POST, "/api/services/db/sleep", None).await;
    assert_eq!(problem(response).await, (409, "it is needed by web".to_owned()));

    let lease = json!({ "for": "2h" });
    let response = call(&admin, Method::PUT, "/api/services/web/lease", Some(&lease)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(json_of(response).await["lease_for_seconds"], 7200.0);
    let response = call(&admin, Method::POST, "/api/services/web/sleep", None).await;
    assert_eq!(problem(response).await, (409, "a lease keeps it awake".to_owned()));
    let response = call(&admin, Method::DELETE, "/api/services/web/lease", None).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);

    let response = call(&admin, Method::POST, "/api/services/web/sleep", Some(&json!({}))).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    house.until("web", Phase::Asleep).await;
}

#[tokio::test(start_paused = true)]
async fn the_list_has_every_service_in_order() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    house.until("broken", Phase::Asleep).await;
    call(&admin, Method::POST, "/api/services/broken/wake", None).await;
    house.until("broken", Phase::Failed).await;
    let list = json_of(call(&admin, Method::GET, "/api/services", None).await).await;
    let services = list["services"].as_array().unwrap();
    let names: Vec<&str> = services.iter().map(|service| service["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["web", "db", "broken", "far"]);
    assert_eq!(services[2]["fault"], "there is no such program");
    assert!(services[2]["retry_in_seconds"].is_number(), "{}", services[2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_wrongly_is_told_how_it_is_asked() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    let wrong = async |method, path, body: &str| {
        let headers = [("content-type", "application/json")];
        problem(admin.handle(request(method, path, &headers, body)).await).await
    };
    assert_eq!(wrong(Method::POST, "/api/services/nobody/wake", "").await.0, 404);
    assert_eq!(wrong(Method::GET, "/api/services/nobody", "").await.0, 404);
    assert_eq!(wrong(Method::GET, "/nothing", "").await.0, 404);

    let lease = "/api/services/web/lease";
    for body in ["", "for=2h", "[", "\"2h\"", "{}", r#"{"for":7200}"#, r#"{"for":"2h","since":"now"}"#] {
        let (status, detail) = wrong(Method::PUT, lease, body).await;
        assert_eq!(status, 400, "{body}");
        assert!(detail.contains(r#"{"for":"2h"}"#), "{detail}");
    }
    for (body, word) in
        [(r#"{"for":"2"}"#, "no unit"), (r#"{"for":"0s"}"#, "DELETE"), (r#"{"for":""}"#, "empty")]
    {
        let (status, detail) = wrong(Method::PUT, lease, body).await;
        assert_eq!(status, 400, "{body}");
        assert!(detail.contains(word), "{detail}");
    }
    let (status, detail) = wrong(Method::PUT, lease, r#"{"for":"2h","since":"now"}"#).await;
    assert!(status == 400 && detail.contains("`since`"), "{detail}");
    assert_eq!(wrong(Method::POST, "/api/services/web/wake", r#"{"now":true}"#).await.0, 400);
    assert_eq!(wrong(Method::PUT, lease, &" ".repeat(64 * 1024 + 1)).await.0, 413);
    assert_eq!(wrong(Method::PUT, "/api/services/far/lease", r#"{"for":"2h"}"#).await.0, 409);

    let response = admin.handle(request(Method::PUT, lease, &[], r#"{"for":"2h"}"#)).await;
    assert_eq!(problem(response).await.0, 400, "no media type");
}

#[tokio::test(start_paused = true)]
async fn a_method_that_does_not_fit_is_told_which_does() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    for (method, path, allow) in [
        (Method::GET, "/api/services/web/wake", "POST"),
        (Method::POST, "/api/services/web/lease", "PUT, DELETE"),
        (Method::DELETE, "/api/services", "GET, HEAD"),
        (Method::OPTIONS, "/api/services", "GET, HEAD"),
        (Method::POST, "/healthz", "GET, HEAD"),
    ] {
        let response = call(&admin, method, path, None).await;
        assert_eq!(response.headers()["allow"], allow);
        assert_eq!(problem(response).await.0, 405);
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_opens_all_but_the_two_checks() {
    let house = House::start();
    let admin = house.admin(AdminOptions { token: Some("s3cret".into()), ..AdminOptions::default() });
    for path in ["/metrics", "/api/services", "/api/services/web", "/api/events"] {
        for headers in
            [&[][..], &[("authorization", "Bearer secret")], &[("authorization", "Basic czNjcmV0")]]
        {
            let response = admin.handle(request(Method::GET, path, headers, "")).await;
            assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            assert_eq!(problem(response).await.0, 401, "{path}");
        }
        let shown = [("authorization", "Bearer s3cret")];
        let response = admin.handle(request(Method::GET, path, &shown, "")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        let elsewhere = [("host", "gate.internal")];
        let response = admin.handle(request(Method::GET, path, &elsewhere, "")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_of_another_site_changes_nothing() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    house.until("web", Phase::Asleep).await;
    for headers in [
        &[("content-type", "application/x-www-form-urlencoded")][..],
        &[("content-type", "text/plain")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("host", "rebind.example")],
    ] {
        let response = admin.handle(request(Method::POST, "/api/services/web/wake", headers, "")).await;
        assert!(!response.headers().contains_key("access-control-allow-origin"));
        assert_eq!(problem(response).await.0, 403, "{headers:?}");
    }
    assert_eq!(house.control.gates().get("web").unwrap().view().phase, Phase::Asleep);
}

#[tokio::test(start_paused = true)]
async fn readiness_follows_the_gateway() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    assert_eq!(call(&admin, Method::GET, "/readyz", None).await.status(), StatusCode::OK);
    house.ready.send_replace(false);
    assert_eq!(call(&admin, Method::GET, "/readyz", None).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(call(&admin, Method::GET, "/healthz", None).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn events_tell_a_wake_from_beginning_to_end() {
    let house = House::start();
    let admin = house.admin(AdminOptions { max_streams: 1, ..AdminOptions::default() });
    for (name, phase) in
        [("web", Phase::Asleep), ("db", Phase::Asleep), ("broken", Phase::Asleep), ("far", Phase::Awake)]
    {
        house.until(name, phase).await;
    }
    let response = call(&admin, Method::GET, "/api/events", None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let second = call(&admin, Method::GET, "/api/events", None).await;
    assert_eq!(second.headers()["retry-after"], "5");
    assert_eq!(problem(second).await.0, 503);

    call(&admin, Method::POST, "/api/services/db/wake", None).await;
    let mut body = response.into_body();
    let mut phases = Vec::new();
    while phases.last().map(String::as_str) != Some("awake") {
        let chunk = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = std::str::from_utf8(&chunk).unwrap();
        if let Some(data) = text.strip_prefix("event: phase\ndata: ") {
            let data: Value = serde_json::from_str(data.trim_end()).unwrap();
            assert_eq!(data["service"], "db");
            phases.push(data["to"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(phases, ["waking", "awake"]);
    house.ready.send_replace(false);
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_show_the_wake_that_was_asked_for() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    call(&admin, Method::POST, "/api/services/db/wake", None).await;
    house.until("db", Phase::Awake).await;
    let response = call(&admin, Method::GET, "/metrics", None).await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.contains("wakegate_phase{service=\"db\",phase=\"awake\"} 1\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn every_answer_keeps_itself_to_itself() {
    let house = House::start();
    let admin = house.admin(AdminOptions::default());
    for path in ["/healthz", "/metrics", "/api/services", "/nothing"] {
        let response = call(&admin, Method::GET, path, None).await;
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
}
