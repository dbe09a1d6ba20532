//! Puts everything together: listeners, routes, driver, admin API; reload and shutdown.

mod answers;
mod connection;
mod crowd;
mod error;
mod files;
mod front;
mod handle;
mod pace;
pub mod proxy_protocol;
mod redirect;
mod replay;
mod serve;
mod stop;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::{JoinHandle, JoinSet};
use tower_layer::Layer;

pub use error::GatewayError;
pub use files::allow_open_files;
pub use handle::Handle;
pub use serve::{Drained, ServeOptions, serve};
pub use stop::Stop;
pub use tls::TlsError;

use crate::admin::{Admin, AdminOptions};
use crate::clock::Clock;
use crate::config::Plan;
use crate::driver::{self, Control, Notice, Providers};
use crate::layer::{Table, WakeLayer};
use crate::metrics::{self, Metrics};
use crate::model::Bounds;
use crate::net::{Listener, Net};
use crate::page::Page;
use crate::peer::TrustedProxies;
use crate::provider::Nudge;
use crate::proxy::Proxy;
use crate::proxy::trace::Traces;
use crowd::Crowd;
use files::most_connections;
use front::{AdminFront, Front};
use pace::pace;
use proxy_protocol::Origins;
use redirect::ToHttps;
use serve::{Entrance, serve_with};
use stop::Leaving;
use tls::Terminator;

/// Those who still wait when the drain timeout is nearly up are told so this long before.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How many connections the admin API has.
const ADMIN_CONNECTIONS: usize = 100;
/// How long the admin API may take to end once everything else has.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// A listener whose address is bound.
#[derive(Debug)]
struct Bound {
    listener: Box<dyn Listener>,
    tls: Option<Arc<Terminator>>,
    redirect_to_https: Option<u16>,
    origins: Origins,
}

/// A gateway with its sockets open, ready to run.
#[derive(Debug)]
pub struct Gateway {
    listeners: Vec<Bound>,
    admin: Option<(Box<dyn Listener>, Admin)>,
    front: Front,
    driver: JoinHandle<()>,
    /// Since the driver's start, so that what was found at boot is counted.
    notices: broadcast::Receiver<Notice>,
    /// The same for whoever asks first.
    told: Option<broadcast::Receiver<Notice>>,
    handle: Handle,
    ready: watch::Sender<bool>,
}

impl Gateway {
    /// Opens the listeners and starts the driver. Nothing is started before every address is bound.
    ///
    /// `providers` makes what runs the services; a provider says through its [`Nudge`] when one is worth a look.
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn bind(
        plan: Plan,
        net: Arc<dyn Net>,
        clock: Clock,
        providers: impl FnOnce(Nudge) -> Providers,
    ) -> Result<Self, GatewayError> {
        let page = Page::new(&plan.page).map_err(GatewayError::Page)?;
        let (nudge, nudged) = Nudge::channel();
        let providers = providers(nudge);
        can_do(&plan, |name| providers.contains_key(name))?;
        let mut listeners = Vec::new();
        let proxies = TrustedProxies::new(plan.trusted_proxies.clone());
        for listener in &plan.listeners {
            let failed = |error| GatewayError::Tls(listener.address, error);
            let tls = listener.tls.as_ref().map(Terminator::new).transpose().map_err(failed)?.map(Arc::new);
            let redirect_to_https = listener.redirect_to_https;
            let origins = Origins { proxies: proxies.clone(), proxy_protocol: listener.proxy_protocol };
            let listener = listen(&*net, listener.address).await?;
            listeners.push(Bound { listener, tls, redirect_to_https, origins });
        }
        let terminators = listeners.iter().map(|bound| bound.tls.clone()).collect();
        let admin_listener = match &plan.admin {
            Some(admin) => Some(listen(&*net, admin.address).await?),
            None => None,
        };

        let options = driver::Options { max_held: plan.bounds.max_held, engine: pace(&plan) };
        let known: Vec<Arc<str>> = providers.keys().cloned().collect();
        let (control, driver) =
            driver::start(plan.graph.clone(), providers, nudged, net.clone(), clock, options);
        let (notices, told) = (control.notices(), Some(control.notices()));
        let metrics = Metrics::new();
        let table = table(&plan, &control, &metrics);
        let layer = WakeLayer::new(table, page, clock, metrics.meter(""));
        layer.set_held_size(plan.bounds.held_size);
        layer.limit_wakes(plan.wake_limits);
        let front = Front::new(
            layer.layer(Proxy::behind_front(net, plan.timeouts.clone(), files::most_pipes())),
            metrics.meter(""),
            &plan.bounds,
            if plan.makes_traces { Traces::Make } else { Traces::Keep },
        );
        let (ready, readiness) = watch::channel(true);
        let admin = admin_listener.zip(plan.admin.as_ref()).map(|(listener, admin)| {
            let options = AdminOptions {
                token: admin.token.clone(),
                hosts: admin.hosts.clone(),
                ..AdminOptions::default()
            };
            (listener, Admin::new(options, control.clone(), metrics.clone(), readiness))
        });
        let plan = Arc::new(Mutex::new(Arc::new(plan)));
        let handle = Handle { layer, control, metrics, plan, terminators, known: known.into() };
        Ok(Self { listeners, admin, front, driver, notices, told, handle, ready })
    }

    /// Where requests come in: the addresses that the listeners really have.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|bound| bound.listener.local_addr().ok()).collect()
    }

    /// Where the admin API is, if anywhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// What happens: since the driver's start for the first who asks, from now on for others.
    pub fn notices(&mut self) -> broadcast::Receiver<Notice> {
        self.told.take().unwrap_or_else(|| self.handle.control.notices())
    }

    /// To reload and observe the gateway while it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until `stop` resolves. From then on it is not ready. Where that is to be announced it serves on for
    /// `drain_delay`; then it closes its listeners and lets what is in flight end, for `drain_timeout` at most.
    ///
    /// # Errors
    /// [`GatewayError::Driver`].
    pub async fn run(self, stop: impl Future<Output = Stop>) -> Result<Drained, GatewayError> {
        let Self { listeners, admin, front, mut driver, notices, handle, ready, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let plan = handle.plan();
        let (delay, drain) = (plan.drain_delay, plan.drain_timeout);
        let options = ServeOptions { drain, bounds: plan.bounds.clone(), timeouts: plan.timeouts.clone() };
        let crowd = Crowd::new(&Bounds {
            connections: most_connections(plan.bounds.connections),
            ..plan.bounds.clone()
        });
        let leaving = Leaving::default();
        let counting = tokio::spawn(metrics::record(notices, handle.metrics.clone()));
        let mut fronts = JoinSet::new();
        for Bound { listener, tls, redirect_to_https, origins } in listeners {
            let (front, stop) = (front.clone(), until(stopped.clone()));
            let (crowd, leaving, options) = (crowd.clone(), leaving.clone(), options.clone());
            let entrance = Entrance { origins, tls, crowd, leaving, is_direct: true };
            match redirect_to_https {
                Some(port) => {
                    let redirect = ToHttps::new(port, handle.terminators.clone());
                    fronts.spawn(serve_with(listener, entrance, redirect, stop, options))
                }
                None => fronts.spawn(serve_with(listener, entrance, front, stop, options)),
            };
        }
        let (admin_stopping, admin_stopped) = watch::channel(false);
        let admin = admin.map(|(listener, admin)| {
            // A crowd of its own: it answers when there is no place elsewhere.
            let bounds = Bounds { connections: ADMIN_CONNECTIONS, ..options.bounds };
            let options = ServeOptions { drain: ADMIN_DRAIN, bounds, ..options };
            tokio::spawn(serve(listener, AdminFront(admin), until(admin_stopped), options))
        });

        let stop = async {
            let stop = stop.await;
            ready.send_replace(false);
            leaving.begin();
            if stop == Stop::Announced {
                tokio::time::sleep(delay).await;
            }
        };
        let broken = tokio::select! {
            biased;
            () = stop => false,
            _ = &mut driver => true,
        };
        tracing::info!("no new connections; what is in flight may end");
        ready.send_replace(false);
        stopping.send_replace(true);
        handle.layer.close(drain.saturating_sub(LAST_WORDS.min(drain / 2)));
        let mut drained = Drained::Whole;
        while let Some(ended) = fronts.join_next().await {
            if !matches!(ended, Ok(Drained::Whole)) {
                drained = Drained::Cut;
            }
        }
        admin_stopping.send_replace(true);
        if let Some(admin) = admin {
            // Its only answer would be that it is going down.
            drop(admin.await);
        }
        counting.abort();
        driver.abort();
        if broken { Err(GatewayError::Driver) } else { Ok(drained) }
    }
}

async fn listen(net: &dyn Net, address: SocketAddr) -> Result<Box<dyn Listener>, GatewayError> {
    net.listen(address).await.map_err(|error| GatewayError::Listen(address, error))
}

fn table(plan: &Plan, control: &Control, metrics: &Metrics) -> Table {
    let gates = control.gates();
    let gate = |id| gates.gate(id).clone();
    Table::new(plan.rules.iter().cloned(), plan.policy.clone(), &gates.graph, gate, |name| {
        metrics.meter(name)
    })
}

fn can_do(plan: &Plan, known: impl Fn(&str) -> bool) -> Result<(), GatewayError> {
    let missing = not_in_this_build(plan, known);
    if missing.is_empty() { Ok(()) } else { Err(GatewayError::NotInThisBuild(missing)) }
}

/// Whether this build has a provider of this name.
pub(crate) fn is_built_in(name: &str) -> bool {
    (cfg!(feature = "process") && name == "process") || (cfg!(feature = "ecs") && name == "ecs")
}

/// What a valid plan asks for and this build cannot do, one sentence each. `known` tells which providers there are.
pub fn not_in_this_build(plan: &Plan, known: impl Fn(&str) -> bool) -> Vec<String> {
    let specs = plan.graph.ids().map(|id| plan.graph.spec(id));
    let unknown = specs.filter(|spec| spec.sleeps() && !known(spec.kind.provider())).map(|spec| {
        format!("services.{}: the provider `{}` is not in this build", spec.name, spec.kind.provider())
    });
    unknown.collect()
}

/// Opens the certificates of a plan, to see whether they can be used.
///
/// # Errors
/// [`GatewayError::Tls`].
pub fn check_certificates(plan: &Plan) -> Result<(), GatewayError> {
    for listener in &plan.listeners {
        let tried = listener.tls.as_ref().map(tls::try_out).transpose();
        tried.map_err(|error| GatewayError::Tls(listener.address, error))?;
    }
    Ok(())
}

/// Resolves once the channel says `true`, or nobody can any more.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: stopped as well.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

#[cfg(test)]
mod tests {
    use super::handle::needs_restart;
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_not_in_the_build_and_what_needs_a_restart_are_told_apart() {
        let text = "listeners: [{ address: 127.0.0.1:0 }]\nroutes: [{ respond: {} }]\n\
                    services: { web: { ecs: { cluster: demo, service: web } }, db: { upstream: 'http://db' } }";
        let plan = Config::text("t", text).load().unwrap();
        assert_eq!(
            not_in_this_build(&plan, |_| false),
            ["services.web: the provider `ecs` is not in this build"]
        );
        assert_eq!(not_in_this_build(&plan, |_| true), [""; 0]);
        let needs = ["services.web: needs a restart: the provider `ecs` is started only with the gateway"];
        assert_eq!(needs_restart(&plan, |name| name == "process"), needs);
        assert_eq!(needs_restart(&plan, |name| name == "ecs"), [""; 0]);
    }
}
