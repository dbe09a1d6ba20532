//! Trace headers as services get them.

use http::{Request, Response};
use serde_json::{Value, json};

use crate::binary_kit::{Gateway, Scene, merge, wakegate};
use crate::proxy_kit::{Upstream, full, upstream};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const AMZN: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";

/// A service that answers with the trace headers it was sent.
async fn mirror() -> Upstream {
    upstream(|request: Request<_>| async move {
        let told = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let all = json!([told("traceparent"), told("tracestate"), told("x-amzn-trace-id")]);
        Response::new(full(all.to_string()))
    })
    .await
}

async fn start(scene: &Scene, mirror: &Upstream, change: Value) -> Gateway {
    let mut config = json!({
        "listeners": [{ "address": "127.0.0.1:0" }],
        "admin": { "address": "127.0.0.1:0" },
        "services": { "mirror": { "upstream": format!("http://{}", mirror.address) } },
        "routes": [{ "service": "mirror" }],
    });
    merge(&mut config, change);
    let path = scene.write(&config.to_string());
    let mut gateway = Gateway::spawn(wakegate(&["serve", "--config"]).arg(path));
    gateway.listens().await;
    gateway
}

/// What the service was sent: `traceparent`, `tracestate`, `X-Amzn-Trace-Id`.
async fn told(gateway: &Gateway, headers: &[(&str, &str)]) -> [Option<String>; 3] {
    let mut request = Request::get("/").header("host", "shop.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = gateway.ask(request.body(full("")).unwrap()).await;
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn traces_are_kept_or_made() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let gateway = start(&scene, &mirror, json!({})).await;
    let text = |text: &str| Some(text.to_owned());
    let all = [("traceparent", PARENT), ("tracestate", "a=1"), ("x-amzn-trace-id", AMZN)];
    assert_eq!(told(&gateway, &all).await, [text(PARENT), text("a=1"), text(AMZN)]);

    let amzn = text("Root=1-0af76519-16cd43dd8448eb211c80319c");
    assert_eq!(told(&gateway, &all[..2]).await, [text(PARENT), text("a=1"), amzn]);
    let [parent, _, _] = told(&gateway, &all[2..]).await;
    assert!(parent.unwrap().starts_with("00-67891233abcdef012345678912345678-"));

    let [parent, state, amzn] = told(&gateway, &[("traceparent", "nonsense"), ("tracestate", "a=1")]).await;
    let (parent, amzn) = (parent.unwrap(), amzn.unwrap());
    let trace = &parent[3..35];
    assert_eq!(parent.len(), 55);
    assert_eq!(state, None);
    assert_eq!(amzn, format!("Root=1-{}-{}", &trace[..8], &trace[8..]));
    let [other, _, _] = told(&gateway, &[]).await;
    assert_ne!(trace, &other.unwrap()[3..35]);
}

#[tokio::test]
async fn traces_are_left_alone_where_that_is_wanted() {
    let (scene, mirror) = (Scene::new(), mirror().await);
    let gateway = start(&scene, &mirror, json!({ "trace_headers": "keep" })).await;
    assert_eq!(told(&gateway, &[]).await, [None, None, None]);
    let odd = told(&gateway, &[("traceparent", "nonsense"), ("tracestate", "a=1")]).await;
    assert_eq!(odd, [Some("nonsense".to_owned()), Some("a=1".to_owned()), None]);
}
