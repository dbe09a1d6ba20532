use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::http::{json, serve, text};

/// How many visits are remembered one by one.
const REMEMBERED: usize = 5;

/// What the database knows. It has no disk: what it knows, it knows since its last start.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Visits {
    /// How many there were.
    pub(super) count: u64,
    /// How long ago the last ones were, in milliseconds, the latest first.
    pub(super) ago_ms: Vec<u64>,
    /// How long the database has been up, in milliseconds.
    pub(super) db_up_ms: u64,
}

#[derive(Debug)]
struct Log {
    started: Instant,
    count: u64,
    last: VecDeque<Instant>,
}

impl Log {
    fn add(&mut self) {
        self.count += 1;
        self.last.push_front(Instant::now());
        self.last.truncate(REMEMBERED);
    }

    fn read(&self) -> Visits {
        Visits {
            count: self.count,
            ago_ms: self.last.iter().map(|at| millis_since(*at)).collect(),
            db_up_ms: millis_since(self.started),
        }
    }
}

/// `POST /visits` logs a visit, `GET /visits` only reads; both answer with what is known then.
pub(super) async fn run(port: u16) -> io::Result<()> {
    let log = Log { started: Instant::now(), count: 0, last: VecDeque::new() };
    let log = Arc::new(Mutex::new(log));
    serve(port, move |method, path| {
        let answer = match (method, path.as_str()) {
            (Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
            (method @ (Method::GET | Method::POST), "/visits") => {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                if method == Method::POST {
                    log.add();
                }
                json(StatusCode::OK, &log.read())
            }
            _ => text(StatusCode::NOT_FOUND, "not here\n"),
        };
        std::future::ready(answer)
    })
    .await
}

/// Whole milliseconds since a moment.
pub(super) fn millis_since(moment: Instant) -> u64 {
    u64::try_from(moment.elapsed().as_millis()).unwrap_or(u64::MAX)
}
