//! How bytes are written in the tables: `|` is CR LF, and every other character is the byte of its number.

/// The bytes that a text of the tables stands for.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in text.chars() {
        match character {
            '|' => bytes.extend_from_slice(b"\r\n"),
            other => bytes.push(u8::try_from(other).expect("a character above 255 is no byte")),
        }
    }
    bytes
}

/// The text that stands for these bytes.
pub(super) fn text(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    text.replace("\r\n", "|")
}
