use std::io;
use std::net::SocketAddr;

use http::{Method, StatusCode};
use tokio::time::Instant;

use super::api::{Visit, micros_since};
use super::db::millis_since;
use super::http::{ask, html, serve, text};
use super::page;

/// `GET /` shows the page, with what the API says of this very visit.
pub(super) async fn run(port: u16, api: SocketAddr) -> io::Result<()> {
    let started = Instant::now();
    serve(port, move |method, path| async move {
        match (method, path.as_str()) {
            (Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
            (Method::GET | Method::HEAD, "/") => {
                let asked = Instant::now();
                match ask::<Visit>(Method::GET, api, "/visit").await {
                    Ok(visit) => {
                        let took_us = micros_since(asked);
                        html(StatusCode::OK, page::visit(&visit, took_us, millis_since(started)))
                    }
                    Err(error) => html(StatusCode::BAD_GATEWAY, page::failure(&error.to_string())),
                }
            }
            _ => text(StatusCode::NOT_FOUND, "not here\n"),
        }
    })
    .await
}
