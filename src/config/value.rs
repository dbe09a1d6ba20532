//! Values that are written as text: durations, statuses, upstreams, commands.

use std::net::IpAddr;
use std::time::Duration;

use super::problem::quoted;
use crate::model::{Address, duration};

/// The longest duration; it keeps every sum of times far from overflow.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads `250ms`, `15m` or `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let total = duration::parse(text).map_err(|what| format!("{} {what}", quoted(text)))?;
    if total > MAX_DURATION { Err(format!("{} is more than a year", quoted(text))) } else { Ok(total) }
}

const UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads `64KiB`, as bytes.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, unit)| unit);
    let size = unit.and_then(|unit| number.parse::<usize>().ok()?.checked_mul(*unit));
    size.ok_or_else(|| {
        format!("{} is no size; write a number and a unit, as `64KiB` or `128MiB`", quoted(text))
    })
}

/// A size as [`size`] reads it.
pub(super) fn in_units(size: usize) -> String {
    let whole = UNITS.iter().find(|(_, unit)| size.is_multiple_of(*unit));
    let (name, unit) = whole.copied().unwrap_or(("B", 1));
    format!("{}{name}", size / unit)
}

/// Reads `200` or `200-399`: a range of statuses, both ends included.
pub(super) fn statuses(text: &str) -> Result<(u16, u16), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.trim().parse().ok().filter(|status| (100..=599).contains(status));
    match (status(from), status(to)) {
        (Some(from), Some(to)) if from <= to => Ok((from, to)),
        _ => Err(format!("{} is no status or range of them; write `200` or `200-399`", quoted(text))),
    }
}

/// Reads `http://host:port`; port 80 may be left out.
pub(super) fn upstream(text: &str) -> Result<Address, String> {
    let form = "write `http://host:port`";
    let Some(authority) = text.strip_prefix("http://") else {
        return Err(if text.starts_with("https://") {
            format!("{} would need TLS to the service, which is not spoken here; {form}", quoted(text))
        } else {
            format!("{} is no upstream; {form}", quoted(text))
        });
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '?', '#']) {
        return Err(format!("{} has a path; {form}, and a route's `rewrite` for the path", quoted(text)));
    }
    let parsed = authority
        .parse::<http::uri::Authority>()
        .ok()
        .filter(|it| !authority.contains('@') && !it.host().is_empty());
    let parsed = parsed.ok_or_else(|| format!("{} is no upstream; {form}", quoted(text)))?;
    let port = match authority.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| format!("{} is no port", quoted(port)))?,
        _ => 80,
    };
    let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
    Ok(match host.parse::<IpAddr>() {
        Ok(ip) => Address::Socket((ip, port).into()),
        Err(_) => Address::Name(host.into(), port),
    })
}

/// Splits a command line into words: at spaces, but not within `'…'` or `"…"`; `\` takes the next character as it
/// is, except within `'…'`. Nothing else of a shell's is done.
pub(super) fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let next = characters.next().ok_or("a command must not end with `\\`")?;
                word.get_or_insert_default().push(next);
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("the quote {open} is not closed"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("15").unwrap_err(), "`15` has no unit: write `15s`, `15m` or `15ms`");
        assert_eq!(duration("367d").unwrap_err(), "`367d` is more than a year");
    }

    #[test]
    fn sizes_are_numbers_with_units() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("7B"), Ok(7));
        for wrong in ["64", "64kB", "KiB", "-1B", "1.5MiB", "99999999999999GiB", "1 KiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        for text in ["64KiB", "7B", "3GiB", "1025B"] {
            assert_eq!(in_units(size(text).unwrap()), text);
        }
    }

    #[test]
    fn statuses_are_one_or_a_range() {
        assert_eq!(statuses("204"), Ok((204, 204)));
        assert_eq!(statuses("200-399"), Ok((200, 399)));
        for text in ["", "2xx", "399-200", "99", "600", "200-", "200,204"] {
            assert!(statuses(text).is_err(), "{text}");
        }
    }

    #[test]
    fn upstreams_are_plain_http_with_host_and_port() {
        let name = |name: &str, port| Address::Name(name.into(), port);
        assert_eq!(upstream("http://db.internal:8080"), Ok(name("db.internal", 8080)));
        assert_eq!(upstream("http://db.internal/"), Ok(name("db.internal", 80)));
        assert_eq!(upstream("http://127.0.0.1:1"), Ok(Address::Socket(([127, 0, 0, 1], 1).into())));
        assert_eq!(upstream("http://[::1]:1"), Ok(Address::Socket("[::1]:1".parse().unwrap())));
        assert_eq!(upstream("http://[::1]"), Ok(Address::Socket("[::1]:80".parse().unwrap())));
        for text in [
            "",
            "db:80",
            "https://db",
            "http://",
            "http://:80",
            "http://a@b",
            "http://a/b",
            "http://a:0",
            "http://a:99999",
            "http://a b",
        ] {
            assert!(upstream(text).is_err(), "{text}");
        }
    }

    #[test]
    fn commands_are_split_into_words() {
        let expected = |words: &[&str]| Ok(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(words(" a  b "), expected(&["a", "b"]));
        assert_eq!(
            words(r#"sh -c 'echo "x y"' "" a\ b "c\"d""#),
            expected(&["sh", "-c", "echo \"x y\"", "", "a b", "c\"d"])
        );
        assert_eq!(words(""), expected(&[]));
        assert!(words("a 'b").is_err());
        assert!(words("a\\").is_err());
    }
}
