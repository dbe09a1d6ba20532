//! From what the SDK reports to a [`Trouble`].
//!
//! It goes by the error's code, not by its type: throttling and expired credentials are in no model, and one code
//! means one thing with every action.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{Flaw, Kind, Trouble, quote};

impl Trouble {
    /// What the SDK reports about `action`.
    pub(in crate::provider::ecs) fn read<E>(
        error: &SdkError<E, HttpResponse>,
        action: &'static str,
        about: &str,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let new = |kind, words| Self::new(kind, action, about, words);
        match error {
            SdkError::TimeoutError(_) => new(Kind::Unreachable, "it took too long".to_owned()),
            SdkError::DispatchFailure(failure) => {
                let words = failure.as_connector_error().map_or_else(|| chain(error), |inner| chain(inner));
                // No credentials at all is not a matter of the network: nothing was sent.
                if credentials_missing(error) {
                    Self { flaw: Flaw::Missing, ..new(Kind::Expired, words) }
                } else {
                    new(Kind::Unreachable, words)
                }
            }
            SdkError::ConstructionFailure(_) => new(Kind::Invalid, chain(error)),
            // Whatever answered was not AWS, or it broke off in the middle.
            SdkError::ResponseError(answer) => {
                new(status_kind(answer.raw().status().as_u16()).unwrap_or(Kind::Nonsense), chain(error))
            }
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let (code, message) = (answer.err().code(), answer.err().message().unwrap_or_default());
                let kind = kind(code.unwrap_or_default(), message, status, action);
                // What follows may be the request as AWS saw it, with the session's token.
                let message = if kind == Kind::Expired { first_sentence(message) } else { message };
                let words = match code {
                    Some(code) if message.is_empty() => format!("{code} (HTTP {status})"),
                    Some(code) => format!("{code}: {message}"),
                    None => format!("HTTP {status} {message}").trim_end().to_owned(),
                };
                let flaw = if code.is_some_and(is_of_signature) { Flaw::Signature } else { Flaw::default() };
                Self { flaw, ..new(kind, words) }
            }
            _ => new(Kind::Other, chain(error)),
        }
    }
}

/// What an error code means. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html>
fn kind(code: &str, message: &str, status: u16, action: &str) -> Kind {
    match code {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => Kind::Throttled,
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => {
            denied(message, action)
        }
        "ExpiredTokenException"
        | "ExpiredToken"
        | "RequestExpired"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestTimeTooSkewed"
        | "InvalidAccessKeyId" => Kind::Expired,
        "ClusterNotFoundException" => Kind::ClusterNotFound,
        "ServiceNotFoundException"
        | "ResourceNotFoundException"
        | "TargetGroupNotFound"
        | "TargetGroupNotFoundException"
        | "ObjectNotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => Kind::ServiceNotFound,
        "ServiceNotActiveException" => Kind::ServiceNotActive,
        // Two changes of one scalable target at once; the later one passes when the earlier is done.
        "ConcurrentUpdateException" => Kind::Server,
        // ECS has this one for all that the caller did wrong, and throttles with it too.
        "ClientException" if message.contains("Rate exceeded") => Kind::Throttled,
        "ClientException" if message.contains("not authorized") => denied(message, action),
        "InvalidParameterException"
        | "ClientException"
        | "ValidationException"
        | "ValidationError"
        | "InvalidParameterValue"
        | "InvalidTarget"
        | "UnsupportedFeatureException"
        | "InvalidAddress" => Kind::Invalid,
        _ => status_kind(status).unwrap_or(Kind::Other),
    }
}

/// Whether the code says that the signature was not accepted, or the time it was made at.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
fn is_of_signature(code: &str) -> bool {
    matches!(
        code,
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" | "RequestExpired"
    )
}

/// The text up to the end of its first sentence, or its first line.
fn first_sentence(text: &str) -> &str {
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(sentence, _)| sentence)
}

/// What the status alone says, where it says anything.
const fn status_kind(status: u16) -> Option<Kind> {
    match status {
        429 => Some(Kind::Throttled),
        408 | 500..=599 => Some(Kind::Server),
        _ => None,
    }
}

/// Reads `User: arn:… is not authorized to perform: ecs:UpdateService on resource: arn:… because …`.
fn denied(message: &str, action: &str) -> Kind {
    let after = |mark: &str| {
        let (_, rest) = message.split_once(mark)?;
        let word = rest.split_whitespace().next()?.trim_end_matches([',', ';', '.']);
        (!word.is_empty()).then(|| quote(word))
    };
    let denied = after("to perform: ").or_else(|| after("to perform "));
    Kind::Denied {
        // SQS writes its actions in lower case.
        action: denied
            .filter(|denied| !denied.eq_ignore_ascii_case(action))
            .unwrap_or_else(|| action.to_owned()),
        resource: after("on resource: ").unwrap_or_else(|| "*".to_owned()),
    }
}

/// Whether a request was never sent because there are no credentials to sign it with. Where their source did not
/// answer, that may pass.
fn credentials_missing(error: &(dyn Error + 'static)) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<CredentialsError>()).any(|cause| {
        matches!(cause, CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_))
    })
}

/// An error with its causes, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes(error) {
        let said = cause.to_string();
        // Some repeat what their cause says.
        if !words.iter().any(|earlier| earlier.contains(&said)) {
            words.push(said);
        }
    }
    words.join(": ")
}

/// An error and its causes.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

#[cfg(test)]
mod tests;
