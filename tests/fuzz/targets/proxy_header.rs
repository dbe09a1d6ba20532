//! Any bytes as a header of the PROXY protocol: it is one, may become one, or never will, and more bytes do not undo that.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wakegate::gateway::proxy_protocol::{Parsed, parse};

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    if let Ok(Parsed::Header { length, .. }) = &whole {
        assert!(*length <= bytes.len());
        // What follows is not looked at.
        assert_eq!(parse(&bytes[..*length]), whole);
        assert_eq!(parse(&[bytes, b"more"].concat()), whole);
    }
    for end in 0..bytes.len() {
        match parse(&bytes[..end]) {
            Ok(Parsed::Partial) => {}
            settled => return assert_eq!(whole, settled, "it was settled after {end} bytes"),
        }
    }
});
