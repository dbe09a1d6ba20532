//! A running gateway, seen from beside: what it does, and how it goes over to another configuration.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::tls::{Offer, Terminator};
use super::{GatewayError, can_do, is_built_in, table};
use crate::config::{self, Plan};
use crate::driver::Control;
use crate::layer::WakeLayer;
use crate::metrics::Metrics;
use crate::page::Page;

/// A running gateway, seen from beside.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) layer: WakeLayer,
    pub(super) control: Control,
    pub(super) metrics: Arc<Metrics>,
    pub(super) plan: Arc<Mutex<Arc<Plan>>>,
    /// Of the plan's listeners, in their order.
    pub(super) terminators: Arc<[Option<Arc<Terminator>>]>,
    pub(super) known: Arc<[Arc<str>]>,
}

impl Handle {
    /// What the services are doing.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The plan that is in force.
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts and tells that a configuration was not taken over.
    pub fn refused(&self, why: &dyn fmt::Display) {
        self.metrics.reloaded(false);
        tracing::error!("the new configuration is not taken over, the old one stays in force\n{why}");
    }

    /// The certificates of a plan with the same listeners, opened.
    fn offers(&self, plan: &Plan) -> Result<Vec<(Arc<Terminator>, Offer)>, GatewayError> {
        let mut offers = Vec::new();
        for (listener, terminator) in plan.listeners.iter().zip(self.terminators.iter()) {
            if let (Some(tls), Some(terminator)) = (&listener.tls, terminator) {
                let offer =
                    terminator.prepare(tls).map_err(|error| GatewayError::Tls(listener.address, error))?;
                offers.push((terminator.clone(), offer));
            }
        }
        Ok(offers)
    }

    /// Goes over to another plan: services, routes, policy, page and certificates, which are opened anew. Requests under
    /// way are not touched, services that stay keep their phase. The addresses of listeners, the admin API, bounds and
    /// timeouts stay as they are until the next start; that is said in the log where they differ.
    ///
    /// # Errors
    /// What is wrong with the plan; the old one stays in force.
    pub async fn reload(&self, plan: Plan) -> Result<(), GatewayError> {
        let page = Page::new(&plan.page).map_err(GatewayError::Page)?;
        let known = |name: &str| self.known.iter().any(|known| **known == *name);
        can_do(&plan, |name| known(name) || is_built_in(name))?;
        let late = needs_restart(&plan, known);
        if !late.is_empty() {
            return Err(GatewayError::NeedsRestart(late));
        }
        let before = self.plan();
        let same_listeners = sockets(&before) == sockets(&plan);
        // All are opened before the first is taken over.
        let offers = if same_listeners { self.offers(&plan)? } else { Vec::new() };
        if !same_listeners
            || before.trusted_proxies != plan.trusted_proxies
            || before.makes_traces != plan.makes_traces
            || before.admin != plan.admin
            || before.bounds != plan.bounds
            || before.timeouts != plan.timeouts
            || before.drain_timeout != plan.drain_timeout
            || before.drain_delay != plan.drain_delay
            || before.aws != plan.aws
        {
            tracing::warn!(
                "listeners, trusted_proxies, trace_headers, admin, limits, timeouts, aws, events and shutdown change only with a restart; the rest is in force"
            );
        }
        self.control.reload(plan.graph.clone()).await.map_err(|_| GatewayError::Driver)?;
        self.layer.limit_wakes(plan.wake_limits);
        self.layer.set(table(&plan, &self.control, &self.metrics), page);
        for (terminator, offer) in offers {
            terminator.set(offer);
        }
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
        self.metrics.reloaded(true);
        tracing::info!("the new configuration is in force");
        Ok(())
    }
}

/// The services whose provider was not started, for none of its services was there at the start; one sentence each.
pub(super) fn needs_restart(plan: &Plan, known: impl Fn(&str) -> bool) -> Vec<String> {
    let specs = plan.graph.ids().map(|id| plan.graph.spec(id));
    let late = specs.filter(|spec| spec.sleeps() && !known(spec.kind.provider()));
    late.map(|spec| {
        let (name, provider) = (&spec.name, spec.kind.provider());
        format!(
            "services.{name}: needs a restart: the provider `{provider}` is started only with the gateway"
        )
    })
    .collect()
}

/// What of listeners changes only with a restart: all but their certificates.
fn sockets(plan: &Plan) -> Vec<(SocketAddr, bool, Option<u16>, bool)> {
    let socket =
        |it: &config::Listener| (it.address, it.tls.is_some(), it.redirect_to_https, it.proxy_protocol);
    plan.listeners.iter().map(socket).collect()
}
