//! How many connections clients have, in all and each.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::model::{Bounds, network};
use crate::net::Accepted;

/// What a client is told who may not come in. It need not have asked anything yet.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: application/problem+json\r\n\
    cache-control: no-store\r\ncontent-length: 145\r\nconnection: close\r\n\r\n\
    {\"type\":\"about:blank\",\"status\":503,\"title\":\"Service Unavailable\",\"code\":\"full\",\
    \"detail\":\"The gateway has too many connections. Try again soon.\"}\n";

/// How many are told at once; others just find the connection closed.
const MOST_TOLD: usize = 64;

/// How long telling them may take.
const TELLING: Duration = Duration::from_secs(1);

/// The connections of all clients.
#[derive(Clone, Debug)]
pub(super) struct Crowd(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    limit: usize,
    limit_per_client: usize,
    all: AtomicUsize,
    each: DashMap<IpAddr, usize>,
    told: AtomicUsize,
}

impl Crowd {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self(Arc::new(Counts {
            limit: bounds.connections,
            limit_per_client: bounds.connections_per_client,
            all: AtomicUsize::new(0),
            each: DashMap::new(),
            told: AtomicUsize::new(0),
        }))
    }

    /// A place for one more, if there is one.
    pub(super) fn enter(&self) -> Option<Place> {
        // Dropped, it gives back what was taken.
        let place = Place { crowd: self.clone(), client: None };
        (self.0.all.fetch_add(1, Ordering::Relaxed) < self.0.limit).then_some(place)
    }

    /// Room to tell one more that there is no place, if there is any.
    pub(super) fn tell(&self) -> Option<Told> {
        let told = Told(self.clone());
        (self.0.told.fetch_add(1, Ordering::Relaxed) < MOST_TOLD).then_some(told)
    }
}

/// A place in the crowd, as long as it lives.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    client: Option<IpAddr>,
}

impl Place {
    /// Whose it is. `false`: it has as many as it may.
    pub(super) fn is_for(&mut self, address: IpAddr) -> bool {
        let (client, counts) = (network(address), &self.crowd.0);
        let mut count = counts.each.entry(client).or_insert(0);
        if *count >= counts.limit_per_client {
            return false;
        }
        *count += 1;
        drop(count);
        self.client = Some(client);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let counts = &self.crowd.0;
        counts.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(client) = self.client {
            counts.each.remove_if_mut(&client, |_, count| {
                *count -= 1;
                *count == 0
            });
        }
    }
}

/// One who is being told that there is no place.
#[derive(Debug)]
pub(super) struct Told(Crowd);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.0.told.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells a client that there is no place for it. What it has sent is read, so that the answer reaches it.
pub(super) async fn refuse(mut io: Box<dyn Accepted>, _told: Told) {
    let telling = async {
        let mut waste = [0; 1024];
        io.write_all(FULL).await?;
        io.shutdown().await?;
        while io.read(&mut waste).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Who does not listen is not told.
    drop(timeout(TELLING, telling).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(connections: usize, connections_per_client: usize) -> Crowd {
        Crowd::new(&Bounds { connections, connections_per_client, ..Bounds::default() })
    }

    #[test]
    fn there_are_so_many_places_in_all_and_for_each() {
        let crowd = crowd(3, 2);
        let enter = |client: &str| {
            let mut place = crowd.enter()?;
            place.is_for(client.parse().unwrap()).then_some(place)
        };
        let mut places: Vec<_> = (0..2).map(|_| enter("192.0.2.1").unwrap()).collect();
        assert!(enter("::ffff:192.0.2.1").is_none(), "it has two");
        places.push(enter("2001:db8::1").unwrap());
        assert!(enter("192.0.2.3").is_none(), "there are three");
        places.remove(0);
        assert!(enter("192.0.2.1").is_some());
        drop(places);
        assert_eq!(crowd.0.all.load(Ordering::Relaxed), 0);
        assert!(crowd.0.each.is_empty(), "nobody is remembered");
        let _nobodys = [crowd.enter().unwrap(), crowd.enter().unwrap(), crowd.enter().unwrap()];
        assert!(crowd.enter().is_none());
    }

    #[test]
    fn what_is_told_is_a_whole_answer() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"], 503);
    }
}
