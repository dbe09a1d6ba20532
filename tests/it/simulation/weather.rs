//! What a seed decides where the services run on Amazon ECS: which there are, how they are asked for, and what goes
//! wrong when.

use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

use super::amazon::{Amazon, CLUSTER, Nature, QUEUE};
use super::chaos::{Pace, Story};
use super::checker::Terms;
use super::history::Entry;
use super::house::{AWS, play};
use super::stage::PORT;
use super::storms;
use crate::simulator::app::AppBehaviour;
use crate::simulator::balancers::{group_arn, load_balancer_arn};
use crate::simulator::groups;
use crate::simulator::pool::Reuse;
use crate::simulator::service::ServiceSetup;

/// How long things take on an Amazon ECS that is ten times faster than the real one.
const PACE: Pace = Pace {
    tick: Duration::from_millis(20),
    faults_end: Duration::from_secs(20),
    recovery: Duration::from_secs(180),
    falls_asleep: Duration::from_secs(40),
};
const SPEED: f64 = 10.0;

/// How long the gateway reckons with stale answers.
const SETTLE: Duration = Duration::from_secs(2);
/// How often the gateway looks at everything.
const RECONCILE: Duration = Duration::from_secs(4);

/// The story of one seed, and the Amazon ECS that it plays on.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) story: Story,
    pub(crate) nature: Nature,
}

impl Weather {
    /// The weather of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let names: Vec<String> = (0..rng.usize(1..=3)).map(|number| format!("s{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut weather = Self::fair(seed, &names);
        weather.nature.vary(&mut rng);
        if rng.u8(..5) == 0 {
            weather.share();
        }
        let depends_on = depends_on(names.len(), &mut rng);
        let (story, nature) = (&mut weather.story, &weather.nature);
        story.config = config(nature, Duration::from_millis(rng.u64(1_000..3_000)), &depends_on);
        story.clients = rng.usize(2..=3);
        story.latency = Duration::from_millis(rng.u64(1..20));
        if rng.u8(..8) > 0 {
            story.acts = storms::acts(story, &mut rng);
        }
        weather.calms_down()
    }

    /// The same, with another quiet time.
    pub(crate) fn idle_after(self, idle: Duration) -> Self {
        let depends_on = vec![String::new(); self.story.services.len()];
        self.graph(idle, &depends_on)
    }

    /// The same, with another quiet time and the `depends_on` of each service.
    pub(crate) fn graph(mut self, idle: Duration, depends_on: &[String]) -> Self {
        self.story.config = config(&self.nature, idle, depends_on);
        self
    }

    /// Two gateways before the same services. They do not tell each other what they serve, so one may put to sleep
    /// what the other uses: what is promised then is less, and said in [`Terms::shared`].
    pub(crate) fn share(&mut self) {
        self.story.gateways = 2;
        self.story.terms.shared = true;
        // As addresses rest, more are needed.
        self.story.addresses *= 2;
        // Who was not told cannot know that an address is another's: the real ECS takes its time with them.
        self.nature.reuse = Reuse::AfterDeprovisioning;
        self.nature.rest_for_all = true;
    }

    /// The same, with an end to what goes wrong.
    pub(crate) fn calms_down(self) -> Self {
        Self { story: self.story.calms_down(), ..self }
    }

    /// Fair weather over these services, which depend on nothing.
    pub(crate) fn fair(seed: u64, names: &[&str]) -> Self {
        let services: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let nature = Nature {
            services: services.iter().map(|name| ServiceSetup::new(CLUSTER, name, PORT)).collect(),
            speed: SPEED,
            reuse: Reuse::AtOnce,
            rest: Duration::from_secs(20),
            events: None,
            rest_for_all: false,
            scalable: Vec::new(),
            groups: Vec::new(),
        };
        let terms = Terms {
            wake: Duration::from_secs(15),
            lag: Duration::from_millis(200),
            notice: RECONCILE + SETTLE + Duration::from_secs(6),
            shared: false,
        };
        let addresses = u8::try_from(services.len()).unwrap_or(1) * 2 + 1;
        let config = config(&nature, Duration::from_millis(1_500), &vec![String::new(); services.len()]);
        let story = Story {
            seed,
            services,
            config,
            gateways: 1,
            clients: 2,
            asks: Vec::new(),
            addresses,
            latency: Duration::from_millis(5),
            acts: Vec::new(),
            pace: PACE,
            terms,
        };
        Self { story, nature }
    }
}

impl Nature {
    fn vary(&mut self, rng: &mut Rng) {
        self.reuse = if rng.bool() { Reuse::AtOnce } else { Reuse::AfterDeprovisioning };
        self.events = rng.bool().then(|| [0.2, 0.2, if rng.bool() { 0.1 } else { 0.0 }]);
        for service in &mut self.services {
            let name = service.name.clone();
            service.app = AppBehaviour {
                boot: Duration::from_millis(rng.u64(0..1_500)),
                warm: Some(Duration::from_millis(if rng.bool() { 0 } else { rng.u64(0..800) })),
                farewell: Duration::from_millis(rng.u64(100..2_500)),
                ..AppBehaviour::default()
            };
            service.desired = u32::from(rng.u8(..4) == 0);
            service.circuit_breaker = [None, Some(false), Some(true)][rng.usize(..3)];
            if rng.u8(..4) == 0 {
                let arn = group_arn(&name);
                self.groups.push(groups::Settings {
                    load_balancer: Some(load_balancer_arn("front")),
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_millis(500),
                    healthy: 2,
                    // It leaves apps the time to boot.
                    unhealthy: 10,
                    deregistration_delay: Duration::from_secs(1),
                    ..groups::Settings::new(&arn, &name, PORT)
                });
                service.target_groups = vec![arn];
            }
            if rng.u8(..3) == 0 {
                self.scalable.push((name, rng.i64(1..=2), 3));
            }
        }
    }
}

/// The `depends_on` of so many services, each on some of those before it.
fn depends_on(count: usize, rng: &mut Rng) -> Vec<String> {
    let mut edges = |number: usize| {
        let edges = (0..number).filter_map(|on| {
            let words = ["condition: healthy", "condition: started", "condition: healthy, start: after"];
            (rng.u8(..2) == 0).then(|| format!("s{on}: {{ {} }}", words[rng.usize(..words.len())]))
        });
        edges.collect::<Vec<_>>().join(", ")
    };
    (0..count).map(&mut edges).collect()
}

/// The gateway's configuration, with the `depends_on` of each service.
fn config(nature: &Nature, idle: Duration, depends_on: &[String]) -> String {
    let idle = idle.as_millis();
    let mut text = format!(
        "listeners: [{{ address: '0.0.0.0:80' }}]\n\
         defaults: {{ idle_after: {idle}ms, wake_timeout: 30s, hold_timeout: 25s, page_after: 1s }}\n\
         aws: {{ poll_every: 400ms, reconcile_every: {}s, settle: {}s, request_timeout: 2s }}\n",
        RECONCILE.as_secs(),
        SETTLE.as_secs(),
    );
    if nature.events.is_some() {
        writeln!(text, "events: {{ queue_url: 'http://{AWS}/123456789012/{QUEUE}' }}").unwrap();
    }
    text.push_str("services:\n");
    for (service, depends_on) in nature.services.iter().zip(depends_on) {
        let name = &service.name;
        writeln!(
            text,
            "  {name}:\n    ecs: {{ cluster: {CLUSTER}, service: {name}, port: {PORT} }}\n    \
             health: {{ path: /healthz, interval: 200ms, timeout: 1s }}\n    depends_on: {{ {depends_on} }}"
        )
        .unwrap();
    }
    text.push_str("routes:\n");
    for service in &nature.services {
        writeln!(text, "  - {{ host: {0}.example, service: {0} }}", service.name).unwrap();
    }
    text
}

/// Plays a story to its end.
pub(crate) fn history_of(weather: &Weather) -> Vec<Entry> {
    let nature = weather.nature.clone();
    play(&weather.story, |ground| Amazon::new(&ground, nature))
}
