//! What a seed decides: which services there are, who comes, and what goes wrong when.

use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

use super::checker::Terms;
use super::clients::Ask;
use super::platform::{Mishap, Trouble};
use super::stage::Manners;

/// How long things take at most, and how finely time is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How much time passes at once: nothing between two hosts is faster.
    pub(crate) tick: Duration,
    /// How long things go wrong.
    pub(crate) faults_end: Duration,
    /// From the end of the faults until all works again, at most.
    pub(crate) recovery: Duration,
    /// From the last request until all sleeps, at most.
    pub(crate) falls_asleep: Duration,
}

/// That of a platform in memory.
const PLAIN: Pace = Pace {
    tick: Duration::from_millis(5),
    faults_end: Duration::from_secs(10),
    recovery: Duration::from_secs(60),
    falls_asleep: Duration::from_secs(20),
};

/// What a run on it is judged by.
const TERMS: Terms = Terms {
    wake: Duration::from_secs(10),
    lag: Duration::from_millis(60),
    notice: Duration::from_secs(35),
    shared: false,
};

/// The story of one seed.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) services: Vec<String>,
    /// The configuration of each gateway.
    pub(crate) config: String,
    pub(crate) gateways: u8,
    /// So many ask by chance.
    pub(crate) clients: usize,
    /// These ask at their times, each a gateway of its number.
    pub(crate) asks: Vec<(Duration, u8, Ask)>,
    pub(crate) addresses: u8,
    /// Of a message between two hosts.
    pub(crate) latency: Duration,
    /// By time.
    pub(crate) acts: Vec<(Duration, Act)>,
    pub(crate) pace: Pace,
    pub(crate) terms: Terms,
}

/// Something that happens to the whole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// To the platform or its tasks.
    Mishap(Mishap),
    /// What the gateway and the address of this number send each other is held up.
    Hold(u8),
    /// It is let go.
    Release(u8),
    /// The gateway of this number is killed.
    Kill(u8),
    /// It is started again.
    Start(u8),
    /// What this gateway and AWS send each other is lost.
    Cut(u8),
    /// It arrives again.
    Mend(u8),
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
        let (pace, terms) = (PLAIN, TERMS);
        let story = Self {
            seed,
            services,
            config,
            gateways: 1,
            clients,
            asks: Vec::new(),
            addresses,
            latency,
            acts,
            pace,
            terms,
        };
        story.calms_down()
    }

    /// The same, with an end to the faults.
    pub(crate) fn calms_down(mut self) -> Self {
        self.acts.push((self.pace.faults_end, Act::Calm));
        self.acts.sort_by_key(|(at, _)| *at);
        self
    }
}

fn config(services: &[String], rng: &mut Rng) -> String {
    let idle = rng.u64(500..2500);
    let mut text = format!(
        "listeners: [{{ address: '0.0.0.0:80' }}]\n\
         defaults: {{ idle_after: {idle}ms, wake_timeout: 12s, hold_timeout: 20s, page_after: 1s }}\n\
         aws: {{ poll_every: 500ms, reconcile_every: 10s, settle: 0s }}\n\
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
    let last = u64::try_from(PLAIN.faults_end.as_millis()).unwrap_or(u64::MAX);
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
                (Act::Kill(0), Some(Act::Start(0)))
            }
            _ => continue,
        };
        acts.push((Duration::from_millis(begin), from));
        acts.extend(to.map(|to| (Duration::from_millis(end), to)));
    }
    acts
}
