use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Fault;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An address and port.
    Socket(SocketAddr),
    /// A name and port, resolved at each new connection.
    Name(Arc<str>, u16),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// Something that serves: an address, and whose it is.
///
/// Two targets with one address and different `instance`s are different targets: the address may have been
/// given to somebody else in between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Who is behind the address: a task's ARN, a process's start.
    pub instance: Arc<str>,
    /// Where it listens.
    pub address: Address,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.instance)
    }
}

/// What a provider saw of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The count that the platform has been told to keep running.
    pub desired: u32,
    /// How many instances exist that are not told to stop, whether or not they serve yet.
    pub running: u32,
    /// How many instances exist that were told to stop and have not gone yet.
    pub stopping: u32,
    /// The addresses of the running instances, as far as they are known.
    pub targets: Vec<Target>,
    /// It ran to its end with success (a job).
    pub completed: bool,
    /// What keeps it from running, where something does.
    pub fault: Option<Fault>,
    /// How many targets the provider itself found healthy, where the health check leaves that to it.
    pub passing: u32,
    /// Its instances are being replaced, added or taken away: it is worth looking again soon, awake or not.
    pub unsettled: bool,
    /// What it waits for on its way up, in words: shown meanwhile, and the reason if the wake runs out of time.
    pub waits_for: Option<Arc<str>>,
    /// Why it must not be put to sleep, where something forbids it: one clause that follows "it".
    pub keeps: Option<Arc<str>>,
}
