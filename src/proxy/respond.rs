//! A target's response, as the client gets it.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode, Version};

use super::body::ProxyBody;
use super::headers;
use super::pool::Reply;
use super::spliced::Direct;
use super::survey::Survey;
use crate::answer::Problem;
use crate::gate::Pass;

/// Refuses a response of which nobody can be sure where it ends (RFC 9112 section 6.3). Its connection is not used
/// again.
///
/// # Errors
/// The [`Problem`] to answer with in its place.
pub(super) fn check<B>(response: &Response<B>, seen: Survey) -> Result<(), Problem> {
    if !seen.has(Survey::TRANSFER_ENCODING) {
        return Ok(());
    }
    let headers = response.headers();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !is_chunked || codings.next().is_some() || headers.contains_key(CONTENT_LENGTH) {
        return Err(FRAMING);
    }
    Ok(())
}

/// The response as the client gets it.
///
/// # Errors
/// The [`Problem`] to answer with in its place.
pub(super) fn respond(
    reply: Reply,
    seen: Survey,
    other: Option<Pass>,
    direct: Option<Direct<'_>>,
) -> Result<Response<ProxyBody>, Problem> {
    let Reply { response, lease } = reply;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(SWITCHED_UNASKED);
    }
    // A target that announces what cannot be there (RFC 9110 section 8.6) may well send it, as if it were the next
    // response: its connection is not used again.
    let lease = (!announces_impossible(&response)).then_some(lease);
    let (mut head, body) = response.into_parts();
    let conduit =
        direct.as_ref().zip(lease.as_ref()).and_then(|(direct, lease)| direct.conduit(&body, lease));
    let body = match (direct, conduit, lease) {
        (Some(direct), Some(conduit), Some(lease)) => {
            ProxyBody::spliced(direct.take(conduit, &head, body, lease), other)
        }
        (_, _, lease) => ProxyBody::upstream(body, lease, other),
    };
    headers::strip_response(&mut head.headers, seen);
    if head.status == StatusCode::NO_CONTENT {
        head.headers.remove(CONTENT_LENGTH);
    }
    head.version = Version::HTTP_11;
    head.extensions.clear();
    Ok(Response::from_parts(head, body))
}

/// A body of a response that has none.
fn announces_impossible<B>(response: &Response<B>) -> bool {
    let is_some = |headers: &HeaderMap| {
        headers.contains_key(TRANSFER_ENCODING)
            || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
    };
    response.status() == StatusCode::NO_CONTENT && is_some(response.headers())
}

const FRAMING: Problem = Problem::bad_gateway("The service did not say plainly where its answer ends.");
const SWITCHED_UNASKED: Problem =
    Problem::bad_gateway("The service switched to a protocol that nobody asked for.");
