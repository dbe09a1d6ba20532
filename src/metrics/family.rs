use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, proto};

/// The two kinds that are put together at the moment of asking.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// One sample: its labels, and its value.
pub(super) type Sample = (Vec<(&'static str, String)>, f64);

/// A family from its samples.
pub(super) fn family(
    name: &str,
    help: &str,
    kind: Kind,
    samples: impl IntoIterator<Item = Sample>,
) -> proto::MetricFamily {
    let metrics = samples.into_iter().map(|(labels, value)| {
        let mut metric = proto::Metric::from_label(labels.into_iter().map(pair).collect());
        match kind {
            Kind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        metric
    });
    let mut family = proto::MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(match kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Gauge => proto::MetricType::GAUGE,
    });
    family.set_metric(metrics.collect());
    family
}

fn pair((name, value): (&str, String)) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value);
    pair
}

/// A count as Prometheus has it: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "the format knows floats only")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

pub(super) fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

pub(super) fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

pub(super) fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    registered(registry, HistogramVec::new(options, labels))
}

#[expect(
    clippy::expect_used,
    reason = "names, labels and buckets are constants, and a test registers them all"
)]
fn registered<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("a valid metric");
    registry.register(Box::new(collector.clone())).expect("a name used once");
    collector
}
