//! What requests that wait may take up in memory, all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Request, Version};

/// What a client may send of a body that nobody reads: over HTTP/1 what is read along with the head, over HTTP/2 the
/// window of a stream (RFC 9113 section 6.9.2).
const AHEAD_HTTP1: usize = 8 * 1024;
const AHEAD_HTTP2: usize = 64 * 1024;

/// Room for those who wait, in bytes.
#[derive(Debug)]
pub(super) struct Room {
    limit: AtomicUsize,
    taken: AtomicUsize,
}

impl Room {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.into(), taken: AtomicUsize::new(0) })
    }

    /// What is taken already stays so.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes room for this request, if there is so much.
    pub(super) fn take<B>(self: &Arc<Self>, request: &Request<B>) -> Option<Taken> {
        let size = size(request);
        let taken = Taken { room: self.clone(), size };
        // Where it is too much, dropping it gives it back.
        let after = self.taken.fetch_add(size, Ordering::Relaxed).saturating_add(size);
        (after <= self.limit.load(Ordering::Relaxed)).then_some(taken)
    }
}

/// Room that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    room: Arc<Room>,
    size: usize,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// What a request that waits takes up, about.
fn size<B>(request: &Request<B>) -> usize {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let uri = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    fields.sum::<usize>() + uri + ahead(request)
}

fn ahead<B>(request: &Request<B>) -> usize {
    let most = if request.version() == Version::HTTP_2 { AHEAD_HTTP2 } else { AHEAD_HTTP1 };
    let told = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match told {
        Some(length) => most.min(length),
        None if request.headers().contains_key(TRANSFER_ENCODING) => most,
        None if matches!(*request.method(), Method::GET | Method::HEAD) => 0,
        // HTTP/2 need not tell (RFC 9113 section 8.1.1).
        None if request.version() == Version::HTTP_2 => most,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, version: Version, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri("/four").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn heads_count_as_they_are_and_bodies_by_what_may_come_of_them() {
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        for (method, version, headers, expected) in [
            ("GET", one, vec![], 5),
            ("GET", two, vec![("abc", "de")], 10),
            ("POST", one, vec![("content-length", "7")], 5 + 15 + 7),
            ("POST", one, vec![("content-length", "1000000")], 5 + 21 + AHEAD_HTTP1),
            ("POST", two, vec![], 5 + AHEAD_HTTP2),
            ("POST", one, vec![], 5),
            ("GET", one, vec![("transfer-encoding", "chunked")], 5 + 24 + AHEAD_HTTP1),
        ] {
            assert_eq!(
                size(&request(method, version, &headers)),
                expected,
                "{method} {version:?} {headers:?}"
            );
        }
    }

    #[test]
    fn what_is_taken_comes_back() {
        let room = Room::new(12);
        let request = request("GET", Version::HTTP_11, &[]);
        let (first, second) = (room.take(&request), room.take(&request));
        assert!(first.is_some() && second.is_some() && room.take(&request).is_none());
        drop(first);
        assert!(room.take(&request).is_some());
    }
}
