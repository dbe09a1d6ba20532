//! The AWS SDK over the simulated network and in its time.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use http::header::HOST;
use http::{HeaderValue, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use turmoil::net::TcpStream;

/// The wall clock's time at the start of every simulation, in seconds since 1970.
pub(crate) const EPOCH: Duration = Duration::from_secs(1_750_000_000);

/// What any client of the SDK needs to live in a simulation: its network, its time, credentials that say nothing, and
/// an endpoint such as `http://10.0.1.1:80`. No retries; who wants them sets them.
pub(crate) fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIASIMULATION", "secret", None, None, "simulation");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(SimHttp::default())
        .time_source(SharedTimeSource::new(SimTime))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::disabled())
        .build()
}

/// The simulation's time as a wall clock's.
#[derive(Clone, Copy, Debug)]
struct SimTime;

impl TimeSource for SimTime {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + EPOCH + turmoil::sim_elapsed().unwrap_or_default()
    }
}

/// HTTP/1.1 over the simulated network, a connection a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SimHttp {
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
}

impl HttpClient for SimHttp {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let (connect_timeout, read_timeout) = (settings.connect_timeout(), settings.read_timeout());
        SharedHttpConnector::new(Self { connect_timeout, read_timeout })
    }
}

impl HttpConnector for SimHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.exchange(request))
    }
}

impl SimHttp {
    async fn exchange(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut request = request.try_into_http1x().map_err(other)?;
        let address = request.uri().authority().ok_or("no authority").map_err(other)?.clone();
        let host = HeaderValue::from_str(address.as_str()).map_err(other)?;
        request.headers_mut().entry(HOST).or_insert(host);
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(other)?;

        let connect = TcpStream::connect(address.as_str().to_owned());
        let stream = within(self.connect_timeout, connect).await?.map_err(io)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io)?;
        // Its errors come out at the sender's end as well.
        tokio::spawn(async move { drop(connection.await) });
        let (head, body) =
            within(self.read_timeout, sender.send_request(request)).await?.map_err(io)?.into_parts();
        let body = body.collect().await.map_err(io)?.to_bytes();
        HttpResponse::try_from(http::Response::from_parts(head, SdkBody::from(body))).map_err(other)
    }
}

async fn within<T>(limit: Option<Duration>, future: impl Future<Output = T>) -> Result<T, ConnectorError> {
    match limit {
        Some(limit) => {
            tokio::time::timeout(limit, future).await.map_err(|over| ConnectorError::timeout(over.into()))
        }
        None => Ok(future.await),
    }
}

fn io(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::io(error.into())
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::other(error.into(), None)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::net::Ipv4Addr;
    use std::rc::Rc;

    use aws_sdk_ecs::error::SdkError;
    use aws_smithy_types::timeout::TimeoutConfig;
    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Full;
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use turmoil::net::TcpListener;

    use super::*;

    const AWS: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
    const PORT: u16 = 80;

    /// What is said to be a hang.
    const SILENT: &str = "silent";

    /// A server that knows two services and keeps in mind how it was asked. Asked for the cluster `silent`, it says
    /// nothing.
    async fn server(seen: Rc<RefCell<Vec<(String, String)>>>) -> turmoil::Result {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let seen = seen.clone();
            let app = service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let text = |name| request.headers()[name].to_str().unwrap().to_owned();
                    seen.borrow_mut().push((text("x-amz-target"), text("authorization")));
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    if body.windows(SILENT.len()).any(|window| window == SILENT.as_bytes()) {
                        std::future::pending::<()>().await;
                    }
                    let said = r#"{"serviceArns":["arn:aws:ecs:x:1:service/demo/a","arn:aws:ecs:x:1:service/demo/b"]}"#;
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(said.as_bytes()))))
                }
            });
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), app);
            tokio::task::spawn_local(served);
        }
    }

    fn client(port: u16) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&sdk_config(&format!("http://{AWS}:{port}")))
    }

    /// Runs what a client does, beside the server.
    fn beside_the_server(client: impl Future<Output = turmoil::Result> + 'static) -> Vec<(String, String)> {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut sim =
            turmoil::Builder::new().rng_seed(1).simulation_duration(Duration::from_secs(60)).build();
        {
            let seen = seen.clone();
            sim.host(AWS, move || server(seen.clone()));
        }
        sim.client(Ipv4Addr::new(10, 0, 0, 1), client);
        sim.run().unwrap();
        drop(sim);
        Rc::into_inner(seen).unwrap().into_inner()
    }

    #[test]
    fn the_sdk_asks_over_the_simulated_network() {
        let seen = beside_the_server(async {
            let listed = client(PORT).list_services().cluster("demo").send().await?;
            let names: Vec<_> = listed.service_arns().iter().map(|arn| arn.rsplit('/').next()).collect();
            assert_eq!(names, [Some("a"), Some("b")]);
            Ok(())
        });
        let [(target, authorization)] = seen.as_slice() else { panic!("{seen:?}") };
        assert_eq!(target, "AmazonEC2ContainerServiceV20141113.ListServices");
        // Signed in the simulation's time: 15 June 2025.
        assert!(
            authorization.contains("Credential=AKIASIMULATION/20250615/eu-central-1/ecs/"),
            "{authorization}"
        );
    }

    #[test]
    fn nobody_there_is_a_failed_dispatch() {
        beside_the_server(async {
            let error = client(PORT + 1).list_services().send().await.unwrap_err();
            let SdkError::DispatchFailure(failure) = &error else { panic!("{error:?}") };
            assert!(failure.is_io(), "{failure:?}");
            Ok(())
        });
    }

    #[test]
    fn silence_ends_with_the_read_timeout() {
        beside_the_server(async {
            let limits = TimeoutConfig::builder().read_timeout(Duration::from_secs(3)).build();
            let config =
                sdk_config(&format!("http://{AWS}:{PORT}")).into_builder().timeout_config(limits).build();
            let began = tokio::time::Instant::now();
            let silent = aws_sdk_ecs::Client::new(&config).list_services().cluster(SILENT).send().await;
            let SdkError::DispatchFailure(failure) = silent.unwrap_err() else { panic!("not a timeout") };
            assert!(failure.is_timeout(), "{failure:?}");
            assert_eq!(began.elapsed().as_secs(), 3);
            Ok(())
        });
    }
}
