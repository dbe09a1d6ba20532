//! hyper with nothing around it: `hyper-bare` of `benches/compare`. It hands on what comes and what comes back, over
//! connections to one target that it keeps, and does nothing else: so it tells what a small request costs that goes through
//! hyper twice. It is no floor for all the rest, for it copies large bodies, and keeps hyper's buffers while nothing comes.
//!
//! `bare HTTP H2C TLS ORIGIN CHAIN KEY`: the ports, and the files of the certificate

use std::error::Error;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use http::header::{CONNECTION, HOST, HeaderValue, TE, UPGRADE};
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Failure = Box<dyn Error + Send + Sync>;
type Sender = SendRequest<Incoming>;

/// The target, and the connections to it that are free.
struct Target {
    port: u16,
    idle: ArrayQueue<Sender>,
}

/// A body that gives its connection back at its end.
struct Lent {
    body: Incoming,
    lent: Option<(Sender, Arc<Target>)>,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words[..] {
        [http, h2c, tls, origin, chain, key] => {
            let target = Target { port: origin.parse()?, idle: ArrayQueue::new(256) };
            let ports = [http.parse()?, h2c.parse()?, tls.parse()?];
            runtime.block_on(serve(ports, acceptor(chain, key)?, target.into()))
        }
        // Cargo runs it so among all the others, where there is nothing to do.
        [] | ["--bench"] => Ok(()),
        _ => Err("bare HTTP H2C TLS ORIGIN CHAIN KEY: see the head of its source".into()),
    }
}

fn acceptor(chain: &str, key: &str) -> Result<TlsAcceptor, Failure> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(Arc::new(config).into())
}

async fn serve(
    [http, h2c, tls]: [u16; 3],
    acceptor: TlsAcceptor,
    target: Arc<Target>,
) -> Result<(), Failure> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let (http, h2c, tls) = (listen(http).await?, listen(h2c).await?, listen(tls).await?);
    loop {
        let target = target.clone();
        // What breaks off is seen by whoever counts the answers.
        tokio::select! {
            accepted = http.accept() => drop(tokio::spawn(over_http1(quick(accepted?.0)?, target))),
            accepted = h2c.accept() => drop(tokio::spawn(over_http2(quick(accepted?.0)?, target))),
            accepted = tls.accept() => {
                let accepting = acceptor.accept(quick(accepted?.0)?);
                tokio::spawn(async move { over_http1(accepting.await?, target).await });
            }
            ended = tokio::signal::ctrl_c() => return Ok(ended?),
        }
    }
}

fn quick(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn over_http1(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: Arc<Target>,
) -> Result<(), Failure> {
    let service = service_fn(move |request| hand_on(request, target.clone()));
    Ok(http1::Builder::new().writev(false).serve_connection(TokioIo::new(io), service).await?)
}

async fn over_http2(io: TcpStream, target: Arc<Target>) -> Result<(), Failure> {
    let service = service_fn(move |request| hand_on(request, target.clone()));
    Ok(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await?)
}

async fn hand_on(mut request: Request<Incoming>, target: Arc<Target>) -> Result<Response<Lent>, Failure> {
    if request.version() == Version::HTTP_2 {
        let host = request.uri().authority().ok_or("no host")?;
        let host = HeaderValue::from_str(host.as_str())?;
        request.headers_mut().insert(HOST, host);
        let path = request.uri().path_and_query().cloned().ok_or("no path")?;
        *request.uri_mut() = path.into();
        *request.version_mut() = Version::HTTP_11;
    }
    for hop_by_hop in [CONNECTION, TE, UPGRADE] {
        request.headers_mut().remove(hop_by_hop);
    }
    let mut sender = target.connection().await?;
    let response = sender.send_request(request).await?;
    Ok(response.map(|body| {
        let mut body = Lent { body, lent: Some((sender, target)) };
        body.give_back_at_end();
        body
    }))
}

impl Target {
    async fn connection(&self) -> Result<Sender, Failure> {
        while let Some(sender) = self.idle.pop() {
            if sender.is_ready() {
                return Ok(sender);
            }
        }
        let stream = quick(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Lent {
    fn give_back_at_end(&mut self) {
        if !self.body.is_end_stream() {
            return;
        }
        let Some((mut sender, target)) = self.lent.take() else { return };
        if sender.is_ready() {
            drop(target.idle.push(sender));
        } else {
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    drop(target.idle.push(sender));
                }
            });
        }
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            self.give_back_at_end();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
