//! What the gateway as a whole puts up with.

use std::time::Duration;

/// How much of everything there may be at once, for the gateway as a whole. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Requests that wait, for all services together.
    pub max_held: usize,
    /// What those that wait may take up: their heads, and of their bodies what a client may send ahead.
    pub held_size: usize,
    /// Connections of clients.
    pub connections: usize,
    /// Connections of one client: of an IPv4 address, or of an IPv6 network of 64 bits.
    pub connections_per_client: usize,
    /// Requests on one HTTP/2 connection.
    pub streams: u32,
    /// The head of a request.
    pub head_size: usize,
    /// The header fields of a request.
    pub headers: usize,
    /// The path and query of a request.
    pub uri_size: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_held: 10_000,
            held_size: 128 * 1024 * 1024,
            connections: 20_000,
            connections_per_client: 10_000,
            streams: 100,
            head_size: 64 * 1024,
            headers: 100,
            uri_size: 16 * 1024,
        }
    }
}

/// How long the gateway waits for those at its two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For the first byte of a connection.
    pub first_byte: Duration,
    /// For a request's head, from its first byte to its end.
    pub head: Duration,
    /// For the next bytes of a request's body, while the service wants them.
    pub body: Duration,
    /// For a client to take more of an answer.
    pub write: Duration,
    /// For the next request on a connection.
    pub idle: Duration,
    /// For a connection to a target.
    pub connect: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            head: Duration::from_secs(15),
            body: Duration::from_secs(30),
            write: Duration::from_secs(60),
            // Longer than the 60 s of the load balancers that may stand before us, which would otherwise send a request
            // into a connection that is closing.
            idle: Duration::from_secs(75),
            // Targets are near; one that takes longer is as good as gone.
            connect: Duration::from_secs(1),
        }
    }
}
