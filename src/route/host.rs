use std::fmt;

/// The longest host name there is (RFC 1035 section 2.3.4, less the root's dot and length byte).
pub(super) const MAX_HOST: usize = 253;

/// Which hosts a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host, in lower case.
    Exact(Box<str>),
    /// Every host with at least one label more than this suffix, which is kept in lower case and without the
    /// `*.` before it.
    Under(Box<str>),
}

/// Why a text is no [`HostPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHost {
    /// Nothing is there.
    Empty,
    /// It has more than 253 characters.
    TooLong,
    /// A `*` stands elsewhere than as the first label.
    Star,
    /// It has a port.
    Port,
    /// It has a character that no host has, or an empty label.
    Character,
}

impl HostPattern {
    /// Reads `example.com`, `*.example.com`, `192.0.2.1` or `::1`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn new(pattern: &str) -> Result<Self, InvalidHost> {
        let text = pattern.to_ascii_lowercase();
        if text.parse::<std::net::Ipv6Addr>().is_ok() {
            return Ok(Self::Exact(text.into()));
        }
        let (name, under) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (&*text, false),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return Err(InvalidHost::Empty);
        }
        if name.len() > MAX_HOST {
            return Err(InvalidHost::TooLong);
        }
        if name.contains('*') {
            return Err(InvalidHost::Star);
        }
        if name.contains(':') {
            return Err(InvalidHost::Port);
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !name.split('.').all(|label| !label.is_empty() && label.bytes().all(fits)) {
            return Err(InvalidHost::Character);
        }
        Ok(if under { Self::Under(name.into()) } else { Self::Exact(name.into()) })
    }

    /// Whether the host, in any case, is one of these.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name.eq_ignore_ascii_case(host),
            Self::Under(suffix) => host.len().checked_sub(suffix.len() + 1).is_some_and(|before| {
                let host = host.as_bytes();
                before > 0
                    && host[before] == b'.'
                    && host[before + 1..].eq_ignore_ascii_case(suffix.as_bytes())
            }),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Under(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a host must not be empty",
            Self::TooLong => "a host has at most 253 characters",
            Self::Star => "`*` may only stand as the whole first label, as in `*.example.com`",
            Self::Port => "a host is matched without its port",
            Self::Character => {
                "a host has labels of letters, digits, `-` and `_` with a dot between; write other \
                 alphabets in their `xn--` form"
            }
        })
    }
}

impl std::error::Error for InvalidHost {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_takes_one_label_or_more_but_not_none() {
        let pattern = HostPattern::new("*.Demo.example.com").unwrap();
        for host in ["shop.demo.example.com", "a.b.demo.example.com", "SHOP.DEMO.EXAMPLE.COM"] {
            assert!(pattern.matches(host), "{host}");
        }
        for host in ["demo.example.com", ".demo.example.com", "evildemo.example.com", "", "com"] {
            assert!(!pattern.matches(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for (text, error) in [
            ("", InvalidHost::Empty),
            ("*.", InvalidHost::Empty),
            ("a.*.com", InvalidHost::Star),
            ("*", InvalidHost::Star),
            ("*x.com", InvalidHost::Star),
            ("example.com:80", InvalidHost::Port),
            ("a..b", InvalidHost::Character),
            ("a b", InvalidHost::Character),
            ("bücher.example", InvalidHost::Character),
            (&"a.".repeat(200), InvalidHost::TooLong),
        ] {
            assert_eq!(HostPattern::new(text), Err(error), "{text}");
        }
        assert!(HostPattern::new("::1").unwrap().matches("::1"));
    }
}
