#![expect(clippy::expect_used, reason = "a bench may fail loudly")]
//! Events per second: what one event costs must not grow with the number of services that it does not concern.
//!
//! `cargo bench --bench engine`. Each iteration is one event with the commands that it brings, on ten pairs (`web`
//! needs `db`) among a thousand or ten thousand that sleep.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wakegate::engine::{Command, Engine, Event, LookId, Settings};
use wakegate::model::{Dependency, Graph, Kind, Observation, ServiceId, Spec, Time};

/// How many pairs are in use.
const BUSY: u32 = 10;

struct Rig {
    engine: Engine,
    now: Time,
    looks: Vec<(ServiceId, LookId)>,
    counts: Vec<u32>,
    /// Events made so far.
    events: u64,
}

impl Rig {
    /// This many services, in pairs, all seen asleep.
    fn new(services: usize) -> Self {
        let specs = (0..services).map(|at| {
            let mut spec = Spec::new(format!("s{at}"), Kind::External("bench".into()));
            spec.limits.idle_after = Duration::from_secs(5);
            if at % 2 == 1 {
                let on = format!("s{}", at - 1).into();
                spec.depends_on.push(Dependency {
                    on,
                    condition: Default::default(),
                    start: Default::default(),
                });
            }
            spec
        });
        let graph = Graph::new(specs).expect("pairs are a graph");
        // No reconciliation: that is one event about all services, twice a minute.
        let settings = Settings { reconcile_every: Duration::from_secs(1 << 40), ..Settings::default() };
        let engine = Engine::new(graph.into(), settings, Time::ZERO);
        let counts = vec![0; services];
        let mut rig = Self { engine, now: Time::ZERO, looks: Vec::new(), counts, events: 0 };
        rig.carry_out();
        rig
    }

    /// One request for a pair, and all that follows until it has been served and the pair sleeps again.
    fn round(&mut self, pair: u32) {
        let web = ServiceId(pair * 2 + 1);
        self.handle(Event::Demand(web));
        while self.counts[web.index()] > 0 {
            self.now = self.engine.next_timer();
            self.handle(Event::Tick);
        }
    }

    fn handle(&mut self, event: Event) {
        self.events += 1;
        self.engine.handle(self.now, event);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut answers = Vec::new();
        loop {
            for command in self.engine.drain_commands() {
                match command {
                    Command::Scale { service, call, count } => {
                        self.counts[service.index()] = count;
                        answers.push(Event::Acknowledged { service, call, result: Ok(()) });
                    }
                    Command::Observe { service, look } => self.looks.push((service, look)),
                    Command::Drain(service) => answers.push(Event::Drained { service, in_flight: 0 }),
                    Command::Sample(service) => {
                        answers.push(Event::Sampled { service, active: 0, entered: 0, held: 0 });
                    }
                    other => drop(black_box(other)),
                }
            }
            for (service, look) in self.looks.drain(..) {
                let count = self.counts[service.index()];
                let seen = Observation { desired: count, running: count, ..Observation::default() };
                answers.push(Event::Observed { service, look, seen });
            }
            if answers.is_empty() {
                return;
            }
            for event in answers.drain(..) {
                self.events += 1;
                self.engine.handle(self.now, event);
            }
        }
    }
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine/events");
    group.throughput(Throughput::Elements(1));
    for services in [100, 1_000, 10_000] {
        let mut rig = Rig::new(services);
        group.bench_function(BenchmarkId::from_parameter(services), |bencher| {
            bencher.iter_custom(|events| {
                let clock = stopwatch();
                let end = rig.events + events;
                let mut pair = 0;
                let began = rig.events;
                while rig.events < end {
                    rig.round(pair % BUSY);
                    pair += 1;
                }
                // A round is finished even where the last event that was asked for lies within it.
                clock.elapsed().mul_f64(events as f64 / (rig.events - began) as f64)
            });
        });
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn stopwatch() -> std::time::Instant {
    std::time::Instant::now()
}

criterion_group!(benches, events);
criterion_main!(benches);
