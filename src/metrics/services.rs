use prometheus::proto::MetricFamily;

use super::family::{Kind, Sample, family, float};
use super::ledger::Ledger;
use crate::driver::Gates;
use crate::gate::Gate;
use crate::model::Phase;

/// What is read off the gates, as it stands.
pub(super) fn collect(gates: &Gates, ledger: &Ledger) -> Vec<MetricFamily> {
    let each = |value: fn(&Gate) -> f64| -> Vec<Sample> {
        gates.all.iter().map(|gate| (vec![("service", gate.name().to_string())], value(gate))).collect()
    };
    let by_phase = |value: &dyn Fn(&Gate, Phase) -> f64| -> Vec<Sample> {
        let pairs = gates.all.iter().flat_map(|gate| Phase::ALL.map(|phase| (gate, phase)));
        pairs
            .map(|(gate, phase)| {
                let labels = vec![("service", gate.name().to_string()), ("phase", phase.as_str().to_owned())];
                (labels, value(gate, phase))
            })
            .collect()
    };
    vec![
        family(
            "wakegate_held",
            "Requests that wait for their service now.",
            Kind::Gauge,
            each(|gate| float(gate.activity().held)),
        ),
        family(
            "wakegate_in_flight",
            "Requests that a service is answering now, upgraded connections among them.",
            Kind::Gauge,
            each(|gate| float(gate.activity().in_flight)),
        ),
        family(
            "wakegate_healthy_targets",
            "Targets of the service that pass their health check now.",
            Kind::Gauge,
            each(|gate| float(u64::try_from(gate.view().healthy).unwrap_or(u64::MAX))),
        ),
        family(
            "wakegate_phase",
            "1 for the phase that the service is in, 0 for the others.",
            Kind::Gauge,
            by_phase(&|gate, phase| f64::from(u8::from(gate.view().phase == phase))),
        ),
        family(
            "wakegate_phase_seconds_total",
            "Time that the service has spent in each phase since the gateway started. What is not asleep is paid for.",
            Kind::Counter,
            by_phase(&|gate, phase| ledger.total(gate.name(), phase).as_secs_f64()),
        ),
    ]
}
