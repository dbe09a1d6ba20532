use std::io;
use std::net::SocketAddr;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::db::{Visits, millis_since};
use super::http::{ask, json, serve, text};

/// What the API says of a visit.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Visit {
    /// What the database knows of all of them.
    pub(super) visits: Visits,
    /// How long the database took, in microseconds.
    pub(super) db_took_us: u64,
    /// How long the API has been up, in milliseconds.
    pub(super) api_up_ms: u64,
}

#[derive(Debug, Serialize)]
struct Failure {
    error: String,
}

/// `GET /visit` has the database log a visit and answers with what it says.
pub(super) async fn run(port: u16, db: SocketAddr) -> io::Result<()> {
    let started = Instant::now();
    serve(port, move |method, path| async move {
        match (method, path.as_str()) {
            (Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
            (Method::GET, "/visit") => {
                let asked = Instant::now();
                match ask::<Visits>(Method::POST, db, "/visits").await {
                    Ok(visits) => {
                        let db_took_us = micros_since(asked);
                        let api_up_ms = millis_since(started);
                        json(StatusCode::OK, &Visit { visits, db_took_us, api_up_ms })
                    }
                    Err(error) => json(StatusCode::BAD_GATEWAY, &Failure { error: format!("db: {error}") }),
                }
            }
            _ => text(StatusCode::NOT_FOUND, "not here\n"),
        }
    })
    .await
}

/// Whole microseconds since a moment.
pub(super) fn micros_since(moment: Instant) -> u64 {
    u64::try_from(moment.elapsed().as_micros()).unwrap_or(u64::MAX)
}
