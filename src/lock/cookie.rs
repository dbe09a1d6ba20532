//! Cookies (RFC 6265) as far as they are locks' own.

use http::header::{COOKIE, Entry};
use http::{HeaderMap, HeaderValue};

const PREFIX: &str = "wakegate-";
const HOST_PREFIX: &str = "__Host-wakegate-";

/// The name of a lock's cookie. Over HTTPS it is one that only this very host can have set.
pub(super) fn name(lock: &str, https: bool) -> String {
    format!("{}{lock}", if https { HOST_PREFIX } else { PREFIX })
}

/// The values of a lock's cookie. What has either name will do: what counts is the signature.
pub(super) fn values<'a>(headers: &'a HeaderMap, lock: &'a str) -> impl Iterator<Item = &'a str> {
    crumbs(headers).filter_map(move |crumb| {
        let (name, value) = crumb.split_once('=')?;
        (name_of_lock(name)? == lock).then_some(value)
    })
}

/// Takes the cookies of all locks out, and leaves the others as they are.
pub(super) fn strip(headers: &mut HeaderMap) {
    let ours = |crumb: &str| crumb.split_once('=').is_some_and(|(name, _)| name_of_lock(name).is_some());
    if !crumbs(headers).any(ours) {
        return;
    }
    let Entry::Occupied(entry) = headers.entry(COOKIE) else { return };
    let mut left = Vec::new();
    for value in entry.remove_entry_mult().1 {
        // What is not ASCII is not ours, as a whole; so says `crumbs` as well.
        let Ok(text) = value.to_str() else {
            left.push(value);
            continue;
        };
        let others: Vec<&str> = text.split(';').map(str::trim).filter(|crumb| !ours(crumb)).collect();
        let others = HeaderValue::try_from(others.join("; "));
        left.extend(others.ok().filter(|value| !value.is_empty()));
    }
    for value in left {
        headers.append(COOKIE, value);
    }
}

fn crumbs(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).map(str::trim)
}

fn name_of_lock(name: &str) -> Option<&str> {
    name.strip_prefix(HOST_PREFIX).or_else(|| name.strip_prefix(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (COOKIE, HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn a_lock_finds_its_own() {
        let headers = headers(&[
            "a=1; wakegate-team=x; wakegate-other=y",
            "__Host-wakegate-team=z=; b",
            "wakegate-team",
        ]);
        assert_eq!(values(&headers, "team").collect::<Vec<_>>(), ["x", "z="]);
        assert_eq!(values(&headers, "nobody").count(), 0);
    }

    #[test]
    fn others_stay() {
        for (before, after) in [
            (vec!["a=1;b=2"], vec!["a=1;b=2"]),
            (vec!["a=1; wakegate-team=x; b=2"], vec!["a=1; b=2"]),
            (vec!["wakegate-team=x"], vec![]),
            (vec!["wakegate-team=x", "a=\"1\"; __Host-wakegate-other=y", "c"], vec!["a=\"1\"", "c"]),
            (vec!["xwakegate-team=x"], vec!["xwakegate-team=x"]),
            (vec!["wakegate-team=x", "é=1"], vec!["é=1"]),
        ] {
            let mut map = headers(&before);
            strip(&mut map);
            let left: Vec<&[u8]> = map.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
            assert_eq!(left, after.iter().map(|it| it.as_bytes()).collect::<Vec<_>>(), "{before:?}");
        }
    }
}
