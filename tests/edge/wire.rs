//! Rules of the wire: bytes from a client, and what a service sees of them.
//!
//! The tables are rows of a name, what a client sends, and what comes of it; see [`table`]. The real binary stands
//! between a [`witness::Witness`], which writes down what reaches it, and a client that speaks bytes.

mod client;
mod frames;
mod notation;
mod table;
mod witness;

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
mod script;
mod streams;
mod trailers;
mod unread;
mod upgrades;
