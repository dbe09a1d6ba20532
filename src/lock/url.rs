//! The parameter of a link, in and out of URLs.

use http::header::REFERER;
use http::uri::{Parts, PathAndQuery};
use http::{HeaderValue, Request, Uri};

use super::link::PARAMETER;

/// Takes the parameter out of the request's target, and out of the `Referer`, in which a browser sends it once more.
/// Its first value is returned.
pub(super) fn take<B>(request: &mut Request<B>) -> Option<String> {
    if let Some(referer) = request.headers().get(REFERER).and_then(|value| value.to_str().ok())
        && let Some((without, _)) = without(referer)
        && let Ok(without) = HeaderValue::try_from(without)
    {
        request.headers_mut().insert(REFERER, without);
    }
    let target = request.uri().path_and_query()?;
    let (without, value) = without(target.as_str())?;
    let mut parts = Parts::from(request.uri().clone());
    parts.path_and_query = Some(PathAndQuery::try_from(without).ok()?);
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(value)
}

/// A URL with the parameter, in place of one that it had.
pub(super) fn with(url: &str, value: &str) -> String {
    let url = without(url).map_or_else(|| url.to_owned(), |(without, _)| without);
    let (url, fragment) = url.split_once('#').map_or((&*url, None), |(url, fragment)| (url, Some(fragment)));
    let joint = if url.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|it| format!("#{it}")).unwrap_or_default();
    format!("{url}{joint}{PARAMETER}={value}{fragment}")
}

/// The URL without the parameter, and the parameter's first value; `None` where it has none.
fn without(url: &str) -> Option<(String, String)> {
    let (before, rest) = url.split_once('?')?;
    let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, it)| (query, Some(it)));
    let value = |pair: &str| Some(pair.strip_prefix(PARAMETER)?.strip_prefix('=')?.to_owned());
    let found = query.split('&').find_map(value)?;
    let others: Vec<&str> = query.split('&').filter(|pair| value(pair).is_none()).collect();
    let mut url = before.to_owned();
    if !others.is_empty() {
        url.push('?');
        url.push_str(&others.join("&"));
    }
    if let Some(fragment) = fragment {
        url.push('#');
        url.push_str(fragment);
    }
    Some((url, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_goes_and_the_others_stay_as_they_are() {
        for (target, expected, value) in [
            ("/?wakegate-key=v", "/", Some("v")),
            ("/a%20b?x=1&wakegate-key=v&y=%2F&&z", "/a%20b?x=1&y=%2F&&z", Some("v")),
            ("http://h:1/a?wakegate-key=v&wakegate-key=w", "http://h:1/a", Some("v")),
            ("/a?wakegate-keys=v&wakegate-key", "/a?wakegate-keys=v&wakegate-key", None),
            ("/wakegate-key=v?", "/wakegate-key=v?", None),
            ("*", "*", None),
        ] {
            let mut request = Request::get(target).body(()).unwrap();
            assert_eq!(take(&mut request).as_deref(), value, "{target}");
            assert_eq!(request.uri(), expected);
        }
        let mut request =
            Request::get("/").header(REFERER, "https://h/a?wakegate-key=v&b=1").body(()).unwrap();
        assert_eq!(take(&mut request), None, "it opens nothing there");
        assert_eq!(request.headers()[REFERER], "https://h/a?b=1");
    }

    #[test]
    fn the_parameter_is_put_where_it_belongs() {
        for (url, expected) in [
            ("https://h", "https://h?wakegate-key=v"),
            ("https://h/a#b", "https://h/a?wakegate-key=v#b"),
            ("https://h/a?b=1#c?d", "https://h/a?b=1&wakegate-key=v#c?d"),
            ("https://h/a?wakegate-key=old#c", "https://h/a?wakegate-key=v#c"),
        ] {
            assert_eq!(with(url, "v"), expected);
        }
    }
}
