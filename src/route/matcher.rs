use http::{HeaderName, Method};
use ipnet::IpNet;

use super::{Glob, Head, HostPattern, PathPattern};

/// Which requests a rule is for. Every condition that is given must hold; where a condition lists several values,
/// one of them must. The default has none and matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// The host it asks for.
    pub hosts: Vec<HostPattern>,
    /// The path.
    pub paths: Vec<PathPattern>,
    /// Headers: all of these must be there, each with a value that fits. `*` asks for presence alone.
    pub headers: Vec<(HeaderName, Glob)>,
    /// Query parameters, decoded: all of these must be there, each with a value that fits.
    pub query: Vec<(String, Glob)>,
    /// The method.
    pub methods: Vec<Method>,
    /// Where it comes from.
    pub sources: Vec<IpNet>,
}

impl Matcher {
    /// Whether the request meets every condition.
    pub fn matches(&self, head: &Head<'_>) -> bool {
        one_of(&self.hosts, |host| host.matches(head.host)) && self.matches_but_for_host(head)
    }

    /// Whether the request meets every condition except for that on the host, which an index has settled.
    pub(super) fn matches_but_for_host(&self, head: &Head<'_>) -> bool {
        one_of(&self.paths, |path| path.matches(&head.path))
            && one_of(&self.methods, |method| method == head.method)
            && one_of(&self.sources, |net| net.contains(&head.peer))
            && self.headers.iter().all(|(name, value)| has_header(head, name, value))
            && self.query.iter().all(|(name, value)| has_parameter(head, name, value))
    }
}

fn one_of<T>(values: &[T], holds: impl FnMut(&T) -> bool) -> bool {
    values.is_empty() || values.iter().any(holds)
}

fn has_header(head: &Head<'_>, name: &HeaderName, value: &Glob) -> bool {
    head.headers.get_all(name).iter().any(|found| value.matches(found.as_bytes()))
}

fn has_parameter(head: &Head<'_>, name: &str, value: &Glob) -> bool {
    let mut found = form_urlencoded::parse(head.query.unwrap_or_default().as_bytes());
    found.any(|(key, found)| key == name && value.matches(found.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn matches(matcher: &Matcher, request: &Request<()>) -> bool {
        matcher.matches(&Head::of(request, [192, 0, 2, 7].into()))
    }

    #[test]
    fn every_given_condition_must_hold() {
        let full = Matcher {
            hosts: vec![HostPattern::new("a.example").unwrap(), HostPattern::new("*.b.example").unwrap()],
            paths: vec![PathPattern::new("/x/*").unwrap(), PathPattern::new("/y").unwrap()],
            headers: vec![
                (HeaderName::from_static("x-tenant"), Glob::new("acme*")),
                (HeaderName::from_static("x-debug"), Glob::new("*")),
            ],
            query: vec![("v".to_owned(), Glob::new("2 *"))],
            methods: vec![Method::GET, Method::HEAD],
            sources: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        };
        let request = || {
            Request::get("http://q.b.example/x/1?w=1&v=2+0")
                .header("x-tenant", "other")
                .header("x-tenant", "acme-eu")
                .header("x-debug", "")
        };
        assert!(matches(&full, &request().body(()).unwrap()));
        assert!(matches(&full, &request().uri("http://a.example/y?v=2%20").body(()).unwrap()));

        assert!(!matches(&full, &request().method("POST").body(()).unwrap()), "method");
        for (what, uri) in [
            ("host", "http://b.example/x/1?v=2+0"),
            ("path", "http://a.example/z?v=2+0"),
            ("query", "http://a.example/y?v=3"),
            ("no query", "http://a.example/y"),
        ] {
            assert!(!matches(&full, &request().uri(uri).body(()).unwrap()), "{what}");
        }
        let mut bare = request().body(()).unwrap();
        bare.headers_mut().remove("x-debug");
        assert!(!matches(&full, &bare), "presence of a header");
        let mut wrong = request().body(()).unwrap();
        wrong.headers_mut().insert("x-tenant", http::HeaderValue::from_static("other"));
        assert!(!matches(&full, &wrong), "value of a header");
        let request = request().body(()).unwrap();
        assert!(!full.matches(&Head::of(&request, [198, 51, 100, 1].into())), "source");
        assert!(full.matches(&Head::of(&request, "2001:db8::1".parse().unwrap())));
    }

    #[test]
    fn nothing_given_matches_everything() {
        assert!(matches(&Matcher::default(), &Request::new(())));
    }
}
