//! Puts a whole together: gateways, clients, tasks and what runs them, in one simulated network, and plays a story.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use wakegate::clock::Clock;
use wakegate::{Config, Gateway};

use super::chaos::{Act, FAULTS_END, Story};
use super::checker::Terms;
use super::clients::{Ask, Client, wander};
use super::history::{Entry, Event, History, Sort};
use super::net::SimNet;
use super::platform::{Platform, Software};
use super::stage::Stage;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 1);
/// The address of the platform itself.
pub(crate) const AWS: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);

/// How much time passes at once: nothing between two hosts is faster.
const TICK: Duration = Duration::from_millis(5);
/// From the end of the faults until all works again, at most.
const RECOVERY: Duration = Duration::from_secs(60);
/// From the last request until all sleeps, at most.
const FALLS_ASLEEP: Duration = Duration::from_secs(20);
/// A wake takes at most this when nothing goes wrong, a graph's depth included.
const WAKE: Duration = Duration::from_secs(10);

/// What clients ask for by chance, equally often.
const SORTS: [Sort; 6] = [Sort::Page, Sort::Get, Sort::Get, Sort::Post, Sort::Post, Sort::Stream];

/// What a run is judged by.
pub(crate) const TERMS: Terms = Terms { wake: WAKE, lag: Duration::from_millis(60) };

fn task_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 2, 1 + number)
}

/// What a platform is made of.
pub(crate) struct Ground {
    pub(crate) seed: u64,
    pub(crate) services: Vec<String>,
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) stage: Stage,
    pub(crate) history: History,
}

/// Plays a story on the platform that `make` makes, to its end. Gives back what was seen.
///
/// Everything that chance decides comes from the story's seed, so one run is like the other.
pub(crate) fn play<P: Platform + 'static>(story: &Story, make: impl FnOnce(Ground) -> P) -> Vec<Entry> {
    fastrand::seed(story.seed);
    let (history, net) = (History::default(), SimNet::default());
    let addresses: Vec<Ipv4Addr> = (0..story.addresses).map(task_address).collect();
    let stage = Stage::new(&addresses, history.clone(), net.clone());
    let platform = Rc::new(make(Ground {
        seed: story.seed,
        services: story.services.clone(),
        addresses: addresses.clone(),
        stage: stage.clone(),
        history: history.clone(),
    }));

    let mut sim = turmoil::Builder::new()
        .rng_seed(story.seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(600))
        // The same for every message, so that the order of sending decides nothing.
        .min_message_latency(story.latency)
        .max_message_latency(story.latency)
        .tcp_capacity(1024)
        .build();
    {
        let platform = platform.clone();
        sim.host(AWS, move || platform.software());
    }
    for ip in &addresses {
        let (stage, ip) = (stage.clone(), *ip);
        sim.host(ip, move || stage.clone().host(ip));
    }
    {
        let (config, net, platform) = (story.config.clone(), net.clone(), platform.clone());
        sim.host(GATEWAY, move || gateway(config.clone(), net.clone(), platform.clone()));
    }
    sim.client(CLIENTS, clients(story.clone(), history.clone(), platform.clone()));

    let mut acts = story.acts.iter().peekable();
    let mut stage_hands = Hands { net: net.clone(), held: BTreeSet::new(), down: false };
    loop {
        history.at(sim.elapsed());
        while let Some((_, act)) = acts.next_if(|(at, _)| *at <= sim.elapsed()) {
            history.tell(Event::Fault(format!("{act:?}")));
            stage_hands.carry_out(act, &mut sim, &*platform, &history);
        }
        if step(&mut sim) {
            break;
        }
    }
    history.close()
}

fn gateway<P: Platform + 'static>(config: String, net: SimNet, platform: Rc<P>) -> Software {
    Box::pin(async move {
        let plan = Config::text("simulation", config).load().map_err(|problems| problems.to_string())?;
        let gateway =
            Gateway::bind(plan, Arc::new(net.clone()), Clock::start(), |nudge| platform.providers(nudge))
                .await?;
        tokio::select! {
            biased;
            () = net.dies() => std::future::pending().await,
            ended = gateway.run(std::future::pending()) => drop(ended?),
        }
        Ok(())
    })
}

/// Lets a tick pass. Says whether the clients have done.
fn step(sim: &mut turmoil::Sim<'_>) -> bool {
    sim.step().unwrap_or_else(|error| panic!("a host failed: {error}"))
}

/// What the story has done that is to be undone.
struct Hands {
    net: SimNet,
    held: BTreeSet<u8>,
    down: bool,
}

impl Hands {
    fn carry_out(
        &mut self,
        act: &Act,
        sim: &mut turmoil::Sim<'_>,
        platform: &dyn Platform,
        history: &History,
    ) {
        let name = || "gateway".to_owned();
        match act {
            Act::Mishap(mishap) => platform.mishap(mishap),
            Act::Hold(address) => {
                self.held.insert(*address);
                sim.hold(GATEWAY, task_address(*address));
            }
            Act::Release(address) => {
                self.held.remove(address);
                sim.release(GATEWAY, task_address(*address));
            }
            Act::Kill if !self.down => {
                self.down = true;
                history.tell(Event::Killed { gateway: name() });
                self.net.kill();
                // One step, in which it loses its connections.
                step(sim);
                sim.crash(GATEWAY);
                self.net.revive();
            }
            Act::Start if self.down => {
                self.down = false;
                sim.bounce(GATEWAY);
                history.tell(Event::Back { gateway: name() });
            }
            Act::Kill | Act::Start => {}
            Act::Calm => {
                platform.calm();
                for address in std::mem::take(&mut self.held) {
                    sim.release(GATEWAY, task_address(address));
                }
                if self.down {
                    self.carry_out(&Act::Start, sim, platform, history);
                }
            }
        }
    }
}

/// All who ask. First by chance, while things go wrong; then comes the end of every story: all services come back, fall
/// asleep, are woken once more, and fall asleep.
async fn clients<P: Platform>(story: Story, history: History, platform: Rc<P>) -> turmoil::Result {
    let mut wandering = JoinSet::new();
    for number in 0..story.clients {
        let client = Client::new(GATEWAY, history.clone());
        let rng = fastrand::Rng::with_seed(story.seed ^ (1 << (40 + number)));
        // One browser: tokio's `watch`, which tells open pages of changes, wakes several in an order that chance
        // decides, and not the seed's.
        let sorts = if number == 0 { &SORTS[..] } else { &SORTS[1..] };
        let name = format!("c{number}");
        wandering.spawn(wander(client, name, sorts, story.services.clone(), rng, FAULTS_END));
    }
    sleep(FAULTS_END).await;
    wandering.join_all().await;
    let give_up = history.now() + RECOVERY;
    let mut client = Client::new(GATEWAY, history.clone());
    for service in &story.services {
        for number in 0.. {
            let id = format!("back-{service}-{number}");
            if client.ask(&ask(id, service, Sort::Get)).await || history.now() > give_up {
                break;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
    falls_asleep(&history, &*platform).await;
    history.tell(Event::Sound);
    for (number, service) in story.services.iter().enumerate() {
        let sort = if number % 2 == 0 { Sort::Post } else { Sort::Get };
        client.ask(&ask(format!("end-{service}"), service, sort)).await;
    }
    falls_asleep(&history, &*platform).await;
    history.tell(Event::Quiet { awake: platform.awake() });
    Ok(())
}

fn ask(id: String, service: &str, sort: Sort) -> Ask {
    Ask { id, service: service.to_owned(), sort, leaves_after: None, fresh: true }
}

async fn falls_asleep(history: &History, platform: &dyn Platform) {
    let give_up = history.now() + FALLS_ASLEEP;
    while !platform.awake().is_empty() && history.now() < give_up {
        sleep(Duration::from_millis(100)).await;
    }
}
