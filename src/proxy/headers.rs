//! What happens to header fields on their way through.
//!
//! The order matters: what concerns one hop alone goes first, along with what `Connection` lists, and ours is set
//! afterwards. The other way round, a client could have our own fields taken out by listing them.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, TE, UPGRADE};
use http::{HeaderMap, HeaderValue};

use super::survey::Survey;

const FOR_THIS_HOP: Survey = Survey::CONNECTION
    .or(Survey::TE)
    .or(Survey::UPGRADE)
    .or(Survey::TRANSFER_ENCODING)
    .or(Survey::EXPECT)
    .or(Survey::OTHER);

/// Takes out of a request what is for this hop alone. What `Connection` lists went when it arrived.
pub(super) fn strip_request(headers: &mut HeaderMap, seen: Survey) {
    if seen.has(FOR_THIS_HOP) {
        strip_if(headers, is_for_this_hop);
    }
}

/// Takes out of a response what is not for the next hop.
pub(super) fn strip_response(headers: &mut HeaderMap, seen: Survey) {
    if seen.has(Survey::CONNECTION) {
        strip_listed(headers);
        headers.remove(CONNECTION);
    }
    if seen.has(Survey::TE.or(Survey::UPGRADE).or(Survey::TRANSFER_ENCODING).or(Survey::OTHER)) {
        strip_if(headers, is_hop_by_hop);
    }
}

/// What no target gets.
///
/// `Proxy` goes too: no standard has it, and programs that are run as CGI are run take it for the variable
/// `HTTP_PROXY`, by which a client would lead their own requests wherever it likes.
pub(super) fn is_for_this_hop(name: &str) -> bool {
    is_hop_by_hop(name) || matches!(name, "expect" | "proxy")
}

/// RFC 9110 section 7.6.1, and the fields of older usage that it names.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Few of a message's fields go, mostly none or one: looking again after each is cheaper than a list of them.
pub(super) fn strip_if(headers: &mut HeaderMap, goes: impl Fn(&str) -> bool) {
    while let Some(name) = headers.keys().find(|name| goes(name.as_str())).cloned() {
        headers.remove(name);
    }
}

/// Takes out what `Connection` lists. Fields that it can never mean stay: without them the message would become
/// another one.
pub(super) fn strip_listed(headers: &mut HeaderMap) {
    let lists_more = |value: &&HeaderValue| {
        !matches!(value.as_bytes(), b"keep-alive" | b"Keep-Alive" | b"close" | b"Upgrade" | b"upgrade")
    };
    let lists: Vec<_> = headers.get_all(CONNECTION).iter().filter(lists_more).cloned().collect();
    for token in lists.iter().flat_map(tokens) {
        match HeaderName::from_bytes(token) {
            // The last two are for this hop, which still has to look at them.
            Ok(HOST | CONTENT_LENGTH | CACHE_CONTROL | TE | UPGRADE) | Err(_) => {}
            Ok(name) => drop(headers.remove(name)),
        }
    }
}

/// The members of a comma-separated list.
pub(super) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Whether a list-valued field has this member, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().flat_map(tokens).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether the client takes trailers.
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    has_token(headers, &TE, "trailers")
}

/// Cookies may be several fields in HTTP/2, and must be one in HTTP/1.1 (RFC 9113 section 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(_)) = (cookies.next(), cookies.next()) {
        let mut joined = first.as_bytes().to_vec();
        for cookie in headers.get_all(COOKIE).iter().skip(1) {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(cookie.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_maybe_shared(Bytes::from(joined)) {
            headers.insert(COOKIE, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        headers.iter().map(pair).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_concerns_one_hop_stays_on_it() {
        let mut headers = map(&[
            ("host", "a"),
            ("connection", "close, X-Secret"),
            ("connection", "x-other, host, content-length"),
            ("x-secret", "1"),
            ("x-other", "1"),
            ("content-length", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("proxy-authorization", "x"),
            ("te", "trailers, gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ]);
        strip_listed(&mut headers);
        assert!(takes_trailers(&headers));
        let seen = Survey::of(&headers);
        strip_request(&mut headers, seen);
        assert_eq!(names(&headers), ["accept", "content-length", "host"]);
    }

    #[test]
    fn cookies_become_one_field() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }
}
