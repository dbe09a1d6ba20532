//! Any routes and any request: what is found by hash is what trying one rule after the other finds.
#![no_main]

use std::net::IpAddr;

use arbitrary::Arbitrary;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use wakegate::route::{Glob, Head, HostPattern, Matcher, PathPattern, Redirect, Router};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    rules: Vec<Rule<'a>>,
    method: &'a [u8],
    uri: &'a [u8],
    headers: Vec<(&'a [u8], &'a [u8])>,
    peer: [u8; 4],
}

#[derive(Arbitrary, Debug)]
struct Rule<'a> {
    hosts: Vec<&'a str>,
    paths: Vec<&'a str>,
    header: Option<(&'a str, &'a str)>,
    redirect: &'a str,
}

fn matcher(rule: &Rule<'_>) -> Option<Matcher> {
    let header = match rule.header {
        Some((name, value)) => vec![(HeaderName::try_from(name).ok()?, Glob::new(value))],
        None => vec![],
    };
    Some(Matcher {
        hosts: rule.hosts.iter().filter_map(|text| HostPattern::new(text).ok()).collect(),
        paths: rule.paths.iter().filter_map(|text| PathPattern::new(text).ok()).collect(),
        headers: header,
        ..Matcher::default()
    })
}

fn request(input: &Input<'_>) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(input.method).ok()?;
    *request.uri_mut() = Uri::try_from(input.uri).ok()?;
    for (name, value) in &input.headers {
        request.headers_mut().append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request)
}

fuzz_target!(|input: Input<'_>| {
    let matchers: Vec<Matcher> = input.rules.iter().filter_map(matcher).collect();
    let redirects: Vec<_> =
        input.rules.iter().filter_map(|rule| Some((rule.redirect, Redirect::new(rule.redirect, 302, &[]).ok()?))).collect();
    let Some(request) = request(&input) else { return };
    let head = Head::of(&request, IpAddr::from(input.peer));
    let expected = matchers.iter().position(|matcher| matcher.matches(&head));
    let router = Router::new(matchers.into_iter().enumerate().map(|(index, it)| (it, index)).collect());
    match router.find(&head) {
        Ok(found) => assert_eq!(found.copied(), expected),
        // Nobody is refused whose path says what it says.
        Err(_) => assert!(head.path != head.sent_path || head.path.contains(';')),
    }
    assert!(!head.path.contains("//") && head.path.split('/').all(|segment| !matches!(segment, "." | "..")));
    for (to, redirect) in redirects {
        if let Some(location) = redirect.location(&head) {
            let location = location.as_bytes();
            assert!(location.iter().all(|byte| *byte > b' ' && *byte != 0x7f), "{location:?}");
            // Where it stays on this host, no request makes it lead to another: not by //, and not by what browsers
            // take for that.
            let leads_away = |text: &[u8]| matches!(text, [b'/' | b'\\', b'/' | b'\\', ..]);
            assert!(leads_away(to.as_bytes()) || !leads_away(location), "{to:?} {location:?}");
        }
    }
});
