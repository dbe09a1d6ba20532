//! `wakegate serve`, and what `demo` shares with it: signals, reload, the way down.

#[cfg(feature = "ecs")]
mod check;

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use super::providers::Running;
use super::{Failure, load, log, watch};
use crate::clock::Clock;
use crate::config::{Config, Plan};
use crate::gateway::{Drained, Gateway, GatewayError, Handle, Stop, allow_open_files};
use crate::model::duration;
use crate::net::TokioNet;

/// Run the gateway (also where no verb is given)
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate serve --config wakegate.yaml")]
pub(super) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "every verb is run this way")]
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        log::start()?;
        let plan = load(config)?;
        run(plan, Some(config.clone()), |gateway| {
            for address in gateway.addresses() {
                info!(%address, "listening on {address}");
            }
            if let Some(address) = gateway.admin_address() {
                info!(%address, "the admin API is on {address}");
            }
        })
    }
}

/// Runs a gateway until a signal ends it. `config` is loaded again at SIGHUP and when its files change.
pub(super) fn run(
    plan: Plan,
    config: Option<Config>,
    announce: impl FnOnce(&Gateway),
) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let clock = Clock::start();
        allow_open_files();
        let mut running = Running::prepare(&plan).await?;
        // Before the start, so that no change is missed that comes right after it.
        let changes = watch::Changes::of(plan.files.clone());
        let bound = Gateway::bind(plan, Arc::new(TokioNet), clock, |nudge| running.start(clock, nudge));
        let mut gateway = bound.await.map_err(|error| explained(&error))?;
        // Before anybody is told where to send signals to.
        let mut signals = Signals::new()?;
        announce(&gateway);
        let handle = gateway.handle();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(log::log_notices(gateway.notices()));
        let (reloaded, reloads) = tokio::sync::watch::channel(());
        #[cfg(feature = "ecs")]
        if let Some(ecs) = running.ecs() {
            tasks.spawn(check::keep_checking(check::of_plan(ecs, handle.clone()), reloads.clone()));
        }
        drop(reloads);
        if let Some(config) = config {
            tasks.spawn(reload(config, handle, signal(SignalKind::hangup())?, changes, reloaded));
        }
        let ended = serve(gateway, &mut signals).await;
        tasks.abort_all();
        running.shutdown().await;
        ended
    })
}

/// Serves until the first signal, lets what is in flight end, and breaks off at the second.
async fn serve(gateway: Gateway, signals: &mut Signals) -> Result<(), Failure> {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let delay = duration::format(gateway.handle().plan().drain_delay);
    let mut running = std::pin::pin!(gateway.run(async { stopped.await.unwrap_or(Stop::Now) }));
    let how = tokio::select! {
        ended = &mut running => return report(ended),
        how = signals.next() => how,
    };
    match how {
        Stop::Announced => info!("SIGTERM: no longer ready; the listeners close in {delay}"),
        Stop::Now => info!("SIGINT: the listeners close now"),
    }
    // It is there to hear it, or has ended.
    stop.send(how).ok();
    tokio::select! {
        ended = &mut running => report(ended),
        _ = signals.next() => {
            warn!("a second signal: connections are cut");
            Ok(())
        }
    }
}

fn report(ended: Result<Drained, GatewayError>) -> Result<(), Failure> {
    if ended.map_err(|error| explained(&error))? == Drained::Cut {
        warn!("the drain timeout was up before the last connection had ended");
    }
    Ok(())
}

fn explained(error: &GatewayError) -> Failure {
    let text = error.to_string();
    if error.is_of_configuration() { Failure::usage(text) } else { Failure::other(text) }
}

/// Loads the configuration again whenever it is worth it.
async fn reload(
    config: Config,
    handle: Handle,
    mut hangups: Signal,
    mut changes: watch::Changes,
    reloaded: tokio::sync::watch::Sender<()>,
) {
    loop {
        let why = tokio::select! {
            _ = hangups.recv() => "SIGHUP",
            () = changes.next() => "the file changed",
        };
        info!("reading the configuration again ({why})");
        match config.load() {
            Err(problems) => handle.refused(&problems),
            Ok(plan) => {
                let files = plan.files.clone();
                match handle.reload(plan).await {
                    Ok(()) => {
                        changes.follow(files);
                        reloaded.send_replace(());
                    }
                    Err(error) => handle.refused(&error),
                }
            }
        }
    }
}

/// The signals that end a gateway.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// SIGTERM comes from a platform, which has load balancers; SIGINT from somebody at a keyboard, who waits.
    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Announced,
            _ = self.interrupt.recv() => Stop::Now,
        }
    }
}
