use http::{HeaderMap, Method};

use super::*;

fn hosts() -> Vec<HostPattern> {
    ["a.example", "b.example"].map(|host| HostPattern::new(host).unwrap()).into()
}

fn location(to: &str, host: &str, path: &str, query: Option<&str>) -> String {
    let headers = HeaderMap::new();
    let peer = [127, 0, 0, 1].into();
    let head = Head {
        method: &Method::GET,
        host,
        path: path.into(),
        sent_path: path,
        query,
        headers: &headers,
        peer,
    };
    let value = Redirect::new(to, 307, &hosts()).unwrap().location(&head).unwrap();
    value.to_str().unwrap().to_owned()
}

#[test]
fn path_query_and_host_are_filled_in() {
    for (to, expected) in [
        ("https://new.example{path}{query}", "https://new.example/x/y?z=1"),
        ("https://new.example/old{path}", "https://new.example/old/x/y"),
        ("https://new.example/?from={path}&{query}", "https://new.example/?from=/x/y&z=1"),
        ("https://{host}{path}{query}", "https://a.example/x/y?z=1"),
        ("https://{host}:8443{path}", "https://a.example:8443/x/y"),
        ("/sub{path}", "/sub/x/y"),
        ("{path}index.html", "/x/yindex.html"),
        ("/fixed", "/fixed"),
    ] {
        assert_eq!(location(to, "A.example", "/x/y", Some("z=1")), expected);
    }
    assert_eq!(
        location("https://new.example{path}{query}", "a.example", "/x", None),
        "https://new.example/x"
    );
}

#[test]
fn it_has_the_status_that_was_asked_for() {
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(Redirect::new("/x", status, &[]).unwrap().status(), status);
    }
}

#[test]
fn no_request_turns_it_to_another_site() {
    for path in
        ["//evil.example", "/\\evil.example", "\\\\evil.example", "///evil.example", ".evil.example", "@evil"]
    {
        let relative = location("{path}", "a.example", path, None);
        assert!(relative.starts_with('/') && !relative[1..].starts_with(['/', '\\']), "{relative}");
        let absolute = location("https://new.example{path}", "a.example", path, None);
        assert!(absolute.starts_with("https://new.example/"), "{absolute}");
    }
}

#[test]
fn a_host_that_the_route_does_not_list_gets_no_location() {
    let headers = HeaderMap::new();
    let peer = [127, 0, 0, 1].into();
    let head = Head {
        method: &Method::GET,
        host: "evil.example",
        path: "/".into(),
        sent_path: "/",
        query: None,
        headers: &headers,
        peer,
    };
    assert_eq!(Redirect::new("https://{host}/", 308, &hosts()).unwrap().location(&head), None);
}

#[test]
fn targets_that_a_request_could_turn_are_refused() {
    use InvalidRedirect::{Authority, Character, Host, Placeholder, Status, Target};
    for (to, error) in [
        ("", Target),
        ("new.example/x", Target),
        ("ftp://new.example/", Target),
        ("https://", Target),
        ("https:///x", Target),
        ("https://user@new.example/", Target),
        ("//new.example/", Target),
        ("{query}", Target),
        ("https://{path}", Target),
        ("https://{query}.example", Authority),
        ("https://x.{host}/", Authority),
        ("https://{host}:port/", Authority),
        ("https://{host}:65536/", Authority),
        ("https://{host}.evil.example/", Authority),
        ("https://new.example/{host}", Authority),
        ("/{host}", Authority),
        ("https://new.example{query}", Authority),
        ("https://new.example/{user}", Placeholder("user".to_owned())),
        ("/a b", Character),
        ("/\\x", Character),
        ("https://new.example/\r\nset-cookie: x", Character),
    ] {
        assert_eq!(Redirect::new(to, 307, &hosts()), Err(error), "{to}");
    }
    assert_eq!(Redirect::new("/x", 200, &[]), Err(Status(200)));
    assert_eq!(Redirect::new("https://{host}/", 307, &[]), Err(Host));
    let wild = [HostPattern::new("*.example").unwrap()];
    assert_eq!(Redirect::new("https://{host}/", 307, &wild), Err(Host));
}
