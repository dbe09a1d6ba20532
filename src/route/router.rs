use std::collections::HashMap;
use std::fmt;

use super::host::MAX_HOST;
use super::{Head, HostPattern, Matcher};

/// How many lists of candidates a lookup merges at most; deeper nesting of wildcards is flattened beforehand.
const MAX_LISTS: usize = 4;

/// Finds the first of many rules that matches a request.
///
/// The host is looked up by hash, so the time does not grow with the number of hosts; among the rules of one host
/// (those for any host included) they are tried in order.
#[derive(Clone, Debug)]
pub struct Router<T> {
    entries: Vec<(Matcher, T)>,
    exact: HashMap<Box<str>, Node>,
    under: HashMap<Box<str>, Node>,
    any: Vec<u32>,
}

/// The path can be read in several ways, and they lead to different rules. Whoever let it through by one of them would
/// let it past the other: the lock of `/admin/*`, asked for as `/public/..;/admin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path can be read in several ways that lead to different routes")
    }
}

impl std::error::Error for Ambiguous {}

/// The rules of one host or suffix, as ascending indices of `entries`.
#[derive(Clone, Debug, Default)]
struct Node {
    rules: Vec<u32>,
    /// The suffix of the next wider wildcard that has rules of its own.
    wider: Option<Box<str>>,
    /// How many nodes lie on the way outwards from this one.
    tied: usize,
}

impl<T> Router<T> {
    /// A router over these rules; earlier ones win.
    pub fn new(entries: Vec<(Matcher, T)>) -> Self {
        let mut router = Self { entries, exact: HashMap::new(), under: HashMap::new(), any: Vec::new() };
        for (index, (matcher, _)) in router.entries.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if matcher.hosts.is_empty() {
                router.any.push(index);
            }
            for host in &matcher.hosts {
                let node = match host {
                    HostPattern::Exact(name) => router.exact.entry(name.clone()).or_default(),
                    HostPattern::Under(suffix) => router.under.entry(suffix.clone()).or_default(),
                };
                if node.rules.last() != Some(&index) {
                    node.rules.push(index);
                }
            }
        }
        router.link();
        router
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first rule that matches.
    ///
    /// # Errors
    /// [`Ambiguous`] where another would match if the path were read as some servers do.
    pub fn find(&self, head: &Head<'_>) -> Result<Option<&T>, Ambiguous> {
        let found = self.first(head);
        if head.other_readings().any(|other| self.first(&other) != found) {
            return Err(Ambiguous);
        }
        Ok(found.and_then(|index| self.entries.get(index)).map(|(_, value)| value))
    }

    fn first(&self, head: &Head<'_>) -> Option<usize> {
        let mut lists: [&[u32]; MAX_LISTS] = [&[]; MAX_LISTS];
        lists[0] = &self.any;
        let mut node = self.node(head.host);
        for list in &mut lists[1..] {
            let Some(found) = node else { break };
            *list = &found.rules;
            node = found.wider.as_ref().and_then(|suffix| self.under.get(suffix));
        }
        loop {
            let first = lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list[0])?;
            let (&index, rest) = first.split_first()?;
            *first = rest;
            let (matcher, _) = self.entries.get(index as usize)?;
            if matcher.matches_but_for_host(head) {
                return Some(index as usize);
            }
        }
    }

    /// The narrowest node that covers the host.
    fn node(&self, host: &str) -> Option<&Node> {
        if (self.exact.is_empty() && self.under.is_empty()) || host.len() > MAX_HOST {
            return None;
        }
        let mut buffer = [0; MAX_HOST];
        let host = lower(host, &mut buffer);
        self.exact.get(host).or_else(|| wider(&self.under, host).map(|(_, node)| node))
    }

    /// Ties every node to the wildcard around it.
    fn link(&mut self) {
        let mut suffixes: Vec<Box<str>> = self.under.keys().cloned().collect();
        // Wider ones first: by then what they are tied to is settled.
        suffixes.sort_unstable_by_key(|suffix| suffix.len());
        for suffix in suffixes {
            let Some(mut node) = self.under.remove(&suffix) else { continue };
            node.tie(&suffix, &self.under, MAX_LISTS - 2);
            self.under.insert(suffix, node);
        }
        for (host, node) in &mut self.exact {
            node.tie(host, &self.under, MAX_LISTS - 1);
        }
    }
}

impl Node {
    /// Ties this node to the narrowest wildcard around `name`, or takes over all the rules on the way outwards
    /// where that would get longer than `most` nodes.
    fn tie(&mut self, name: &str, under: &HashMap<Box<str>, Self>, most: usize) {
        let Some((suffix, around)) = wider(under, name) else { return };
        if around.tied < most - 1 {
            self.wider = Some(suffix.into());
            self.tied = around.tied + 1;
            return;
        }
        let mut next = Some(around);
        while let Some(around) = next {
            self.rules.extend_from_slice(&around.rules);
            next = around.wider.as_ref().and_then(|suffix| under.get(suffix));
        }
        self.rules.sort_unstable();
        self.rules.dedup();
    }
}

/// The narrowest wildcard that covers the host, found by leaving off one label after the other. As in
/// [`HostPattern::matches`], something stands before the dot before the suffix.
fn wider<'a>(under: &'a HashMap<Box<str>, Node>, host: &str) -> Option<(&'a str, &'a Node)> {
    if under.is_empty() {
        return None;
    }
    let mut rest = host.get(1..)?.split_once('.');
    while let Some((_, suffix)) = rest {
        if let Some((suffix, node)) = under.get_key_value(suffix) {
            return Some((suffix, node));
        }
        rest = suffix.split_once('.');
    }
    None
}

/// The host in lower case: itself where it is, in `buffer` otherwise.
fn lower<'a>(host: &'a str, buffer: &'a mut [u8; MAX_HOST]) -> &'a str {
    if !host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return host;
    }
    let Some(buffer) = buffer.get_mut(..host.len()) else { return host };
    buffer.copy_from_slice(host.as_bytes());
    buffer.make_ascii_lowercase();
    std::str::from_utf8(buffer).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::Request;

    use super::super::PathPattern;
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn rule(hosts: &[&str], path: &str) -> Matcher {
        Matcher {
            hosts: hosts.iter().map(|host| HostPattern::new(host).unwrap()).collect(),
            paths: vec![PathPattern::new(path).unwrap()],
            ..Matcher::default()
        }
    }

    fn find(router: &Router<usize>, host: &str, path: &str) -> Option<usize> {
        let request = Request::get(path).header("host", host).body(()).unwrap();
        router.find(&Head::of(&request, PEER)).unwrap().copied()
    }

    fn numbered(rules: Vec<Matcher>) -> Router<usize> {
        Router::new(rules.into_iter().enumerate().map(|(index, rule)| (rule, index)).collect())
    }

    #[test]
    fn the_order_decides_and_not_how_narrow_a_rule_is() {
        let router = numbered(vec![
            rule(&[], "/any/*"),
            rule(&["*.example.com"], "/wild/*"),
            rule(&["a.example.com"], "/*"),
            rule(&["*.example.com"], "/*"),
            rule(&[], "/*"),
        ]);
        assert_eq!(find(&router, "a.example.com", "/any/x"), Some(0));
        assert_eq!(find(&router, "a.example.com", "/wild/x"), Some(1));
        assert_eq!(find(&router, "a.example.com", "/"), Some(2));
        assert_eq!(find(&router, "A.EXAMPLE.com:8080", "/"), Some(2));
        assert_eq!(find(&router, "b.example.com", "/"), Some(3));
        assert_eq!(find(&router, "example.com", "/"), Some(4));
        assert_eq!(find(&router, "", "/"), Some(4));
        assert_eq!(find(&router, &"a.".repeat(200), "/"), Some(4));
    }

    #[test]
    fn a_host_with_empty_labels_is_covered_as_by_the_pattern_itself() {
        let router = numbered(vec![rule(&["*.example.com"], "/*")]);
        for host in
            [".example.com", "..example.com", ".a.example.com", "...example.com", "a..example.com", ".", ""]
        {
            let pattern = HostPattern::new("*.example.com").unwrap();
            assert_eq!(find(&router, host, "/").is_some(), pattern.matches(host), "{host:?}");
        }
    }

    #[test]
    fn nothing_matches_an_empty_router_or_a_foreign_host() {
        assert_eq!(find(&numbered(vec![]), "a.example", "/"), None);
        assert_eq!(find(&numbered(vec![rule(&["a.example"], "/*")]), "b.example", "/"), None);
    }

    #[test]
    fn it_knows_how_many_rules_it_has() {
        for count in [0, 1, 3] {
            let router = numbered(vec![Matcher::default(); count]);
            assert_eq!((router.len(), router.is_empty()), (count, count == 0));
        }
    }

    #[test]
    fn a_path_that_leads_to_two_places_is_refused_and_one_that_leads_to_the_same_is_not() {
        let router = numbered(vec![rule(&[], "/admin/*"), rule(&[], "/*")]);
        for (path, found) in [
            ("/public/..;/admin", Err(Ambiguous)),
            ("/admin/../public", Err(Ambiguous)),
            ("/public/%2e%2e;x/y", Ok(Some(&1))),
            ("/admin//x", Ok(Some(&0))),
            ("/x;y", Ok(Some(&1))),
        ] {
            let request = Request::get(path).body(()).unwrap();
            assert_eq!(router.find(&Head::of(&request, PEER)), found, "{path}");
        }
    }

    #[test]
    fn a_host_longer_than_any_there_is_finds_only_what_is_for_any_host() {
        let router = numbered(vec![rule(&["*.example.com"], "/*"), rule(&[], "/*")]);
        for (length, found) in [(MAX_HOST - 1, 0), (MAX_HOST, 0), (MAX_HOST + 1, 1)] {
            for label in ["a", "A"] {
                let host = label.repeat(length - ".example.com".len()) + ".example.com";
                assert_eq!(find(&router, &host, "/"), Some(found), "{label} {length}");
            }
        }
    }

    #[test]
    fn of_wildcards_in_wildcards_each_is_found_however_many() {
        let name = |labels: usize| "a.".repeat(labels) + "example";
        // By turns a wildcard and the host under it that has a rule of its own.
        let rules = (0..9).flat_map(|depth| {
            let path = format!("/{depth}");
            [rule(&[&format!("*.{}", name(depth))], &path), rule(&[&name(depth + 1)], "/exact")]
        });
        let router = numbered(rules.collect());
        for labels in 1..=12 {
            for depth in 0..9 {
                let expected = (labels > depth).then_some(2 * depth);
                // The second is found by its wildcard alone.
                for host in [name(labels), format!("b.{}", name(labels - 1))] {
                    assert_eq!(find(&router, &host, &format!("/{depth}")), expected, "{host} {depth}");
                }
            }
            let expected = (labels <= 9).then_some(2 * labels - 1);
            assert_eq!(find(&router, &name(labels), "/exact"), expected, "{labels}");
        }
    }

    #[test]
    fn agrees_with_trying_every_rule_in_order() {
        let mut random = fastrand::Rng::with_seed(11);
        let labels = ["a", "b", "c"];
        let mut hits = 0;
        for _ in 0..400 {
            let mut name = |most: usize| {
                let labels: Vec<&str> =
                    (0..random.usize(1..=most)).map(|_| *random.choice(&labels).unwrap()).collect();
                labels.join(".")
            };
            let hosts: Vec<String> = (0..12).map(|_| name(7)).collect();
            let asked: Vec<String> = (0..40).map(|_| name(8)).collect();
            let rules: Vec<Matcher> = (0..random.usize(0..30))
                .map(|_| {
                    let hosts: Vec<String> = (0..random.usize(0..3))
                        .map(|_| {
                            let host = random.choice(&hosts).unwrap();
                            if random.bool() { format!("*.{host}") } else { host.clone() }
                        })
                        .collect();
                    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
                    rule(&hosts, random.choice(["/*", "/x", "/y", "/z"]).unwrap())
                })
                .collect();
            let router = numbered(rules.clone());
            for host in &asked {
                for path in ["/x", "/y", "/"] {
                    let request = Request::get(path).header("host", host).body(()).unwrap();
                    let head = Head::of(&request, PEER);
                    let expected = rules.iter().position(|rule| rule.matches(&head));
                    hits += usize::from(expected.is_some());
                    assert_eq!(router.find(&head).unwrap().copied(), expected, "{host}{path} in {rules:#?}");
                }
            }
        }
        assert!(hits > 5_000, "{hits} lookups found something");
    }
}
