//! Those who ask.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{sleep, timeout};
use turmoil::net::TcpStream;

use super::history::{Answer, Event, History, Sort};

/// Where the gateways listen.
pub(crate) const GATEWAY_PORT: u16 = 80;

/// Longer than the gateway may take over anything: who has waited this long was forgotten.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request that a client is to make.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) sort: Sort,
    /// It leaves after this.
    pub(crate) leaves_after: Option<Duration>,
    /// It makes a connection of its own.
    pub(crate) fresh: bool,
}

/// A client of one gateway, with at most one connection that it keeps.
pub(crate) struct Client {
    /// Its number, and its address.
    gateway: (u8, Ipv4Addr),
    history: History,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(crate) fn new(gateway: (u8, Ipv4Addr), history: History) -> Self {
        Self { gateway, history, kept: None }
    }

    /// Makes the request and tells what comes of it. Gives back whether the service answered it with success.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> bool {
        let Ask { id, service, sort, .. } = ask;
        let via = self.gateway.0;
        self.history.tell(Event::Sent { id: id.clone(), service: service.clone(), sort: *sort, via });
        let limit = ask.leaves_after.unwrap_or(PATIENCE);
        let event = match timeout(limit, self.exchange(ask)).await {
            Ok(Ok(answer)) => Event::Answered(answer),
            Ok(Err(how)) => Event::Cut { id: id.clone(), how },
            Err(_) if ask.leaves_after.is_some() => Event::Left { id: id.clone() },
            Err(_) => Event::Cut { id: id.clone(), how: "no answer".into() },
        };
        if !matches!(&event, Event::Answered(answer) if answer.whole) {
            // What is left of the connection is good for nothing.
            self.kept = None;
        }
        let served = matches!(&event, Event::Answered(answer) if answer.status == 200);
        self.history.tell(event);
        served
    }

    async fn exchange(&mut self, ask: &Ask) -> Result<Answer, String> {
        if ask.fresh {
            self.kept = None;
        }
        let mut request = request(ask);
        loop {
            let (mut sender, reused) = match self.kept.take() {
                Some(sender) => (sender, true),
                None => (self.connect().await?, false),
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let answer = read(&ask.id, response).await;
                    self.kept = Some(sender);
                    return Ok(answer);
                }
                Err(mut error) => match error.take_message() {
                    // The kept connection had closed in the meantime: nothing was sent.
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(error.into_error().to_string()),
                },
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect((self.gateway.1, GATEWAY_PORT)).await;
        let io = TokioIo::new(stream.map_err(|error| error.to_string())?);
        let (sender, connection) = http1::handshake(io).await.map_err(|error| error.to_string())?;
        // It ends with its sender; what goes wrong shows there.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

fn request(ask: &Ask) -> Request<Full<Bytes>> {
    let (method, path, accept, body) = match ask.sort {
        Sort::Get => (Method::GET, "/", "*/*", ""),
        Sort::Post => (Method::POST, "/", "*/*", "an order"),
        Sort::Stream => (Method::GET, "/stream", "*/*", ""),
        Sort::Page => (Method::GET, "/", "text/html", ""),
    };
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", format!("{}.example", ask.service))
        .header("user-agent", "client/1")
        .header("accept", accept)
        .header("x-request-id", &ask.id)
        .body(Full::from(body))
        .unwrap()
}

async fn read(id: &str, response: Response<Incoming>) -> Answer {
    let (head, mut body) = response.into_parts();
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let kind = text(&head.headers, "content-type").unwrap_or_default();
    let whole = loop {
        match body.frame().await {
            Some(Ok(_)) => {}
            Some(Err(_)) => break false,
            None => break true,
        }
    };
    Answer {
        id: id.to_owned(),
        status: head.status.as_u16(),
        task: text(&head.headers, "x-task"),
        service: text(&head.headers, "x-service"),
        echo: text(&head.headers, "x-echo"),
        retry_after: head.headers.contains_key("retry-after"),
        problem: kind == "application/problem+json",
        html: kind.starts_with("text/html"),
        whole,
    }
}

/// Makes requests of these sorts by chance until it is told that it is enough.
pub(crate) async fn wander(
    mut client: Client,
    name: String,
    sorts: &[Sort],
    services: Vec<String>,
    mut rng: fastrand::Rng,
    until: Duration,
) {
    for number in 0.. {
        let pause = match rng.u8(..10) {
            0..6 => rng.u64(..300),
            6..9 => rng.u64(300..1500),
            // Long enough for what nobody else uses to fall asleep.
            _ => rng.u64(3000..5000),
        };
        sleep(Duration::from_millis(pause)).await;
        if client.history.now() >= until {
            return;
        }
        let ask = Ask {
            id: format!("{name}-{number}"),
            service: services[rng.usize(..services.len())].clone(),
            sort: sorts[rng.usize(..sorts.len())],
            leaves_after: (rng.u8(..6) == 0).then(|| Duration::from_millis(rng.u64(1..2500))),
            fresh: rng.bool(),
        };
        client.ask(&ask).await;
    }
}
