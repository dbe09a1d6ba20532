//! An AWS that says what it was told to say: an HTTP client under the real SDK.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_ecs::config::Credentials;
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use tokio::time::Instant;

use super::super::super::Settings;
use super::super::Api;

/// What becomes of one request.
#[derive(Clone, Debug)]
pub(super) enum Say {
    /// An answer with this status and body.
    Answer(u16, String),
    /// The same, with the number that AWS gives to each request.
    OfAws(u16, String),
    /// An answer with this `Date`.
    Dated(&'static str, u16, String),
    /// Nothing, ever.
    Hang,
    /// The connection is refused.
    Refuse,
}

/// An answer with status 200.
pub(super) fn ok(body: impl Into<String>) -> Say {
    Say::Answer(200, body.into())
}

/// An error of the JSON protocols.
pub(super) fn error(status: u16, code: &str, message: &str) -> Say {
    Say::Answer(status, serde_json::json!({ "__type": code, "message": message }).to_string())
}

/// A request that was made.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The `x-amz-target`, without the protocol's name; the query protocol has none.
    pub(super) target: String,
    pub(super) body: String,
    pub(super) authorization: String,
    /// When it was signed, as `20010909T014640Z`.
    pub(super) date: String,
    /// How long after the start.
    pub(super) at: Duration,
}

impl Heard {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug)]
pub(super) struct Script {
    says: Mutex<VecDeque<Say>>,
    heard: Mutex<Vec<Heard>>,
    start: Instant,
}

impl Script {
    pub(super) fn new(says: impl IntoIterator<Item = Say>) -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::new(says.into_iter().collect()),
            heard: Mutex::default(),
            start: Instant::now(),
        })
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(super) fn config(self: &Arc<Self>, credentials: impl ProvideCredentials + 'static) -> SdkConfig {
        let connector = SharedHttpConnector::new(Door(self.clone()));
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }

    /// The same with a wall clock that stands still, so many seconds after 1970.
    pub(super) fn config_at(
        self: &Arc<Self>,
        seconds: u64,
        credentials: impl ProvideCredentials + 'static,
    ) -> SdkConfig {
        let clock = StaticTimeSource::from_secs(seconds);
        self.config(credentials).to_builder().time_source(clock).build()
    }

    pub(super) fn api(self: &Arc<Self>) -> Api {
        Api::new(&self.config(Credentials::for_tests()), &Settings::default(), 1)
    }
}

#[derive(Debug)]
struct Door(Arc<Script>);

impl HttpConnector for Door {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
        let target = header("x-amz-target");
        self.0.heard.lock().unwrap().push(Heard {
            target: target.rsplit('.').next().unwrap_or_default().to_owned(),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
            authorization: header("authorization"),
            date: header("x-amz-date"),
            at: self.0.start.elapsed(),
        });
        let say = self.0.says.lock().unwrap().pop_front();
        HttpConnectorFuture::new(async move {
            match say.expect("one request more than the script has answers") {
                Say::Answer(status, body) => {
                    Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body)))
                }
                Say::OfAws(status, body) => {
                    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                    answer.headers_mut().insert("x-amzn-requestid", "1");
                    Ok(answer)
                }
                Say::Dated(date, status, body) => {
                    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                    answer.headers_mut().insert("date", date);
                    Ok(answer)
                }
                Say::Hang => std::future::pending().await,
                Say::Refuse => Err(ConnectorError::io("connection refused".into())),
            }
        })
    }
}

/// Credentials that are new each time they are asked for: `KEY1`, `KEY2`, …
#[derive(Debug, Default)]
pub(super) struct Fresh(AtomicUsize);

impl ProvideCredentials for Fresh {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        future::ProvideCredentials::ready(Ok(Credentials::new(
            format!("KEY{number}"),
            "secret",
            None,
            None,
            "test",
        )))
    }
}
