//! Which of the fields that somebody looks for a message has, found in one pass. To look one up takes longer than to
//! compare its name, and most messages have hardly any of them.

use http::HeaderMap;

use super::forwarded::is_told;

/// A set of such fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey(u16);

impl Survey {
    pub(super) const CONNECTION: Self = Self(1);
    pub(super) const TE: Self = Self(1 << 1);
    pub(super) const UPGRADE: Self = Self(1 << 2);
    pub(super) const TRANSFER_ENCODING: Self = Self(1 << 3);
    pub(super) const CONTENT_LENGTH: Self = Self(1 << 4);
    pub(super) const EXPECT: Self = Self(1 << 5);
    pub(super) const COOKIE: Self = Self(1 << 6);
    /// What else is for one hop alone ([`is_hop_by_hop`](super::headers::is_hop_by_hop)), or goes for another reason.
    pub(super) const OTHER: Self = Self(1 << 7);
    /// Who the client is ([`is_told`]).
    pub(super) const TOLD: Self = Self(1 << 8);
    /// Which trace a request belongs to.
    pub(super) const TRACE: Self = Self(1 << 9);

    /// Those among these, but for [`TOLD`](Self::TOLD), which takes longer to tell.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |seen, name| seen | Self::named(name.as_str()).0))
    }

    /// All of those among these.
    pub(super) fn whole_of(headers: &HeaderMap) -> Self {
        let told = |seen, name| if is_told(name) { Self::TOLD.or(seen) } else { seen };
        Self(
            headers
                .keys()
                .map(http::HeaderName::as_str)
                .fold(0, |seen, name| seen | told(Self::named(name), name).0),
        )
    }

    fn named(name: &str) -> Self {
        match name {
            "connection" => Self::CONNECTION,
            "te" => Self::TE,
            "upgrade" => Self::UPGRADE,
            "transfer-encoding" => Self::TRANSFER_ENCODING,
            "content-length" => Self::CONTENT_LENGTH,
            "expect" => Self::EXPECT,
            "cookie" => Self::COOKIE,
            "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy"
            | "http2-settings" => Self::OTHER,
            "traceparent" | "tracestate" | "x-amzn-trace-id" => Self::TRACE,
            _ => Self::default(),
        }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of these is there.
    pub(super) fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::super::headers::{is_for_this_hop, is_hop_by_hop};
    use super::*;

    const HOP: Survey =
        Survey::CONNECTION.or(Survey::TE).or(Survey::UPGRADE).or(Survey::TRANSFER_ENCODING).or(Survey::OTHER);

    #[test]
    fn it_agrees_with_who_decides() {
        for name in [
            "connection",
            "te",
            "upgrade",
            "transfer-encoding",
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "proxy-authorization",
            "http2-settings",
            "proxy",
            "expect",
            "host",
            "x-forwarded-for",
            "x_real-ip",
        ] {
            let seen = Survey::named(name);
            assert!(!is_hop_by_hop(name) || seen.has(HOP), "{name}");
            assert_eq!(is_for_this_hop(name), seen.has(HOP.or(Survey::EXPECT)), "{name}");
        }
    }

    #[test]
    fn all_that_are_there_are_found() {
        let mut headers = HeaderMap::new();
        assert_eq!(Survey::of(&headers), Survey::default());
        for name in ["accept", "cookie", "tracestate", "expect"] {
            headers.append(HeaderName::from_static(name), "x".parse().unwrap());
        }
        let seen = Survey::of(&headers);
        assert_eq!(Survey::whole_of(&headers), seen);
        headers.append(HeaderName::from_static("x_real-ip"), "x".parse().unwrap());
        assert_eq!(Survey::of(&headers), seen);
        assert_eq!(Survey::whole_of(&headers), seen.or(Survey::TOLD));
        assert_eq!(seen, Survey::COOKIE.or(Survey::TRACE).or(Survey::EXPECT));
        assert!(seen.has(Survey::TRACE.or(Survey::TE)) && !seen.has(Survey::TE));
    }
}
