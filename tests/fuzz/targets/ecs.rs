//! Any answers of ECS: what they say is observed or is a fault, and nothing is done that was not asked for.
#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use libfuzzer_sys::fuzz_target;
use wakegate::Config;
use wakegate::clock::Clock;
use wakegate::config::Plan;
use wakegate::model::Spec;
use wakegate::provider::ecs::{Ecs, Settings};
use wakegate::provider::{Nudge, Provider};

const CONFIG: &str = "
listeners: [{ address: 127.0.0.1:0 }]
routes: [{ service: web }]
services:
  web: { ecs: { cluster: demo, service: web, port: 8080 } }
  api: { ecs: { cluster: demo, service: api, port: 8080 } }
";

static PLAN: LazyLock<Plan> = LazyLock::new(|| Config::text("fuzz", CONFIG).load().expect("it is a configuration"));

/// Answers each request with the next piece, and then the last one again.
#[derive(Clone, Debug)]
struct Script(Arc<Mutex<(Vec<(u16, Vec<u8>)>, usize)>>);

impl Script {
    /// Pieces are divided by a byte that JSON never has; the first byte of each is its status.
    fn new(data: &[u8]) -> Self {
        let piece = |piece: &[u8]| {
            let (status, body) = piece.split_first().unwrap_or((&b'2', &[]));
            let status = match status {
                b'4' => 400,
                b'5' => 500,
                b'3' => 301,
                _ => 200,
            };
            (status, body.to_vec())
        };
        Self(Arc::new(Mutex::new((data.split(|byte| *byte == 0xff).map(piece).collect(), 0))))
    }

    fn next(&self) -> (u16, Vec<u8>) {
        let mut script = self.0.lock().expect("nobody panics here");
        let at = script.1.min(script.0.len() - 1);
        script.1 += 1;
        script.0[at].clone()
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.next();
        let response = http::Response::builder()
            .status(status)
            .header("content-type", "application/x-amz-json-1.1")
            .body(SdkBody::from(body))
            .expect("it is a response");
        HttpConnectorFuture::ready(
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None)),
        )
    }
}

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("there is a runtime");
    runtime.block_on(async {
        let credentials = Credentials::new("AKIAFUZZ", "secret", None, None, "fuzz");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url("http://aws.fuzzed")
            .http_client(Script::new(data))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .build();
        let (nudge, _nudged) = Nudge::channel();
        let ecs = Ecs::new(&config, Settings::default(), Clock::start(), nudge, 1);
        let graph = &PLAN.graph;
        let specs: Vec<Arc<Spec>> = graph.ids().map(|id| graph.spec(id).clone()).collect();
        for _ in 0..2 {
            assert_eq!(ecs.observe(&specs).await.len(), specs.len(), "one answer for each");
        }
        // Whether it can be done is not ours to say; that it ends is.
        let _ = ecs.scale(&specs[0], 1).await;
        let _ = ecs.scale(&specs[0], 0).await;
        assert_eq!(ecs.observe(&specs).await.len(), specs.len());
    });
});
