use std::sync::Arc;
use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, Registry};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Metrics;
use super::family::{counter, counters, histograms};
use crate::driver::Notice;
use crate::model::{Cause, Stage};

/// From a local process to an image that is pulled first.
const WAKE_BUCKETS: [f64; 14] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 300.0, 600.0];
const CALL_BUCKETS: [f64; 11] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The stages that are part of a wake's time; in the others nothing is under way.
const STAGES: [Stage; 3] = [Stage::Waiting, Stage::Starting, Stage::Checking];

/// What is counted from the driver's notices.
#[derive(Debug)]
pub(super) struct Events {
    wakes: IntCounterVec,
    wake_seconds: HistogramVec,
    stage_seconds: HistogramVec,
    transitions: IntCounterVec,
    calls: IntCounterVec,
    call_seconds: HistogramVec,
    missed: IntCounter,
}

impl Events {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            wakes: counters(
                registry,
                "wakegate_wakes_total",
                "Wakes that came to their end, by service, by what had begun them, and by result.",
                &["service", "cause", "result"],
            ),
            wake_seconds: histograms(
                registry,
                "wakegate_wake_seconds",
                "How long wakes took that succeeded.",
                &["service"],
                &WAKE_BUCKETS,
            ),
            stage_seconds: histograms(
                registry,
                "wakegate_wake_stage_seconds",
                "How long services spent in each stage of a wake: waiting for a dependency, starting, being checked.",
                &["service", "stage"],
                &WAKE_BUCKETS,
            ),
            transitions: counters(
                registry,
                "wakegate_phase_changes_total",
                "How often services entered a phase, and why.",
                &["service", "phase", "cause"],
            ),
            calls: counters(
                registry,
                "wakegate_provider_calls_total",
                "Calls to what runs the services, by provider, verb and result.",
                &["provider", "verb", "result"],
            ),
            call_seconds: histograms(
                registry,
                "wakegate_provider_call_seconds",
                "How long calls to what runs the services took.",
                &["provider", "verb"],
                &CALL_BUCKETS,
            ),
            missed: counter(
                registry,
                "wakegate_notices_missed_total",
                "Events that came faster than they could be counted; other counts are too low by these.",
            ),
        }
    }

    fn wake(&self, service: &str, cause: Cause, took: Duration, ok: bool) {
        self.wakes.with_label_values(&[service, cause.as_str(), result(ok)]).inc();
        if ok {
            self.wake_seconds.with_label_values(&[service]).observe(took.as_secs_f64());
        }
    }

    fn stage(&self, service: &str, stage: Stage, took: Duration) {
        if STAGES.contains(&stage) {
            self.stage_seconds.with_label_values(&[service, stage.as_str()]).observe(took.as_secs_f64());
        }
    }

    fn call(&self, provider: &str, verb: &str, took: Duration, ok: bool) {
        self.calls.with_label_values(&[provider, verb, result(ok)]).inc();
        self.call_seconds.with_label_values(&[provider, verb]).observe(took.as_secs_f64());
    }

    /// Ends the series of a service that is gone from the configuration.
    pub(super) fn forget(&self, service: &str) {
        for vec in [&self.wakes, &self.transitions] {
            remove(vec, service);
        }
        remove(&self.wake_seconds, service);
        remove(&self.stage_seconds, service);
    }
}

/// Removes every series whose `service` this is.
fn remove<B: prometheus::core::MetricVecBuilder>(vec: &prometheus::core::MetricVec<B>, service: &str) {
    use prometheus::core::Collector;
    for family in vec.collect() {
        for metric in family.get_metric() {
            let labels: std::collections::HashMap<&str, &str> =
                metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if labels.get("service") == Some(&service) {
                // An error says that somebody else has removed it.
                drop(vec.remove(&labels));
            }
        }
    }
}

const fn result(ok: bool) -> &'static str {
    if ok { "ok" } else { "failed" }
}

/// Counts what the driver tells, until it is gone. A receiver that falls behind loses notices; how many is counted.
pub async fn record(mut notices: broadcast::Receiver<Notice>, metrics: Arc<Metrics>) {
    loop {
        match notices.recv().await {
            Ok(notice) => metrics.note(&notice),
            Err(RecvError::Lagged(missed)) => metrics.events.missed.inc_by(missed),
            Err(RecvError::Closed) => return,
        }
    }
}

impl Metrics {
    /// Counts one notice.
    pub fn note(&self, notice: &Notice) {
        match notice {
            Notice::Phase { service, from, to, cause, at, after, .. } => {
                self.events.transitions.with_label_values(&[service, to.as_str(), cause.as_str()]).inc();
                self.phase_ended(service, *from, *to, *at, *after);
            }
            Notice::Stage { service, from, after, .. } => self.events.stage(service, *from, *after),
            Notice::Wake { service, cause, took, fault } => {
                self.events.wake(service, *cause, *took, fault.is_none());
            }
            Notice::Call { provider, verb, ok, took } => self.events.call(provider, verb, *took, *ok),
        }
    }
}
