use std::fmt;

use http::{HeaderValue, StatusCode};

use super::{Head, HostPattern};

/// Sends a request elsewhere. Where to comes from the configuration alone; of the request only the path and the
/// query can get in, behind a host that the configuration names, so that no link can be made that leads through
/// the gateway to somebody else's site (an open redirect).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    status: StatusCode,
    parts: Vec<Part>,
    hosts: Vec<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Host,
    Path,
    Query,
}

/// Why a redirect is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRedirect {
    /// The status is none of 301, 302, 303, 307 and 308.
    Status(u16),
    /// The target begins neither with `http://` or `https://` and a host nor with one `/` or `{path}`.
    Target,
    /// A placeholder stands where it would decide the host.
    Authority,
    /// `{host}` is used, and the route does not list the hosts it is for, or not exactly.
    Host,
    /// There is no such placeholder.
    Placeholder(String),
    /// A character that must be escaped in a URL.
    Character,
}

impl Redirect {
    /// A redirect to `to`, for requests to `hosts` (those of its route).
    ///
    /// In `to`, `{path}` stands for the request's path, `{query}` for its query (with a `?` before it if it has
    /// one and `to` has none yet), and `{host}`, as the whole host, for the one that was asked for: so
    /// `https://{host}{path}{query}` goes over to HTTPS. `{host}` needs a route that lists its hosts exactly, and
    /// gives back the route's own spelling.
    ///
    /// # Errors
    /// A target that a request could turn to another site, or that is no target.
    pub fn new(to: &str, status: u16, hosts: &[HostPattern]) -> Result<Self, InvalidRedirect> {
        let code =
            StatusCode::from_u16(status).ok().filter(|code| matches!(code.as_u16(), 301..=303 | 307 | 308));
        let code = code.ok_or(InvalidRedirect::Status(status))?;
        let parts = parts(to)?;
        let mut exact = Vec::new();
        match (to.split_once("://"), parts.first()) {
            (Some((scheme @ ("http" | "https"), rest)), _) => {
                let rest_from = scheme.len() + "://".len();
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let authority = authority.split("{path}").next().unwrap_or_default();
                let port = |text: &str| text.is_empty() || text.strip_prefix(':').is_some_and(is_port);
                if let Some(after) = authority.strip_prefix("{host}") {
                    if !port(after) {
                        return Err(InvalidRedirect::Authority);
                    }
                    for host in hosts {
                        let HostPattern::Exact(host) = host else { return Err(InvalidRedirect::Host) };
                        exact.push(host.clone());
                    }
                    if exact.is_empty() {
                        return Err(InvalidRedirect::Host);
                    }
                } else {
                    if authority.contains('{') {
                        return Err(InvalidRedirect::Authority);
                    }
                    let valid =
                        authority.parse::<http::uri::Authority>().is_ok_and(|it| !it.host().is_empty());
                    if !valid || authority.contains('@') {
                        return Err(InvalidRedirect::Target);
                    }
                }
                if to[rest_from + authority.len()..].contains("{host}") {
                    return Err(InvalidRedirect::Authority);
                }
            }
            (_, Some(Part::Path)) => {}
            (_, Some(Part::Text(text))) if text.starts_with('/') && !text.starts_with("//") => {}
            _ => return Err(InvalidRedirect::Target),
        }
        if exact.is_empty() && parts.contains(&Part::Host) {
            return Err(InvalidRedirect::Authority);
        }
        Ok(Self { status: code, parts, hosts: exact })
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The `Location` for this request. `None` for a request whose path cannot stand in a header, or that asks for
    /// a host its route does not list; neither comes from a parsed request that went through the route.
    pub fn location(&self, head: &Head<'_>) -> Option<HeaderValue> {
        let mut to = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => to.push_str(text),
                Part::Host => {
                    let asked = self.hosts.iter().find(|host| host.eq_ignore_ascii_case(head.host))?;
                    if asked.contains(':') {
                        to.push('[');
                        to.push_str(asked);
                        to.push(']');
                    } else {
                        to.push_str(asked);
                    }
                }
                // Without its slash, a path would prolong the host before it.
                Part::Path if !head.sent_path.starts_with('/') => to.push('/'),
                Part::Path => to.push_str(head.sent_path),
                Part::Query => {
                    let query = head.query.unwrap_or_default();
                    if !query.is_empty() && !to.contains('?') {
                        to.push('?');
                    }
                    to.push_str(query);
                }
            }
        }
        // Two slashes at the front, either way round, name a host to a browser (WHATWG URL, section 4.4).
        if to.starts_with(['/', '\\']) {
            to = format!("/{}", to.trim_start_matches(['/', '\\']));
        }
        HeaderValue::from_bytes(to.as_bytes()).ok()
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn parts(to: &str) -> Result<Vec<Part>, InvalidRedirect> {
    if !to.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>')) {
        return Err(InvalidRedirect::Character);
    }
    let mut parts = Vec::new();
    let mut rest = to;
    while let Some((text, after)) = rest.split_once('{') {
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        parts.push(match name {
            "host" => Part::Host,
            "path" => Part::Path,
            "query" => Part::Query,
            _ => return Err(InvalidRedirect::Placeholder(name.to_owned())),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(parts)
}

impl fmt::Display for InvalidRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status} is no redirect; use 301, 302, 303, 307 or 308"),
            Self::Target => f.write_str(
                "a target begins with `https://`, `http://` and a host, with `/`, or with `{path}`",
            ),
            Self::Authority => f.write_str(
                "only `{host}`, as the whole host, may stand where the host does: a request could lead to \
                 another site",
            ),
            Self::Host => {
                f.write_str("`{host}` needs a route whose `host` lists each host exactly, without wildcards")
            }
            Self::Placeholder(name) => {
                write!(f, "there is no placeholder `{{{name}}}`; use `{{path}}`, `{{query}}` or `{{host}}`")
            }
            Self::Character => f.write_str("a character here must be escaped in a URL"),
        }
    }
}

impl std::error::Error for InvalidRedirect {}

#[cfg(test)]
mod tests;
