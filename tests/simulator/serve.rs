//! HTTP/1.1 on one connection, of whatever network.

use std::convert::Infallible;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::handle::Simulator;
use super::hosts::Run;

/// Serves the app of a container on one connection, until its client leaves, or until the request under way at SIGTERM
/// (a change of `told`) is answered.
pub(super) async fn app<S>(stream: S, run: Run, mut told: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| {
        let app = run.app.clone();
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    let mut server = http1::Builder::new();
    let connection = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        biased;
        // How a connection ends is its client's business.
        _ = connection.as_mut() => return,
        _ = told.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(connection.await);
}

/// Serves the APIs on one connection.
pub(super) async fn api<S>(stream: S, simulator: Simulator)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| {
        let simulator = simulator.clone();
        async move { Ok::<_, Infallible>(simulator.answer(request).await) }
    });
    let mut server = http1::Builder::new();
    // How a connection ends is its client's business.
    drop(server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await);
}
