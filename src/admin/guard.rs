//! Who may call, and what a browser must not be made to send.
//!
//! - A page elsewhere may send forms to this listener. They come with `Origin` and `Sec-Fetch-Site` (Fetch Standard),
//!   and can only have a form's media types; anything else would need our leave (CORS), which nobody gets.
//! - A page elsewhere may have its own name resolve to this listener (DNS rebinding), and then is of one origin with
//!   it. Its requests carry that name in `Host`, so only names that are ours are answered.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode};
use subtle::ConstantTimeEq;

use super::problem::Problem;

/// Refuses names that are not the listener's own.
pub(super) fn check_host(head: &Parts, hosts: &[String]) -> Result<(), Problem> {
    let authority = authority(head)?;
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ours = address.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|name| name.eq_ignore_ascii_case(host));
    if ours {
        Ok(())
    } else {
        Err(Problem::forbidden("the admin API does not answer to this host name: call it by its address"))
    }
}

/// The authority that the request was made to: of the target where it has one (RFC 9112 section 3.2.2, and HTTP/2's
/// `:authority`), else of the one `Host`.
fn authority(head: &Parts) -> Result<Authority, Problem> {
    if let Some(authority) = head.uri.authority() {
        return Ok(authority.clone());
    }
    let wrong = || Problem::bad_request("the request needs one valid Host");
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// Refuses what another site's page had a browser send.
pub(super) fn check_origin(head: &Parts) -> Result<(), Problem> {
    let from_elsewhere = || Problem::forbidden("a page of another site has no business here");
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let header = |name: &str| head.headers.get(name).map(|value| value.as_bytes());
    if matches!(header("sec-fetch-site"), Some(b"cross-site" | b"same-site")) {
        // Following a link from elsewhere shows the answer to the person, not to the page with the link.
        let follows_link = reads && header("sec-fetch-mode") == Some(b"navigate");
        if !follows_link {
            return Err(from_elsewhere());
        }
    }
    if reads {
        return Ok(());
    }
    if let Some(origin) = head.headers.get(ORIGIN) {
        let ours = authority(head)?;
        let theirs = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        if !theirs.is_some_and(|(_, theirs)| theirs.eq_ignore_ascii_case(ours.as_str())) {
            return Err(from_elsewhere());
        }
    }
    if let Some(form) = media_type(&head.headers)
        && matches!(&*form, "application/x-www-form-urlencoded" | "multipart/form-data" | "text/plain")
    {
        return Err(Problem::forbidden(
            "a form's media type is not taken: send `Content-Type: application/json`, or no body",
        ));
    }
    Ok(())
}

/// The media type of the body, without parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Refuses callers that do not show the token (RFC 6750 section 2.1).
pub(super) fn check_token(head: &Parts, token: Option<&str>) -> Result<(), Problem> {
    let Some(token) = token else { return Ok(()) };
    let shown = head.headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
    });
    // Takes as long for a token that is nearly right as for one that is all wrong; only the length shows.
    if shown.is_some_and(|shown| shown.ct_eq(token.as_bytes()).into()) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNAUTHORIZED,
        if shown.is_some() {
            "this is not the token"
        } else {
            "the token is needed: send `Authorization: Bearer TOKEN`"
        },
    ))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/api/services/web/wake");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn host(value: &str) -> bool {
        check_host(&head("GET", &[("host", value)]), &["gate.internal".to_owned()]).is_ok()
    }

    #[test]
    fn only_own_names_are_answered() {
        for ours in
            ["127.0.0.1:9900", "127.0.0.1", "[::1]:9900", "10.0.3.4", "LocalHost:80", "gate.internal:9900"]
        {
            assert!(host(ours), "{ours}");
        }
        for theirs in ["rebind.example", "localhost.evil.example", "127.0.0.1.evil.example", "1", "", "a b"] {
            assert!(!host(theirs), "{theirs}");
        }
        assert!(check_host(&head("GET", &[]), &[]).is_err(), "no host at all");
        assert!(check_host(&head("GET", &[("host", "127.0.0.1"), ("host", "x")]), &[]).is_err(), "two");
    }

    #[test]
    fn the_target_s_own_authority_goes_before_the_host_header() {
        let mut head = head("GET", &[("host", "localhost")]);
        head.uri = "http://rebind.example/api/services".parse().unwrap();
        assert!(check_host(&head, &[]).is_err());
    }

    fn origin(method: &str, headers: &[(&str, &str)]) -> bool {
        let headers = [&[("host", "127.0.0.1:9900")], headers].concat();
        check_origin(&head(method, &headers)).is_ok()
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        assert!(!origin("POST", &[("sec-fetch-site", "cross-site")]));
        assert!(
            !origin("POST", &[("sec-fetch-site", "same-site")]),
            "another port of one host is another page"
        );
        assert!(!origin("POST", &[("origin", "https://evil.example")]));
        assert!(!origin("POST", &[("origin", "null")]));
        assert!(!origin("POST", &[("origin", "http://127.0.0.1:9900.evil.example")]));
        assert!(!origin("POST", &[("content-type", "application/x-www-form-urlencoded")]));
        assert!(!origin("PUT", &[("content-type", "text/plain; charset=utf-8")]));
        assert!(!origin("POST", &[("content-type", "Multipart/Form-Data; boundary=x")]));
        assert!(!origin("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]));
    }

    #[test]
    fn tools_and_own_pages_pass() {
        assert!(origin("POST", &[]));
        assert!(origin("PUT", &[("content-type", "application/json; charset=utf-8")]));
        assert!(origin("POST", &[("origin", "http://127.0.0.1:9900"), ("sec-fetch-site", "same-origin")]));
        assert!(origin("GET", &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")]));
        assert!(origin("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
    }

    fn token(shown: &str) -> bool {
        check_token(&head("GET", &[("authorization", shown)]), Some("s3cret")).is_ok()
    }

    #[test]
    fn the_token_is_the_whole_token() {
        assert!(token("Bearer s3cret"));
        assert!(token("bearer s3cret"), "the scheme has no case (RFC 9110 section 11.1)");
        for wrong in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "Bearer", "s3cret", "Basic s3cret", ""] {
            assert!(!token(wrong), "{wrong}");
        }
        assert!(check_token(&head("GET", &[]), Some("s3cret")).is_err());
        assert!(check_token(&head("GET", &[]), None).is_ok());
    }
}
