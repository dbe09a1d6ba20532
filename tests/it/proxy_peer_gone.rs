//! A client that leaves while its request is held, its body unread.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower_service::Service;
use wakegate::gateway::{ServeOptions, serve};
use wakegate::net::{ANY_LOOPBACK, BoxFuture};
use wakegate::peer::PeerGone;

use crate::proxy_kit::{TestBody, full, soon};

/// Holds every request until its client has gone, and says so.
#[derive(Clone)]
struct Holding(mpsc::UnboundedSender<&'static str>);

impl Service<Request<Incoming>> for Holding {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<TestBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let says = self.0.clone();
        Box::pin(async move {
            let gone = request.extensions().get::<PeerGone>().unwrap().clone();
            says.send("held").unwrap();
            gone.gone().await;
            says.send("gone").unwrap();
            Ok(Response::new(full("")))
        })
    }
}

async fn holding() -> (SocketAddr, mpsc::UnboundedReceiver<&'static str>) {
    let listener = TcpListener::bind(ANY_LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(serve(listener, Holding(sender), std::future::pending(), ServeOptions::default()));
    (address, receiver)
}

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";

/// A client with as much of its body written as fits, so that unread bytes are waiting.
async fn upload(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(HEAD).await.unwrap();
    client.write_all(&vec![b'x'; 64 * 1024]).await.unwrap();
    client
}

#[tokio::test]
async fn a_close_is_seen_behind_an_unread_body() {
    let (address, mut says) = holding().await;
    let client = upload(address).await;
    assert_eq!(soon(says.recv()).await, Some("held"));
    drop(client);
    assert_eq!(soon(says.recv()).await, Some("gone"));
}

#[tokio::test]
async fn a_reset_is_seen_behind_an_unread_body() {
    let (address, mut says) = holding().await;
    let client = upload(address).await;
    assert_eq!(soon(says.recv()).await, Some("held"));
    client.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(soon(says.recv()).await, Some("gone"));
}

#[tokio::test]
async fn a_half_close_counts_as_gone() {
    let (address, mut says) = holding().await;
    let mut client = upload(address).await;
    assert_eq!(soon(says.recv()).await, Some("held"));
    client.shutdown().await.unwrap();
    assert_eq!(soon(says.recv()).await, Some("gone"));
}

#[tokio::test]
async fn a_client_that_stays_is_not_gone_whatever_it_sends() {
    let (address, mut says) = holding().await;
    let mut client = upload(address).await;
    assert_eq!(soon(says.recv()).await, Some("held"));
    for _ in 0..50 {
        client.write_all(b"more").await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(says.try_recv().is_err());
    drop(client);
    assert_eq!(soon(says.recv()).await, Some("gone"));
}
