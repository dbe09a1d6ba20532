//! Fields in which proxies tell applications who a client is. From anybody else they are forgeries.

/// Beginnings of such names: how the request came, client certificates that a balancer has checked, users that it has
/// authenticated.
const BEGINNINGS: [&[u8]; 6] =
    [b"x-forwarded-", b"x-amzn-mtls-", b"x-amzn-oidc-", b"x-ssl-client-", b"ssl-client-", b"x-client-cert"];

/// Names of such fields: the client's address, in the words of several CDNs, how it came, its certificate (RFC 9440), its user's
/// name, and the path that it asked for before it was rewritten.
const NAMES: [&[u8]; 21] = [
    b"forwarded",
    b"x-real-ip",
    b"client-cert",
    b"client-cert-chain",
    b"x-arr-clientcert",
    b"true-client-ip",
    b"cf-connecting-ip",
    b"cf-connecting-ipv6",
    b"fastly-client-ip",
    b"fly-client-ip",
    b"front-end-https",
    b"x-azure-clientip",
    b"x-remote-user",
    b"x-url-scheme",
    b"x-webauth-user",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-envoy-external-address",
    b"x-original-forwarded-for",
    b"x-original-url",
    b"x-rewrite-url",
];

/// Whether a field of this name tells of the client, in any spelling that a CGI-like server takes for the same: there `_`
/// and `-` are one.
pub(in super::super) fn is_told(name: &str) -> bool {
    let name = name.as_bytes();
    // Most names end here.
    if !matches!(
        name,
        [b'c', b'l' | b'f', ..]
            | [b'f', b'a' | b'l' | b'o' | b'r', ..]
            | [b's', b's', ..]
            | [b't', b'r', ..]
            | [b'x', b'-' | b'_', ..]
    ) {
        return false;
    }
    BEGINNINGS.iter().any(|beginning| begins(name, beginning))
        || NAMES.iter().any(|whole| whole.len() == name.len() && begins(name, whole))
}

fn begins(name: &[u8], with: &[u8]) -> bool {
    name.len() >= with.len()
        && name.iter().zip(with).all(|(&is, &want)| is == want || (is == b'_' && want == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_in_the_lists_is_passed_over() {
        for name in BEGINNINGS.iter().chain(&NAMES) {
            let name = std::str::from_utf8(name).unwrap();
            assert!(is_told(name) && is_told(&name.replace('-', "_")), "{name}");
        }
    }
}
