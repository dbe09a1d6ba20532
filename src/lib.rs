//! Wakegate lets services sleep and wakes them at the first hit: a gateway for demo and staging environments, and a
//! [tower] middleware for other servers. The README tells what it does; this is the tour of how.
//!
//! # The way of a request
//!
//! [`gateway`] accepts a connection and checks each request of it. [`layer`] finds its route ([`route`]), opens that
//! route's [`lock`] where it has one, and asks the [`gate`] of its service for a [`Pass`](gate::Pass). While the service
//! is awake that is a few atomic operations, and [`proxy`] forwards the request to the target that the pass names. The
//! pass lives until the response's [`body`] has ended: that is what "in flight" means, and a service is never stopped
//! while something is.
//!
//! While the service sleeps there is no pass. The request takes a place in the gate's queue, its body unread, and
//! the gate rings for the driver. A browser that has waited for a second gets the waiting [`page`] instead.
//!
//! What reads a connection's requests needs several times the room of all the rest, so over HTTP/1 the gateway keeps it only
//! while a request is under way and for a second after. A held request lies apart: its bytes, its socket and its place in
//! the queue; when it may go on it is read once more ([`Parking`](layer::Parking)).
//!
//! # The way of a wake
//!
//! [`engine`] is a pure state machine: events in, commands out, no clock and no I/O. [`driver`] is the shell around it:
//! it hears the gates ring, calls the [`provider`] that starts, stops and observes a service, runs the [`probe`]s that
//! tell when a target serves, and opens and shuts the gates as the engine says. What happened goes out as
//! [`Notice`](driver::Notice)s, from which logs, [`metrics`] and the event stream of [`admin`] are made.
//!
//! # What goes where
//!
//! [`model`] holds the words that all of them speak, and names nobody. The engine knows only the model; providers,
//! probes and pages do not know who uses them; nothing on the way of a request knows the engine, and nobody but
//! [`provider::ecs`](provider) knows the AWS SDK. A test holds the code to that table (`tests/it/import_table.rs`).
//! Sockets come in through [`net`], time through [`clock`].
//!
//! # Features
//!
//! `server` (default) is the gateway with its configuration, admin API and command line. `ecs` and `process` (default)
//! are the providers of services on Amazon ECS and of local child processes. Without any of them, what is left is the
//! middleware, for a server that brings its own [`Provider`]; `examples/embed.rs` shows it.
//!
//! [tower]: https://docs.rs/tower

pub mod answer;
pub mod body;
pub mod clock;
pub mod driver;
pub mod engine;
pub mod gate;
pub mod layer;
pub mod lock;
pub mod meter;
pub mod metrics;
pub mod model;
pub mod net;
pub mod page;
pub mod peer;
pub mod probe;
pub mod provider;
pub mod route;

#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod gateway;
#[cfg(feature = "server")]
pub mod proxy;

#[cfg(feature = "server")]
pub use config::Config;
#[cfg(feature = "server")]
pub use gateway::Gateway;
pub use layer::WakeLayer;
pub use provider::Provider;
