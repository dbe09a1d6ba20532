//! The headers by which traces are told across services: kept where they are well formed, whoever sent them, for they say
//! nothing about anybody; made where they are not there.
//!
//! `traceparent` and `tracestate` are those of [W3C Trace Context](https://www.w3.org/TR/trace-context/), `X-Amzn-Trace-Id`
//! is that of [AWS](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader).
//! The gateway reports no spans of its own, so it hands the caller's on as it is.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The longest `X-Amzn-Trace-Id` that is kept. Those of AWS have about a hundred bytes.
const MOST_AMZN: usize = 512;

/// What becomes of the trace headers of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Traces {
    /// Kept if well formed, and made otherwise.
    #[default]
    Make,
    /// Kept as they are.
    Keep,
}

impl Traces {
    /// Puts the trace headers of a request in order. Both then name the same trace, if at most one was there.
    pub fn apply<B>(self, request: &mut Request<B>) {
        self.apply_to(request.headers_mut(), true);
    }

    /// The same to headers of which it may be known that there is no such one.
    pub(super) fn apply_to(self, headers: &mut HeaderMap, has_any: bool) {
        match self {
            Self::Make if has_any => complete(headers),
            Self::Make => make(headers, &new_id()),
            Self::Keep => {}
        }
    }
}

fn complete(headers: &mut HeaderMap) {
    let parent = single(headers, &TRACEPARENT).and_then(trace_id);
    let amzn = single(headers, &X_AMZN_TRACE_ID).filter(|value| is_amzn(value));
    if parent.is_some() && amzn.is_some() {
        return;
    }
    let (has_parent, has_amzn) = (parent.is_some(), amzn.is_some());
    let id = parent.or_else(|| amzn.and_then(root)).unwrap_or_else(new_id);
    if !has_parent {
        // It belongs to the parent that is not there (section 3.3.1.2).
        headers.remove(TRACESTATE);
        insert(headers, TRACEPARENT, Bytes::copy_from_slice(&parent_of(&id)));
    }
    if !has_amzn {
        insert(headers, X_AMZN_TRACE_ID, Bytes::copy_from_slice(&amzn_of(&id)));
    }
}

/// Both of them, in one piece of memory.
fn make(headers: &mut HeaderMap, id: &Id) {
    let mut both = [0; PARENT + AMZN];
    both[..PARENT].copy_from_slice(&parent_of(id));
    both[PARENT..].copy_from_slice(&amzn_of(id));
    let mut parent = Bytes::copy_from_slice(&both);
    let amzn = parent.split_off(PARENT);
    insert(headers, TRACEPARENT, parent);
    insert(headers, X_AMZN_TRACE_ID, amzn);
}

/// How long the two are.
const PARENT: usize = 55;
const AMZN: usize = 40;

/// Sampled: a service whose sampler asks its caller does with a new trace what it does with one of its own.
fn parent_of(id: &Id) -> [u8; PARENT] {
    let mut parent = *b"00-................................-................-01";
    parent[3..35].copy_from_slice(id);
    write_hex(&mut parent[36..52], fastrand::u64(1..).into());
    parent
}

fn amzn_of(id: &Id) -> [u8; AMZN] {
    let mut amzn = *b"Root=1-........-........................";
    amzn[7..15].copy_from_slice(&id[..8]);
    amzn[16..].copy_from_slice(&id[8..]);
    amzn
}

/// The id of a request's trace, for a line of the log.
pub(super) fn id(headers: &HeaderMap) -> &str {
    let parent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    parent.and_then(|value| value.get(3..35)).unwrap_or_default()
}

/// Thirty-two digits.
type Id = [u8; 32];

/// A new one begins with the seconds since 1970, as AWS has it; the rest is random.
fn new_id() -> Id {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let number = (u128::from(seconds) << 96) | (fastrand::u128(..) >> 32);
    let mut id = [0; 32];
    write_hex(&mut id, number);
    id
}

/// The last digits of a number, as many as there is room for. `format!` takes several times as long.
fn write_hex(digits: &mut [u8], number: u128) {
    for (at, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * at)) as usize & 15];
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { Some(value.as_bytes()) }
}

/// The trace of a well-formed `traceparent`: `00-{32 digits}-{16 digits}-{2 digits}`, none of the first two all zeros.
/// Later versions may have more behind another dash (section 3.2.2).
fn trace_id(value: &[u8]) -> Option<Id> {
    let (head, more) = value.split_at_checked(55)?;
    let [version, trace, parent, flags] =
        [head.get(..2)?, head.get(3..35)?, head.get(36..52)?, head.get(53..)?];
    let dashes = [2, 35, 52].iter().all(|&at| head.get(at) == Some(&b'-'));
    let digits = [version, trace, parent, flags].into_iter().all(is_hex);
    let zero = |digits: &[u8]| digits.iter().all(|&digit| digit == b'0');
    let ends = match version {
        b"ff" => false,
        b"00" => more.is_empty(),
        _ => more.is_empty() || more.starts_with(b"-"),
    };
    (dashes && digits && ends && !zero(trace) && !zero(parent)).then(|| trace.try_into().ok()).flatten()
}

/// Pairs of a name and a value, parted by `;`, among them a `Root` or the `Self` of a load balancer.
fn is_amzn(value: &[u8]) -> bool {
    let mut names_trace = false;
    let pairs = value.split(|&byte| byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty());
    for pair in pairs {
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        let (Some(name), Some(told)) = (parts.next(), parts.next()) else { return false };
        match name {
            b"Root" | b"Self" if amzn_id(told).is_none() => return false,
            b"Root" | b"Self" => names_trace = true,
            name if name.is_empty() || !name.iter().all(u8::is_ascii_alphanumeric) => return false,
            _ => {}
        }
        if !told.iter().all(u8::is_ascii_graphic) {
            return false;
        }
    }
    names_trace && value.len() <= MOST_AMZN
}

/// The trace that an `X-Amzn-Trace-Id` belongs to.
fn root(value: &[u8]) -> Option<Id> {
    let mut pairs = value.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    pairs.find_map(|pair| amzn_id(pair.strip_prefix(b"Root=")?))
}

/// `1-{8 digits}-{24 digits}` as 32 digits.
fn amzn_id(value: &[u8]) -> Option<Id> {
    let (time, rest) = value.strip_prefix(b"1-")?.split_at_checked(8)?;
    let rest = rest.strip_prefix(b"-")?;
    let id: Id = [time, rest].concat().try_into().ok()?;
    (rest.len() == 24 && is_hex(&id)).then_some(id)
}

/// Lower case, as both have it.
fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Bytes) {
    // Made of letters, digits and dashes, it is always a value.
    if let Ok(value) = HeaderValue::from_maybe_shared(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const AMZN: &str = "Root=1-0af76519-16cd43dd8448eb211c80319c";

    fn made(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        Traces::Make.apply(&mut request);
        request.into_parts().0.headers
    }

    #[test]
    fn what_is_well_formed_is_kept() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more";
        for parent in [PARENT, later] {
            let headers = made(&[("traceparent", parent), ("tracestate", "a=1"), ("tracestate", "b=2")]);
            assert_eq!(headers["traceparent"], parent);
            assert_eq!(headers.get_all("tracestate").iter().count(), 2);
            assert_eq!(headers["x-amzn-trace-id"], AMZN, "of the same trace");
            assert_eq!(id(&headers), "0af7651916cd43dd8448eb211c80319c");
        }
        let balancer = "Self=1-67891234-12456789abcdef012345678f;Root=1-67891233-abcdef012345678912345678";
        for amzn in
            [AMZN, balancer, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=53995c3f42cd8ad8;Sampled=1"]
        {
            let headers = made(&[("x-amzn-trace-id", amzn)]);
            assert_eq!(headers["x-amzn-trace-id"], amzn);
            assert_eq!(
                trace_id(headers["traceparent"].as_bytes()),
                root(amzn.as_bytes()),
                "of the same trace"
            );
        }
        let both = made(&[("traceparent", later), ("x-amzn-trace-id", balancer)]);
        assert_eq!(
            (&both["traceparent"], &both["x-amzn-trace-id"]),
            (&later.parse().unwrap(), &balancer.parse().unwrap())
        );
    }

    #[test]
    fn what_is_not_well_formed_is_made_anew() {
        for parent in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        ] {
            let headers = made(&[("traceparent", parent), ("tracestate", "a=1")]);
            assert_ne!(headers["traceparent"], parent);
            assert!(trace_id(headers["traceparent"].as_bytes()).is_some(), "{headers:?}");
            assert!(!headers.contains_key("tracestate"), "{parent}");
        }
        let twice = made(&[("traceparent", PARENT), ("traceparent", PARENT)]);
        assert_eq!(twice.get_all("traceparent").iter().count(), 1);
        assert_ne!(twice["traceparent"], PARENT);
        for amzn in [
            "",
            "Root=1-0af76519-16cd43dd8448eb211c80319",
            "Root=2-0af76519-16cd43dd8448eb211c80319c",
            "Root=1-0af76519-16cd43dd8448eb211c80319c;x",
            "Root=1-0af76519-16cd43dd8448eb211c80319c;a b=c",
            "Root=1-0af76519-16cd43dd8448eb211c80319c;a=b c",
            "Sampled=1",
        ] {
            let headers = made(&[("x-amzn-trace-id", amzn)]);
            assert!(
                headers["x-amzn-trace-id"] != amzn && is_amzn(headers["x-amzn-trace-id"].as_bytes()),
                "{amzn}"
            );
        }
    }

    #[test]
    fn a_new_trace_begins_with_the_time_and_is_one_of_a_kind() {
        let (one, two) = (made(&[]), made(&[]));
        assert_ne!(id(&one), id(&two));
        assert_eq!(
            Some(id(&one).as_bytes()),
            root(one["x-amzn-trace-id"].as_bytes()).as_ref().map(|id| &id[..])
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let began = u64::from_str_radix(&id(&one)[..8], 16).unwrap();
        assert!((now - 5..=now).contains(&began), "{began} at {now}");
    }

    #[test]
    fn nothing_is_made_where_it_is_not_wanted() {
        let mut request = Request::builder().header("traceparent", "nonsense").body(()).unwrap();
        Traces::Keep.apply(&mut request);
        assert_eq!(request.headers().len(), 1);
        assert_eq!(request.headers()["traceparent"], "nonsense");
    }
}
