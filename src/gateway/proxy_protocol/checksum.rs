/// CRC-32C, the polynomial of Castagnoli, over these pieces as one (RFC 9260 appendix A). Bit by bit: there is one short
/// header a connection.
pub(super) fn crc32c(pieces: &[&[u8]]) -> u32 {
    let mut crc = !0_u32;
    for byte in pieces.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_its_definition() {
        assert_eq!(crc32c(&[b"1234", b"56789"]), 0xe306_9283);
    }
}
