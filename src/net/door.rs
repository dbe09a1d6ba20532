//! The last moment of a listener.

use tokio::net::TcpListener;

/// Has the system drop what begins a connection (a segment with SYN), and let pass what completes one. Closing alone would
/// reset those between the two.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn shut(listener: &TcpListener) -> bool {
    use socket2::{SockFilter, SockRef};

    // A classic BPF program, which sees the segment from its header on: load byte 13, where the flags are (RFC 9293
    // section 3.1); with SYN among them take nothing of the segment, else all.
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_ANY: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    let program = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_AT),
        SockFilter::new(JUMP_IF_ANY, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    SockRef::from(listener).attach_filter(&program).is_ok()
}

/// There is no way to.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn shut(_: &TcpListener) -> bool {
    false
}
