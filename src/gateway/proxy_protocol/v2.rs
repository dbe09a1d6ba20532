//! Version 2: a binary header (section 2.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::checksum::crc32c;
use super::{MOST, Malformed, Parsed};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and protocol, length of the rest.
const FIXED: usize = 16;

/// The type of the field that holds a CRC-32C of the whole header (section 2.2.3).
const CHECKSUM: u8 = 0x03;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    // Wrong is told as soon as it is seen.
    if let Some(version) = bytes.get(12)
        && !matches!(version, 0x20 | 0x21)
    {
        return Err(Malformed::Invalid);
    }
    let Some(&[version, family, high, low]) = bytes.get(12..FIXED) else { return Ok(Parsed::Partial) };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MOST {
        return Err(Malformed::TooLong);
    }
    let Some(header) = bytes.get(..length) else { return Ok(Parsed::Partial) };
    let rest = &header[FIXED..];

    let is_local = version == 0x20;
    // Of a `LOCAL` connection nothing but the length is to be looked at; so of families without an IP address.
    let (size, client) = match family {
        _ if is_local => return Ok(Parsed::Header { length, client: None }),
        0x11 | 0x12 => (12, v4(rest)),
        0x21 | 0x22 => (36, v6(rest)),
        0x00 => return Ok(Parsed::Header { length, client: None }),
        0x31 | 0x32 => (216, None),
        _ => return Err(Malformed::Invalid),
    };
    let fields = rest.get(size..).ok_or(Malformed::Invalid)?;
    check(header, fields)?;
    Ok(Parsed::Header { length, client })
}

fn v4(rest: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (source, rest) = rest.split_first_chunk::<4>()?;
    let (destination, rest) = rest.split_first_chunk::<4>()?;
    pair(Ipv4Addr::from(*source).into(), Ipv4Addr::from(*destination).into(), rest)
}

fn v6(rest: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    pair(Ipv6Addr::from(*source).into(), Ipv6Addr::from(*destination).into(), rest)
}

fn pair(source: IpAddr, destination: IpAddr, ports: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let [a, b, c, d] = *ports.first_chunk::<4>()?;
    let (source_port, destination_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some((SocketAddr::new(source, source_port), SocketAddr::new(destination, destination_port)))
}

/// Walks over the fields behind the addresses, each a type, a length and a value, and holds the header against the checksum
/// that one of them may be.
fn check(header: &[u8], fields: &[u8]) -> Result<(), Malformed> {
    let mut rest = fields;
    while let Some((&[kind, high, low], behind)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, behind) = behind.split_at_checked(length).ok_or(Malformed::Invalid)?;
        if kind == CHECKSUM {
            let told = u32::from_be_bytes(value.try_into().map_err(|_| Malformed::Invalid)?);
            // It was taken over the header with zeros in its own place.
            let (before, at) = header.split_at(header.len() - behind.len() - 4);
            let is = crc32c(&[before, &[0; 4], &at[4..]]);
            if is != told {
                return Err(Malformed::Checksum);
            }
        }
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed::Invalid) }
}
