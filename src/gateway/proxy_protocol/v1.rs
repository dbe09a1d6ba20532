//! Version 1: one line of text (section 2.1).

use std::net::{IpAddr, SocketAddr};

use super::{Malformed, Parsed};

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line, its end included.
const MOST: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let line = &bytes[..bytes.len().min(MOST)];
    let Some(end) = line.windows(2).position(|two| two == b"\r\n") else {
        return if line.len() == MOST { Err(Malformed::TooLong) } else { Ok(Parsed::Partial) };
    };
    let line = std::str::from_utf8(&line[..end]).map_err(|_| Malformed::Invalid)?;
    // What follows `UNKNOWN` is to be ignored.
    let client = if line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ") {
        None
    } else {
        Some(addresses(line).ok_or(Malformed::Invalid)?)
    };
    Ok(Parsed::Header { length: end + 2, client })
}

/// `PROXY TCP4 source destination source-port destination-port`, each parted by one space.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let words: Vec<&str> = line.split(' ').collect();
    let [_, family, source, destination, source_port, destination_port] = *words else { return None };
    let address = |text: &str, port_text: &str| {
        let ip: IpAddr = text.parse().ok()?;
        let is_of_family = match family {
            "TCP4" => ip.is_ipv4(),
            "TCP6" => ip.is_ipv6(),
            _ => false,
        };
        is_of_family.then_some(SocketAddr::new(ip, port(port_text)?))
    };
    Some((address(source, source_port)?, address(destination, destination_port)?))
}

/// Digits without a sign or leading zeros.
fn port(text: &str) -> Option<u16> {
    let canonical = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    if canonical { text.parse().ok() } else { None }
}
