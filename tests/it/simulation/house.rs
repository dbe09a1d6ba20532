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

use super::chaos::{Act, Story};
use super::clients::{Ask, Client, wander};
use super::history::{Entry, Event, History, Sort};
use super::net::SimNet;
use super::platform::{Platform, Software, Start};
use super::stage::Stage;

const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 1);
/// The address of the platform itself.
pub(crate) const AWS: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);

/// What clients ask for by chance, equally often.
const SORTS: [Sort; 6] = [Sort::Page, Sort::Get, Sort::Get, Sort::Post, Sort::Post, Sort::Stream];

pub(crate) fn gateway_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 1 + number)
}

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
    let history = History::default();
    let nets: Vec<SimNet> = (0..story.gateways).map(|_| SimNet::default()).collect();
    let addresses: Vec<Ipv4Addr> = (0..story.addresses).map(task_address).collect();
    let stage = Stage::new(&addresses, history.clone(), nets.clone());
    let platform = Rc::new(make(Ground {
        seed: story.seed,
        services: story.services.clone(),
        addresses: addresses.clone(),
        stage: stage.clone(),
        history: history.clone(),
    }));

    let mut sim = turmoil::Builder::new()
        .rng_seed(story.seed)
        .tick_duration(story.pace.tick)
        .simulation_duration(Duration::from_secs(3600))
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
    for (number, net) in (0..).zip(&nets) {
        let (config, net, platform) = (story.config.clone(), net.clone(), platform.clone());
        let host = move || gateway(number, config.clone(), net.clone(), platform.clone());
        sim.host(gateway_address(number), host);
    }
    sim.client(CLIENTS, clients(story.clone(), history.clone(), platform.clone()));

    let mut acts = story.acts.iter().peekable();
    let mut stage_hands = Hands { nets, ..Hands::default() };
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

fn gateway<P: Platform + 'static>(number: u8, config: String, net: SimNet, platform: Rc<P>) -> Software {
    Box::pin(async move {
        let plan = Config::text("simulation", config).load().map_err(|problems| problems.to_string())?;
        let (clock, aws) = (Clock::start(), plan.aws.clone());
        let providers = |nudge| platform.providers(Start { gateway: number, aws: &aws, clock, nudge });
        let gateway = Gateway::bind(plan, Arc::new(net.clone()), clock, providers).await?;
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
#[derive(Default)]
struct Hands {
    /// By gateway.
    nets: Vec<SimNet>,
    /// Addresses that gateways cannot talk with.
    held: BTreeSet<u8>,
    /// Gateways that are down.
    down: BTreeSet<u8>,
    /// Gateways that cannot talk with AWS.
    cut: BTreeSet<u8>,
}

impl Hands {
    fn carry_out(
        &mut self,
        act: &Act,
        sim: &mut turmoil::Sim<'_>,
        platform: &dyn Platform,
        history: &History,
    ) {
        match *act {
            Act::Mishap(ref mishap) => platform.mishap(mishap),
            Act::Hold(address) => {
                self.held.insert(address);
                self.each_gateway(|gateway| sim.hold(gateway, task_address(address)));
            }
            Act::Release(address) => {
                self.held.remove(&address);
                self.each_gateway(|gateway| sim.release(gateway, task_address(address)));
            }
            Act::Kill(gateway) => {
                if self.down.insert(gateway) {
                    history.tell(Event::Killed { gateway });
                    let net = &self.nets[usize::from(gateway)];
                    net.kill();
                    // One step, in which it loses its connections.
                    step(sim);
                    sim.crash(gateway_address(gateway));
                    net.revive();
                }
            }
            Act::Start(gateway) => {
                if self.down.remove(&gateway) {
                    sim.bounce(gateway_address(gateway));
                    history.tell(Event::Back { gateway });
                }
            }
            Act::Cut(gateway) => {
                if self.cut.insert(gateway) {
                    sim.partition(gateway_address(gateway), AWS);
                }
            }
            Act::Mend(gateway) => {
                if self.cut.remove(&gateway) {
                    sim.repair(gateway_address(gateway), AWS);
                }
            }
            Act::Calm => self.calm(sim, platform, history),
        }
    }

    fn calm(&mut self, sim: &mut turmoil::Sim<'_>, platform: &dyn Platform, history: &History) {
        platform.calm();
        let held = self.held.iter().copied().map(Act::Release);
        let down = self.down.iter().copied().map(Act::Start);
        let cut = self.cut.iter().copied().map(Act::Mend);
        let acts: Vec<Act> = held.chain(cut).chain(down).collect();
        for act in &acts {
            self.carry_out(act, sim, platform, history);
        }
    }

    fn each_gateway(&self, act: impl FnMut(Ipv4Addr)) {
        (0..).zip(&self.nets).map(|(number, _)| gateway_address(number)).for_each(act);
    }
}

/// All who ask. First by chance, while things go wrong; then comes the end of every story: all services come back, fall
/// asleep, are woken once more, and fall asleep.
async fn clients<P: Platform>(story: Story, history: History, platform: Rc<P>) -> turmoil::Result {
    let mut wandering = JoinSet::new();
    for number in 0..story.clients {
        let client = client_of(u8::try_from(number).unwrap_or_default() % story.gateways, &history);
        let rng = fastrand::Rng::with_seed(story.seed ^ (1 << (40 + number)));
        // One browser: tokio's `watch`, which tells open pages of changes, wakes several in an order that chance
        // decides, and not the seed's.
        let sorts = if number == 0 { &SORTS[..] } else { &SORTS[1..] };
        let name = format!("c{number}");
        wandering.spawn(wander(client, name, sorts, story.services.clone(), rng, story.pace.faults_end));
    }
    for (at, via, ask) in story.asks.clone() {
        let mut client = client_of(via, &history);
        wandering.spawn(async move {
            sleep(at).await;
            client.ask(&ask).await;
        });
    }
    sleep(story.pace.faults_end).await;
    wandering.join_all().await;
    let give_up = history.now() + story.pace.recovery;
    let mut client = client_of(0, &history);
    for service in &story.services {
        for number in 0.. {
            let id = format!("back-{service}-{number}");
            if client.ask(&ask(id, service, Sort::Get)).await || history.now() > give_up {
                break;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
    // Deployments that found no place, and are tried again after pauses, keep services awake.
    falls_asleep(&history, &*platform, story.pace.recovery).await;
    history.tell(Event::Sound);
    for (number, service) in story.services.iter().enumerate() {
        let sort = if number % 2 == 0 { Sort::Post } else { Sort::Get };
        let mut client = client_of(u8::try_from(number).unwrap_or_default() % story.gateways, &history);
        client.ask(&ask(format!("end-{service}"), service, sort)).await;
    }
    falls_asleep(&history, &*platform, story.pace.falls_asleep).await;
    history.tell(Event::Quiet { awake: platform.awake() });
    Ok(())
}

fn ask(id: String, service: &str, sort: Sort) -> Ask {
    Ask { id, service: service.to_owned(), sort, leaves_after: None, fresh: true }
}

fn client_of(gateway: u8, history: &History) -> Client {
    Client::new((gateway, gateway_address(gateway)), history.clone())
}

async fn falls_asleep(history: &History, platform: &dyn Platform, limit: Duration) {
    let give_up = history.now() + limit;
    while !platform.awake().is_empty() && history.now() < give_up {
        sleep(Duration::from_millis(100)).await;
    }
}
