//! What can go wrong with a request to AWS, in words.

mod read;

use std::fmt;

use super::words::quote;
use crate::model::Fault;

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Trouble {
    /// Which kind of failure it is.
    pub(in crate::provider::ecs) kind: Kind,
    /// The action as policies name it: `ecs:UpdateService`.
    pub(in crate::provider::ecs) action: &'static str,
    /// What it was about: `service web in cluster demo`.
    pub(in crate::provider::ecs) about: String,
    /// AWS's own words, or those of the network, as one line of bounded length.
    pub(in crate::provider::ecs) words: String,
    /// Whether AWS may have carried it out all the same, at this attempt or an earlier one.
    pub(in crate::provider::ecs) perhaps_done: bool,
    /// What exactly is wrong with the credentials, where something is.
    flaw: Flaw,
}

/// What is wrong with credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flaw {
    /// AWS does not know them, or no longer.
    #[default]
    Refused,
    /// AWS does not accept the signature that was made with them, or its time.
    Signature,
    /// There are none.
    Missing,
}

/// Kinds of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) enum Kind {
    /// The account's request rate is used up. It passes.
    Throttled,
    /// A policy does not allow it.
    Denied {
        /// The action that is not allowed, as AWS names it; the action of the request where AWS names none.
        action: String,
        /// The resource it is not allowed on, as an ARN; `*` where AWS names none.
        resource: String,
    },
    /// There are no credentials, they are wrong, or they have expired.
    Expired,
    /// No such cluster.
    ClusterNotFound,
    /// No such service, target group, queue or other resource.
    ServiceNotFound,
    /// The service was deleted.
    ServiceNotActive,
    /// AWS does not accept what was asked for.
    Invalid,
    /// No answer: a timeout, or no connection.
    Unreachable,
    /// AWS failed.
    Server,
    /// An answer that makes no sense.
    Nonsense,
    /// Anything else.
    Other,
}

impl Kind {
    /// Whether what was asked for may have been done all the same.
    const fn perhaps_done(&self) -> bool {
        match self {
            Self::Throttled
            | Self::Denied { .. }
            | Self::Expired
            | Self::ClusterNotFound
            | Self::ServiceNotFound
            | Self::ServiceNotActive
            | Self::Invalid => false,
            Self::Unreachable | Self::Server | Self::Nonsense | Self::Other => true,
        }
    }
}

impl Trouble {
    /// A failure of `action`.
    pub(in crate::provider::ecs) fn new(
        kind: Kind,
        action: &'static str,
        about: impl Into<String>,
        words: impl Into<String>,
    ) -> Self {
        let perhaps_done = kind.perhaps_done();
        Self {
            kind,
            action,
            about: about.into(),
            words: quote(&words.into()),
            flaw: Flaw::default(),
            perhaps_done,
        }
    }

    /// Whether the signature was not accepted, or its time. The clock may be wrong here: the SDK learns from such an
    /// answer by how much, and the client that got it signs the next request with AWS's time.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
    pub(in crate::provider::ecs) const fn may_be_the_clock(&self) -> bool {
        matches!((&self.kind, self.flaw), (Kind::Expired, Flaw::Signature))
    }

    /// Whether waiting cannot help.
    pub(in crate::provider::ecs) const fn is_terminal(&self) -> bool {
        match self.kind {
            Kind::Denied { .. }
            | Kind::Expired
            | Kind::ClusterNotFound
            | Kind::ServiceNotFound
            | Kind::ServiceNotActive
            | Kind::Invalid => true,
            Kind::Throttled | Kind::Unreachable | Kind::Server | Kind::Nonsense | Kind::Other => false,
        }
    }

    /// Whether AWS refuses what was asked for as such, so that one of several things asked for may be to blame.
    pub(in crate::provider::ecs) const fn is_refusal(&self) -> bool {
        matches!(self.kind, Kind::Denied { .. } | Kind::Invalid)
    }

    /// As a fault, in one sentence for the operator and a safe one for visitors.
    pub(in crate::provider::ecs) fn fault(&self) -> Fault {
        let words = self.to_string();
        let fault = if self.is_terminal() { Fault::terminal(words) } else { Fault::new(words) };
        fault.told_as(match self.kind {
            Kind::Throttled | Kind::Unreachable | Kind::Server | Kind::Nonsense => {
                "The platform does not answer at the moment."
            }
            _ => "The service could not be started: its setup needs a look.",
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, action, about, words, flaw, perhaps_done: _ } = self;
        match kind {
            Kind::Throttled => write!(f, "AWS throttles {action} for {about}: {words}"),
            Kind::Denied { action: denied, resource } => {
                write!(f, "AWS does not allow {denied} on {resource} (asked for {about})")?;
                if denied != action {
                    write!(f, ", which {action} needs")?;
                }
                f.write_str(": a policy has to allow it to the gateway's role")
            }
            Kind::Expired if *flaw == Flaw::Missing => {
                write!(
                    f,
                    "there are no AWS credentials for {action}: {words}; give the gateway's task a role"
                )
            }
            Kind::Expired => write!(f, "AWS does not accept the gateway's credentials for {action}: {words}"),
            Kind::ClusterNotFound => {
                write!(f, "ECS has no such cluster, asked for {about} ({action}): {words}")
            }
            Kind::ServiceNotFound => write!(f, "AWS has no {about} ({action}): {words}"),
            Kind::ServiceNotActive => write!(f, "{about} was deleted ({action}): {words}"),
            Kind::Invalid => write!(f, "AWS does not accept {action} for {about}: {words}"),
            Kind::Unreachable => write!(f, "no answer from AWS to {action} for {about}: {words}"),
            Kind::Server => write!(f, "AWS failed at {action} for {about}: {words}"),
            Kind::Nonsense => write!(f, "the answer to {action} for {about} makes no sense: {words}"),
            Kind::Other => write!(f, "{action} for {about} failed: {words}"),
        }
    }
}

impl std::error::Error for Trouble {}
