use super::*;

fn header(length: usize, client: Option<(&str, &str)>) -> Result<Parsed, Malformed> {
    let client = client.map(|(source, destination)| (source.parse().unwrap(), destination.parse().unwrap()));
    Ok(Parsed::Header { length, client })
}

/// A header of version 2.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = v2::SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend(rest);
    bytes
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb];

fn with_checksum() -> Vec<u8> {
    // A field without meaning before it, one behind it.
    let fields = [&V4[..], &[0x04, 0, 1, 9], &[0x03, 0, 4, 0, 0, 0, 0], &[0xea, 0, 2, 1, 2]].concat();
    let mut bytes = binary(0x21, 0x11, &fields);
    let crc = checksum::crc32c(&[&bytes]);
    let at = bytes.len() - 5 - 4;
    bytes[at..at + 4].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn a_line_of_version_1() {
    for (line, client) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n", Some(("192.0.2.1:4711", "198.51.100.1:443"))),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n", Some(("[2001:db8::1]:0", "[2001:db8::2]:65535"))),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff:f...f:ffff whatever\r\n", None),
    ] {
        assert_eq!(parse(line.as_bytes()), header(line.len(), client), "{line}");
    }
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
    assert_eq!(parse(longest.as_bytes()), header(107, None));
}

#[test]
fn a_line_that_is_none() {
    for line in [
        "PROXY TCP4 192.0.2.1 198.51.100.1 4711\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443 \r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.1 4711 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 4711 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 04711 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +4711 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.1 4711 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY \r\n",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(Malformed::Invalid), "{line}");
    }
    assert_eq!(parse(b"PROXY TCP4 \xff\r\n"), Err(Malformed::Invalid));
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 15));
    assert_eq!(parse(long.as_bytes()), Err(Malformed::TooLong));
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"proxy TCP4", b"\r\nGET"] {
        assert_eq!(parse(bytes), Err(Malformed::NoHeader), "{bytes:?}");
    }
}

#[test]
fn a_header_of_version_2() {
    let client = Some(("192.0.2.1:4711", "198.51.100.1:443"));
    assert_eq!(parse(&binary(0x21, 0x11, &V4)), header(28, client));
    assert_eq!(parse(&binary(0x21, 0x12, &V4)), header(28, client));
    let mut v6 = [0; 36];
    v6[..2].copy_from_slice(&[0xfd, 0]);
    v6[15] = 1;
    v6[31] = 2;
    v6[33] = 80;
    assert_eq!(parse(&binary(0x21, 0x21, &v6)), header(52, Some(("[fd00::1]:80", "[::2]:0"))));
    let bytes = with_checksum();
    assert_eq!(parse(&bytes), header(bytes.len(), client));
}

#[test]
fn whoever_has_no_ip_address_is_not_named() {
    assert_eq!(parse(&binary(0x20, 0x00, &[])), header(16, None));
    assert_eq!(parse(&binary(0x20, 0x11, &V4)), header(28, None));
    assert_eq!(parse(&binary(0x20, 0xff, &[1, 2, 3])), header(19, None));
    assert_eq!(parse(&binary(0x21, 0x00, &[1, 2, 3])), header(19, None));
    assert_eq!(parse(&binary(0x21, 0x31, &[0; 216])), header(232, None));
}

#[test]
fn a_header_of_version_2_that_is_none() {
    let field = |field: &[u8]| binary(0x21, 0x11, &[&V4[..], field].concat());
    for bytes in [
        binary(0x22, 0x11, &V4),
        binary(0x11, 0x11, &V4),
        binary(0x21, 0x41, &V4),
        binary(0x21, 0x13, &V4),
        binary(0x21, 0x11, &V4[..11]),
        binary(0x21, 0x21, &V4),
        binary(0x21, 0x31, &[0; 215]),
        field(&[0x04]),
        field(&[0x04, 0, 1]),
        field(&[0x03, 0, 3, 0, 0, 0]),
    ] {
        assert_eq!(parse(&bytes), Err(Malformed::Invalid), "{bytes:?}");
    }
    let mut damaged = with_checksum();
    damaged[19] ^= 1;
    assert_eq!(parse(&damaged), Err(Malformed::Checksum));
    let most = MOST - 16;
    assert_eq!(parse(&binary(0x20, 0, &vec![0; most])), header(MOST, None));
    assert_eq!(parse(&binary(0x20, 0, &vec![0; most + 1])), Err(Malformed::TooLong));
}

#[test]
fn every_beginning_of_a_header_is_partial_and_more_changes_nothing() {
    for whole in [
        b"PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        binary(0x20, 0, &[]),
        with_checksum(),
    ] {
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length]), Ok(Parsed::Partial), "{:?}", &whole[..length]);
        }
        let parsed = parse(&whole);
        assert!(matches!(parsed, Ok(Parsed::Header { length, .. }) if length == whole.len()));
        assert_eq!(parse(&[&whole[..], b"PROXY \r\n\r\n"].concat()), parsed);
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    let seeds = [b"PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n".to_vec(), with_checksum()];
    for _ in 0..50_000 {
        let mut bytes = random.choice(&seeds).unwrap().clone();
        for _ in 0..random.usize(0..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        bytes.truncate(random.usize(..=bytes.len()));
        if let Ok(Parsed::Header { length, .. }) = parse(&bytes) {
            assert!(length <= bytes.len());
        }
    }
}
