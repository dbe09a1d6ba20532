//! What is counted, in Prometheus' words.
//!
//! Three sources: requests count themselves through a [`RouteMeter`], looked up once a route; the driver's
//! [`Notice`](crate::driver::Notice)s are counted as they come, by [`record`]; and what can be read off the gates is
//! read when somebody asks ([`Metrics::render`]). Label values come from the configuration and from the words of this
//! crate only, never from a request.
//!
//! ```
//! use wakegate::metrics::{Metrics, Outcome};
//!
//! let metrics = Metrics::new();
//! let meter = metrics.meter("web");
//! meter.count(Outcome::Served);
//! assert_eq!(meter.counted(Outcome::Served), 1);
//! ```

mod events;
mod family;
mod ledger;
mod services;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use prometheus::{Encoder, HistogramVec, IntCounter, Registry, TextEncoder, proto};

pub use events::record;

pub use crate::meter::{Outcome, RouteMeter, Stopwatch};

use crate::driver::Gates;
use crate::model::Time;
use events::Events;
use family::{Kind, counter, counters, family, histograms};
use ledger::Ledger;

/// The media type of [`Metrics::render`]'s text.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Everything that is counted, with a registry of its own: nothing here is global.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    routes: Mutex<BTreeMap<Arc<str>, Weak<RouteMeter>>>,
    added: HistogramVec,
    held: HistogramVec,
    events: Events,
    ledger: Mutex<Ledger>,
    reloads: prometheus::IntCounterVec,
    render_failures: IntCounter,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Arc<Self> {
        let registry = Registry::new();
        let added = histograms(
            &registry,
            "wakegate_added_seconds",
            "Time that the gateway added to a request before the service had it. One in 64 of the requests that \
             passed an open door is measured, and every one that was held.",
            &["how"],
            &[
                1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
                300.0,
            ],
        );
        let held = histograms(
            &registry,
            "wakegate_hold_seconds",
            "How long requests were held, by route, whatever came of it.",
            &["route"],
            &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0],
        );
        let reloads = counters(
            &registry,
            "wakegate_config_reloads_total",
            "Reloads of the configuration, by result.",
            &["result"],
        );
        for result in ["ok", "invalid"] {
            reloads.with_label_values(&[result]);
        }
        let render_failures = counter(
            &registry,
            "wakegate_metrics_render_failures_total",
            "Times that the metrics could not be written as text.",
        );
        Arc::new(Self {
            events: Events::new(&registry),
            registry,
            routes: Mutex::default(),
            added,
            held,
            ledger: Mutex::default(),
            reloads,
            render_failures,
        })
    }

    /// The counters of one route, to be kept with it: asking again while somebody keeps them gives the same ones,
    /// so that a reload goes on counting. A route's series end with the last keeper. The route `""` is for requests
    /// that no route matched.
    pub fn meter(&self, route: &str) -> Arc<RouteMeter> {
        let mut routes = lock(&self.routes);
        if let Some(meter) = routes.get(route).and_then(Weak::upgrade) {
            return meter;
        }
        let name: Arc<str> = route.into();
        let meter = Arc::new(RouteMeter::new(name.clone(), &self.added, self.held.clone()));
        routes.insert(name, Arc::downgrade(&meter));
        meter
    }

    /// Counts a reload of the configuration.
    pub fn reloaded(&self, ok: bool) {
        self.reloads.with_label_values(&[if ok { "ok" } else { "invalid" }]).inc();
    }

    /// Everything, in Prometheus' text format 0.0.4, as of `now`. Services that are gone from `gates` are gone from
    /// the answer.
    pub fn render(&self, gates: &Gates, now: Time) -> String {
        let mut families = self.routes();
        {
            let mut ledger = lock(&self.ledger);
            for gone in ledger.settle(gates, now) {
                self.events.forget(&gone);
            }
            families.extend(services::collect(gates, &ledger));
        }
        families.push(family(
            "wakegate_build_info",
            "Always 1; the label says which version this is.",
            Kind::Gauge,
            [(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
        ));
        families.extend(self.registry.gather());
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        let mut text = Vec::new();
        // A family that cannot be written must not take the others with it.
        for family in families {
            let whole = text.len();
            if TextEncoder::new().encode(&[family], &mut text).is_err() {
                text.truncate(whole);
                self.render_failures.inc();
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Requests by route and outcome; forgets the routes that nobody keeps any more.
    fn routes(&self) -> Vec<proto::MetricFamily> {
        let mut routes = lock(&self.routes);
        routes.retain(|name, meter| {
            let kept = meter.strong_count() > 0;
            if !kept {
                // Only says that it was never held.
                drop(self.held.remove_label_values(&[name]));
            }
            kept
        });
        let mut samples = Vec::new();
        for meter in routes.values().filter_map(Weak::upgrade) {
            for outcome in Outcome::ALL {
                let count = meter.counted(outcome);
                // With thousands of routes, most outcomes of most of them never happen.
                if count > 0 || (outcome == Outcome::Served && !meter.route().is_empty()) {
                    let labels =
                        vec![("route", meter.route().to_string()), ("outcome", outcome.as_str().to_owned())];
                    samples.push((labels, family::float(count)));
                }
            }
        }
        drop(routes);
        vec![family(
            "wakegate_requests_total",
            "Requests by route and outcome; no route is the empty one. An outcome that never happened is left out.",
            Kind::Counter,
            samples,
        )]
    }

    /// Counts a phase that has ended.
    fn phase_ended(
        &self,
        service: &Arc<str>,
        from: crate::model::Phase,
        to: crate::model::Phase,
        at: Time,
        after: Duration,
    ) {
        lock(&self.ledger).changed(service, from, to, at, after);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
