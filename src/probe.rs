//! Is this target serving?
//!
//! [`probe`] tries once; [`run`] tries again and again and reports what changes. The first success makes a target
//! healthy and is reported in the same breath: that moment opens the door.
//!
//! A target that was healthy gets the benefit of the doubt: it takes three failures in a row to make it sick, or
//! two where nothing listens at its address any more. After the first failure the next tries follow soon.

#[cfg(feature = "process")]
mod exec;
mod http;
mod io;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time;

use crate::model::{Check, Health, Spec, Target};
use crate::net::Net;

/// While nothing listens yet a try costs next to nothing, and the target none of it: no longer pause than this.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);
/// The pause between two tries of a healthy target that nobody waits for, give or take a tenth.
const SLOW: Duration = Duration::from_secs(5);
/// The least pause between two tries of a sick target that nobody waits for.
const SICK_PAUSE: Duration = Duration::from_secs(1);
/// Failures in a row that make a healthy target sick.
const FAILURES: u32 = 3;
/// The same, where its address does not take connections.
const REFUSALS: u32 = 2;

/// How urgent the answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Somebody waits for it: every `health.interval`, and at most 200 ms apart while nothing listens.
    #[default]
    Waking,
    /// Nobody does: about every five seconds, to notice when it dies.
    Awake,
}

/// Why a target does not pass its health check.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProbeError {
    /// Nothing took the connection.
    Connect(std::io::Error),
    /// The try was not over after this long.
    Timeout(Duration),
    /// An answer with a status that is not accepted.
    Status(u16),
    /// No HTTP answer came over the connection.
    Http(hyper::Error),
    /// The check's path or host cannot be sent.
    Request(::http::Error),
    /// The check's command could not be run, or failed; in words.
    Command(String),
    /// This build cannot do such a check.
    Unsupported(&'static str),
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Timeout(after) => write!(f, "no answer within {after:?}"),
            Self::Status(status) => write!(f, "answered with status {status}"),
            Self::Http(error) => {
                write!(f, "no answer: {error}")?;
                match std::error::Error::source(error) {
                    Some(source) => write!(f, ": {source}"),
                    None => Ok(()),
                }
            }
            Self::Request(error) => write!(f, "the health check cannot be sent: {error}"),
            Self::Command(reason) => f.write_str(reason),
            Self::Unsupported(what) => write!(f, "this build has no {what}"),
        }
    }
}

impl std::error::Error for ProbeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Http(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Timeout(_) | Self::Status(_) | Self::Command(_) | Self::Unsupported(_) => None,
        }
    }
}

/// Tries once whether the target serves, for no longer than the check's `timeout`. A service without a health
/// check passes.
///
/// # Errors
/// Why it does not.
pub async fn probe(net: &dyn Net, spec: &Spec, target: &Target) -> Result<(), ProbeError> {
    match &spec.health {
        Some(health) => attempt(net, spec, health, target).await,
        None => Ok(()),
    }
}

async fn attempt(net: &dyn Net, spec: &Spec, health: &Health, target: &Target) -> Result<(), ProbeError> {
    let check = async {
        match &health.check {
            Check::Tcp => net.connect(&target.address).await.map(drop).map_err(ProbeError::Connect),
            Check::Http(check) => http::check(net, check, spec.protocol, &target.address).await,
            #[cfg(feature = "process")]
            Check::Exec(command) => exec::check(command, &target.address).await,
            #[cfg(not(feature = "process"))]
            Check::Exec(_) => Err(ProbeError::Unsupported("health checks by command")),
            Check::TargetGroup(_) => {
                Err(ProbeError::Unsupported("probe of a target group: its provider asks it"))
            }
        }
    };
    time::timeout(health.timeout, check).await.unwrap_or(Err(ProbeError::Timeout(health.timeout)))
}

/// Probes the target at once and then at the given pace, until the other end of `pace` is dropped or the future
/// is. Whenever `pace` is sent to, be it the same value, the next try comes at once.
///
/// `report` hears of changes only: that it became healthy, or sick and why; while it is sick, or not healthy yet,
/// also when the reason becomes another one.
pub async fn run(
    net: Arc<dyn Net>,
    spec: Arc<Spec>,
    target: Target,
    mut pace: watch::Receiver<Pace>,
    mut report: impl FnMut(Result<(), ProbeError>),
) {
    let Some(health) = &spec.health else { return report(Ok(())) };
    let mut standing = Standing::New;
    let mut jitter = Jitter::seeded_by(&target.instance);
    loop {
        let now = *pace.borrow_and_update();
        let result = attempt(&*net, &spec, health, &target).await;
        let refused = matches!(result, Err(ProbeError::Connect(_)));
        if let Some(change) = standing.judge(result) {
            report(change);
        }
        let pause = match (now, &standing) {
            (Pace::Awake, Standing::Healthy { failures: 0 }) => jitter.vary(SLOW),
            (Pace::Awake, Standing::Healthy { .. }) => health.interval.min(SLOW),
            (Pace::Awake, Standing::New | Standing::Sick(_)) => health.interval.max(SICK_PAUSE),
            (Pace::Waking, _) if refused => health.interval.min(REFUSED_PAUSE),
            (Pace::Waking, _) => health.interval,
        };
        tokio::select! {
            biased;
            () = time::sleep(pause) => {}
            changed = pace.changed() => if changed.is_err() { return },
        }
    }
}

/// What the tries so far say of a target.
#[derive(Debug)]
enum Standing {
    /// Nothing was reported yet.
    New,
    /// It passed; since then this many tries in a row failed.
    Healthy { failures: u32 },
    /// The reason that was reported last.
    Sick(String),
}

impl Standing {
    /// Takes a try into account. Returns what there is to report.
    fn judge(&mut self, result: Result<(), ProbeError>) -> Option<Result<(), ProbeError>> {
        match (&mut *self, result) {
            (Self::Healthy { failures }, Ok(())) => {
                *failures = 0;
                None
            }
            (_, Ok(())) => {
                *self = Self::Healthy { failures: 0 };
                Some(Ok(()))
            }
            (Self::Healthy { failures }, Err(error)) => {
                *failures += 1;
                let bound = if matches!(error, ProbeError::Connect(_)) { REFUSALS } else { FAILURES };
                (*failures >= bound).then(|| self.sicken(error))
            }
            (Self::Sick(reason), Err(error)) if *reason == error.to_string() => None,
            (_, Err(error)) => Some(self.sicken(error)),
        }
    }

    fn sicken(&mut self, error: ProbeError) -> Result<(), ProbeError> {
        *self = Self::Sick(error.to_string());
        Err(error)
    }
}

/// Varies pauses, so that the targets of a large graph are not all probed in the same instant. The same instance
/// always gets the same row.
struct Jitter(u64);

impl Jitter {
    fn seeded_by(text: &str) -> Self {
        // FNV-1a, then never zero: xorshift would stay there.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// Up to a tenth more or less.
    fn vary(&mut self, pause: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let permille = 900 + u32::try_from(self.0 % 201).unwrap_or(0);
        pause * permille / 1000
    }
}
