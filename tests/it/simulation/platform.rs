//! What runs the services behind the simulated gateways.

use std::future::Future;
use std::pin::Pin;

use wakegate::clock::Clock;
use wakegate::config::Aws;
use wakegate::driver::Providers;
use wakegate::provider::Nudge;

use super::blow::Blow;
use super::stage::Manners;

/// A future of one thread, as turmoil's hosts run them.
pub(crate) type Software = Pin<Box<dyn Future<Output = turmoil::Result>>>;

/// What a call to the platform meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// It fails, and nothing was done.
    Fails,
    /// It fails, although it was done.
    FailsDone,
    /// It never returns, and nothing was done.
    Hangs,
    /// It never returns, although it was done.
    HangsDone,
}

/// Something that goes wrong, or right again, with what runs the services.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mishap {
    /// Calls that change counts meet this from now on.
    Scale(Trouble),
    /// Calls that look meet this from now on.
    Observe(Trouble),
    /// A task of the service dies, if there is one.
    Death(String),
    /// The tasks of the service that run now have these manners.
    Manners(String, Manners),
    /// What can go wrong on Amazon ECS and nowhere else.
    Blow(Blow),
}

/// A gateway that starts.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// Its number.
    pub(crate) gateway: u8,
    /// What its configuration says of AWS.
    pub(crate) aws: &'a Aws,
    pub(crate) clock: Clock,
    pub(crate) nudge: Nudge,
}

/// What runs the services behind the simulated gateways. Clones of a platform's state live in the hosts, so
/// everything is `&self`.
pub(crate) trait Platform {
    /// The providers of a gateway that has just started; called in its host.
    fn providers(&self, start: Start<'_>) -> Providers;

    /// What the host of the platform itself does, for ever.
    fn software(&self) -> Software;

    /// Something goes wrong.
    fn mishap(&self, mishap: &Mishap);

    /// Everything is well again: no trouble, good manners.
    fn calm(&self);

    /// The services that are not asleep, their last task gone.
    fn awake(&self) -> Vec<String>;
}
