//! What a seed decides: which services there are, who comes, and what goes wrong when.

use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

use super::platform::{Mishap, Trouble};
use super::stage::Manners;

/// How long things go wrong.
pub(crate) const FAULTS_END: Duration = Duration::from_secs(10);

/// The story of one seed.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) services: Vec<String>,
    /// The gateway's configuration.
    pub(crate) config: String,
    pub(crate) clients: usize,
    pub(crate) addresses: u8,
    /// Of a message between two hosts.
    pub(crate) latency: Duration,
    /// By time.
    pub(crate) acts: Vec<(Duration, Act)>,
}

/// Something that happens to the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// To the platform or its tasks.
    Mishap(Mishap),
    /// What the gateway and the address of this number send each other is held up.
    Hold(u8),
    /// It is let go.
    Release(u8),
    /// The gateway is killed.
    Kill,
    /// It is started again.
    Start,
    /// The faults are over.
    Calm,
}

impl Story {
    /// The story of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let services: Vec<String> = (0..rng.usize(1..=3)).map(|number| format!("s{number}")).collect();
        let config = config(&services, &mut rng);
        let addresses = u8::try_from(services.len()).unwrap_or(1) + rng.u8(0..=1);
        let clients = rng.usize(2..=3);
        let latency = Duration::from_millis(rng.u64(1..20));
        let acts = if rng.u8(..8) == 0 { Vec::new() } else { acts(&services, addresses, &mut rng) };
        let mut story = Self { seed, services, config, clients, addresses, latency, acts };
        story.acts.push((FAULTS_END, Act::Calm));
        story.acts.sort_by_key(|(at, _)| *at);
        story
    }
}

fn config(services: &[String], rng: &mut Rng) -> String {
    let idle = rng.u64(500..2500);
    let mut text = format!(
        "listeners: [{{ address: '0.0.0.0:80' }}]\n\
         defaults: {{ idle_after: {idle}ms, wake_timeout: 12s, hold_timeout: 20s, page_after: 1s }}\n\
         services:\n"
    );
    for (number, name) in services.iter().enumerate() {
        let depends_on: Vec<String> = (0..number)
            .filter_map(|on| {
                let start = if rng.u8(..3) == 0 { ", start: after" } else { "" };
                let condition = if rng.u8(..4) == 0 { "started" } else { "healthy" };
                let condition = if start.is_empty() { condition } else { "healthy" };
                (rng.u8(..2) == 0).then(|| format!("s{on}: {{ condition: {condition}{start} }}"))
            })
            .collect();
        let depends_on = depends_on.join(", ");
        writeln!(
            text,
            "  {name}:\n    ecs: {{ cluster: demo, service: {name}, port: 8080 }}\n    \
             health: {{ path: /healthz, interval: 200ms, timeout: 1s }}\n    depends_on: {{ {depends_on} }}"
        )
        .unwrap();
    }
    text.push_str("routes:\n");
    for name in services {
        writeln!(text, "  - {{ host: {name}.example, service: {name} }}").unwrap();
    }
    text
}

fn acts(services: &[String], addresses: u8, rng: &mut Rng) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    let last = u64::try_from(FAULTS_END.as_millis()).unwrap_or(u64::MAX);
    let mut killed_until = 0;
    for _ in 0..rng.usize(1..=6) {
        let begin = rng.u64(200..last - 1000);
        let end = (begin + rng.u64(100..4000)).min(last - 1);
        let service = services[rng.usize(..services.len())].clone();
        let (from, to) = match rng.u8(..12) {
            0..3 => (Act::Mishap(Mishap::Death(service)), None),
            3..5 => {
                let manners = [Manners::Unwell, Manners::Hangs, Manners::Resets][rng.usize(..3)];
                (
                    Act::Mishap(Mishap::Manners(service.clone(), manners)),
                    Some(Act::Mishap(Mishap::Manners(service, Manners::Good))),
                )
            }
            5..7 => {
                let trouble = [Trouble::Fails, Trouble::FailsDone, Trouble::Hangs, Trouble::HangsDone];
                let trouble = trouble[rng.usize(..trouble.len())];
                (Act::Mishap(Mishap::Scale(trouble)), Some(Act::Mishap(Mishap::Scale(Trouble::None))))
            }
            7..9 => {
                let trouble = [Trouble::Fails, Trouble::Hangs][rng.usize(..2)];
                (Act::Mishap(Mishap::Observe(trouble)), Some(Act::Mishap(Mishap::Observe(Trouble::None))))
            }
            9..11 => {
                let address = rng.u8(..addresses);
                (Act::Hold(address), Some(Act::Release(address)))
            }
            _ if begin > killed_until => {
                killed_until = end;
                (Act::Kill, Some(Act::Start))
            }
            _ => continue,
        };
        acts.push((Duration::from_millis(begin), from));
        acts.extend(to.map(|to| (Duration::from_millis(end), to)));
    }
    acts
}
