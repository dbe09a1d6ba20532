//! What a seed decides where the services run on Amazon ECS: which there are, how they are asked for, and what goes
//! wrong when.

use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

use super::amazon::{Amazon, CLUSTER, Nature, QUEUE};
use super::blow::{Blow, Image};
use super::chaos::{Act, Pace, Story};
use super::checker::{Terms, check};
use super::history::{self, Entry};
use super::house::{AWS, play};
use super::platform::Mishap;
use super::stage::{Manners, PORT};
use crate::simulator::app::AppBehaviour;
use crate::simulator::balancers::{group_arn, load_balancer_arn};
use crate::simulator::fault::{Fault, FaultKind, Malformed};
use crate::simulator::groups;
use crate::simulator::pool::Reuse;
use crate::simulator::service::ServiceSetup;

/// How long things take on an Amazon ECS that is ten times faster than the real one.
const PACE: Pace = Pace {
    tick: Duration::from_millis(10),
    faults_end: Duration::from_secs(20),
    recovery: Duration::from_secs(90),
    falls_asleep: Duration::from_secs(40),
};
const SPEED: f64 = 10.0;

/// How long answers may be stale: less than what the gateway is told to reckon with.
const STALEST: u64 = 1_500;
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
    /// Fair weather over these services, which depend on nothing.
    pub(crate) fn fair(seed: u64, names: &[&str]) -> Self {
        let services: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let nature = Nature {
            services: services.iter().map(|name| ServiceSetup::new(CLUSTER, name, PORT)).collect(),
            speed: SPEED,
            reuse: Reuse::AtOnce,
            rest: Duration::from_secs(20),
            events: None,
            scalable: Vec::new(),
            groups: Vec::new(),
        };
        let terms = Terms {
            wake: Duration::from_secs(15),
            lag: Duration::from_millis(120),
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
            addresses,
            latency: Duration::from_millis(5),
            acts: Vec::new(),
            pace: PACE,
            terms,
        };
        Self { story, nature }
    }
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
        let health = match service.target_groups.first() {
            Some(arn) => format!("{{ target_group: '{arn}' }}"),
            None => "{ path: /healthz, interval: 200ms, timeout: 1s }".to_owned(),
        };
        writeln!(
            text,
            "  {name}:\n    ecs: {{ cluster: {CLUSTER}, service: {name}, port: {PORT} }}\n    \
             health: {health}\n    depends_on: {{ {depends_on} }}"
        )
        .unwrap();
    }
    text.push_str("routes:\n");
    for service in &nature.services {
        writeln!(text, "  - {{ host: {0}.example, service: {0} }}", service.name).unwrap();
    }
    text
}

pub(crate) fn history_of(weather: &Weather) -> Vec<Entry> {
    let nature = weather.nature.clone();
    play(&weather.story, |ground| Amazon::new(&ground, nature))
}

#[test]
fn in_fair_weather_services_sleep_and_wake() {
    let weather = Weather::fair(1, &["web", "api"]);
    let weather = Weather { story: weather.story.calms_down(), ..weather };
    let entries = history_of(&weather);
    println!("{}", history::text(&entries));
    let broken = check(&entries, weather.story.terms);
    assert!(broken.is_empty(), "{broken:?}");
}
