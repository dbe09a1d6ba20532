//! Rules of the wire: bytes from a client, and what a service sees of them.
//!
//! The tables are rows of a name, what a client sends, and what comes of it; see [`table`], and [`notation`] for how
//! bytes are written. The real binary stands between a [`witness::Witness`], which writes down what reaches it, and a
//! client that speaks bytes. The other way round, a service answers as a [`script`] says.

pub(crate) mod client;
pub(crate) mod frames;
mod notation;
mod script;
mod table;
mod witness;

mod chunks;
mod expect;
mod framing;
mod hops;
mod host;
mod http2;
mod lines;
mod methods;
mod names;
mod pipelining;
mod pooled;
mod replies;
mod streams;
mod trailers;
mod unread;
mod upgrades;
