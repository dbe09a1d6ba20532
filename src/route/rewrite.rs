use std::borrow::Cow;
use std::fmt;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Uri};
use regex::Regex;

use super::{HeaderChanges, reading};

/// What is changed in a request on its way to the service, and in the answer on its way back. The default changes
/// nothing.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    /// Taken off the front of the path, where it stands there as whole segments: `/api` makes `/x` of `/api/x`
    /// and `/` of `/api`, and leaves `/apix` alone. Without a slash at its end. The path's letters may be spelled as
    /// escapes.
    pub strip_prefix: Option<Box<str>>,
    /// Then, a replacement in the path.
    pub path: Option<PathRewrite>,
    /// The host that the service is asked for, in place of the client's.
    pub host: Option<Authority>,
    /// Changes to the request's headers.
    pub request_headers: HeaderChanges,
    /// Changes to the answer's headers.
    pub response_headers: HeaderChanges,
}

/// A replacement in the path by regular expression. The one part of a rewrite that is not quite free: the expression
/// borrows scratch memory from a pool that threads share, without waiting for one another.
#[derive(Clone, Debug)]
pub struct PathRewrite {
    /// What is sought in the path, without the query. The first place where it is found is replaced.
    pub regex: Regex,
    /// What is put there; `$1` and `${name}` stand for groups. From a `?` on it goes into the query, before
    /// what the client had there.
    pub replace: Box<str>,
}

/// The rewritten path is none that could be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrewritable;

impl fmt::Display for Unrewritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rewritten path is not a valid one")
    }
}

impl std::error::Error for Unrewritable {}

impl Rewrite {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.strip_prefix.is_none()
            && self.path.is_none()
            && self.host.is_none()
            && self.request_headers.is_empty()
            && self.response_headers.is_empty()
    }

    /// Changes the address and the headers of a request. What is not named stays as it is, byte by byte; the query always stays.
    ///
    /// # Errors
    /// A path that cannot be sent (it has a space, for example), or that is rewritten and has a `..`, which could lead out of what
    /// the replacement puts before it; the request is then unchanged.
    pub fn apply(&self, uri: &mut Uri, headers: &mut HeaderMap) -> Result<(), Unrewritable> {
        if self.strip_prefix.is_some() || self.path.is_some() || self.host.is_some() {
            *uri = self.uri(uri)?;
        }
        if let Some(host) = &self.host {
            let value = HeaderValue::from_str(host.as_str()).map_err(|_| Unrewritable)?;
            headers.insert(HOST, value);
        }
        self.request_headers.drop_twins(headers);
        self.request_headers.apply(headers);
        Ok(())
    }

    /// Changes the headers of the service's answer.
    pub fn apply_response(&self, headers: &mut HeaderMap) {
        self.response_headers.apply(headers);
    }

    fn uri(&self, uri: &Uri) -> Result<Uri, Unrewritable> {
        if self.path.is_some() && reading::climbs(uri.path()) {
            return Err(Unrewritable);
        }
        let path = self.path(uri.path());
        let mut changed = uri.clone().into_parts();
        if *path != *uri.path() {
            let full: Cow<'_, str> = match uri.query() {
                Some(query) if path.contains('?') => format!("{path}&{query}").into(),
                Some(query) => format!("{path}?{query}").into(),
                None => path,
            };
            changed.path_and_query = Some(PathAndQuery::try_from(&*full).map_err(|_| Unrewritable)?);
        }
        if let (Some(host), Some(_)) = (&self.host, &changed.authority) {
            changed.authority = Some(host.clone());
        }
        Uri::from_parts(changed).map_err(|_| Unrewritable)
    }

    /// The path as it is to be, with a `/` in front, and with a query if the replacement brings one.
    fn path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        // `OPTIONS *` is about the server as a whole (RFC 9110 section 9.3.7), and is no path.
        if !path.starts_with('/') {
            return Cow::Borrowed(path);
        }
        let stripped = match self.strip_prefix.as_deref().and_then(|prefix| reading::after(path, prefix)) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        };
        let Some(rewrite) = &self.path else { return Cow::Borrowed(stripped) };
        match rewrite.regex.replace(stripped, &*rewrite.replace) {
            Cow::Owned(new) if !new.starts_with('/') => Cow::Owned(format!("/{new}")),
            new => new,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::super::HeaderChanges;
    use super::*;

    fn rewritten(rewrite: &Rewrite, uri: &str) -> String {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        rewrite.apply(&mut parts.uri, &mut parts.headers).unwrap();
        parts.uri.to_string()
    }

    fn stripping(prefix: &str) -> Rewrite {
        Rewrite { strip_prefix: Some(prefix.into()), ..Rewrite::default() }
    }

    fn replacing(regex: &str, replace: &str) -> Rewrite {
        let path = PathRewrite { regex: Regex::new(regex).unwrap(), replace: replace.into() };
        Rewrite { path: Some(path), ..Rewrite::default() }
    }

    #[test]
    fn one_change_of_any_sort_is_a_rewrite() {
        let changes =
            HeaderChanges { remove: vec![http::HeaderName::from_static("x")], ..HeaderChanges::default() };
        assert!(Rewrite::default().is_empty());
        for rewrite in [
            stripping("/api"),
            replacing("x", "y"),
            Rewrite { host: Some(Authority::from_static("inner.example")), ..Rewrite::default() },
            Rewrite { request_headers: changes.clone(), ..Rewrite::default() },
            Rewrite { response_headers: changes, ..Rewrite::default() },
        ] {
            assert!(!rewrite.is_empty(), "{rewrite:?}");
        }
    }

    #[test]
    fn a_prefix_is_stripped_as_whole_segments_and_the_query_stays() {
        let api = stripping("/api");
        for (before, after) in [
            ("/api/x?q=/api", "/x?q=/api"),
            ("/api", "/"),
            ("/api?q", "/?q"),
            ("/api/", "/"),
            ("/apix", "/apix"),
            ("/x/api", "/x/api"),
            ("/api//x", "//x"),
            ("/%61pi/%61", "/%61"),
            ("/%61pix", "/%61pix"),
            ("http://a.example/api/x", "http://a.example/x"),
        ] {
            assert_eq!(rewritten(&api, before), after);
        }
        let (mut parts, ()) = Request::options("*").body(()).unwrap().into_parts();
        api.apply(&mut parts.uri, &mut parts.headers).unwrap();
        assert_eq!(parts.uri, "*");
    }

    #[test]
    fn a_regex_rewrites_the_path_and_may_add_to_the_query() {
        assert_eq!(rewritten(&replacing("^/v1/(.*)$", "/v2/$1"), "/v1/a%20b?q=1"), "/v2/a%20b?q=1");
        assert_eq!(rewritten(&replacing("^/u/(?<id>[0-9]+)$", "/user?id=${id}"), "/u/7?x"), "/user?id=7&x");
        assert_eq!(rewritten(&replacing("^/old/", ""), "/old/x"), "/x");
        assert_eq!(rewritten(&replacing("^/nothing", "/x"), "/y?z"), "/y?z");
        let both = Rewrite { strip_prefix: Some("/api".into()), ..replacing("^/v1/", "/v2/") };
        assert_eq!(rewritten(&both, "/api/v1/x"), "/v2/x", "first stripped, then replaced");
    }

    #[test]
    fn no_client_passes_off_its_own_field_as_one_that_is_set_or_removed() {
        let name = http::HeaderName::from_static;
        let changes = HeaderChanges {
            remove: vec![name("x-gone")],
            set: vec![
                (name("x-my-tenant"), HeaderValue::from_static("acme")),
                (name("x_own"), HeaderValue::from_static("1")),
            ],
            add: vec![(name("x-more"), HeaderValue::from_static("1"))],
        };
        let rewrite = Rewrite { request_headers: changes, ..Rewrite::default() };
        let request = ["x_gone", "x_my_tenant", "x-my_tenant", "x_my-tenant", "x-own", "x_more", "x_other"]
            .into_iter()
            .fold(Request::get("/"), |request, name| request.header(name, "evil").header(name, "evil"));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        rewrite.apply(&mut parts.uri, &mut parts.headers).unwrap();
        let mut left: Vec<&str> = parts.headers.keys().map(http::HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-more", "x-my-tenant", "x-own", "x_more", "x_other", "x_own"]);
        assert_eq!(parts.headers["x-my-tenant"], "acme");
    }

    #[test]
    fn a_path_that_cannot_be_sent_is_refused() {
        let (mut parts, ()) = Request::get("/x").body(()).unwrap().into_parts();
        assert_eq!(replacing("x", "a b").apply(&mut parts.uri, &mut parts.headers), Err(Unrewritable));
        assert_eq!(parts.uri, "/x");
    }

    #[test]
    fn nothing_leads_out_of_what_is_put_before_a_path() {
        let into = replacing("^/", "/acme/");
        for path in ["/../other", "/%2e%2e/other", "/..;x/other", "/..%2fother", "/a/../../other"] {
            let (mut parts, ()) = Request::get(path).body(()).unwrap().into_parts();
            assert_eq!(into.apply(&mut parts.uri, &mut parts.headers), Err(Unrewritable), "{path}");
            assert_eq!(parts.uri, path);
        }
        assert_eq!(rewritten(&into, "/a//b;x/./c?../d"), "/acme/a//b;x/./c?../d");
    }

    #[test]
    fn host_and_headers_change() {
        let name = http::HeaderName::from_static;
        let value = HeaderValue::from_static;
        let changes = HeaderChanges {
            remove: vec![name("x-gone")],
            set: vec![(name("x-set"), value("new"))],
            add: vec![(name("x-add"), value("2"))],
        };
        let rewrite = Rewrite {
            host: Some(Authority::from_static("inner.example")),
            request_headers: changes.clone(),
            response_headers: changes,
            ..Rewrite::default()
        };
        let request = Request::get("http://a.example/x")
            .header("host", "a.example")
            .header("x-gone", "1")
            .header("x-set", "old")
            .header("x-set", "older")
            .header("x-add", "1");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let mut answer = parts.headers.clone();
        rewrite.apply(&mut parts.uri, &mut parts.headers).unwrap();
        assert_eq!(parts.uri, "http://inner.example/x");
        assert_eq!(parts.headers["host"], "inner.example");
        let seen = |headers: &HeaderMap| {
            let all = |name| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
            assert_eq!(all("x-gone"), Vec::<HeaderValue>::new());
            assert_eq!(all("x-set"), [value("new")]);
            assert_eq!(all("x-add"), [value("1"), value("2")]);
        };
        seen(&parts.headers);
        rewrite.apply_response(&mut answer);
        seen(&answer);
        assert_eq!(answer["host"], "a.example");
    }
}
