//! A header of the PROXY protocol, cut anywhere.
//!
//! The input is a script, so that a plain text file is a readable seed: a line of version 1 as text, its `\r\n` added; or, behind
//! a `#`, bytes in hexadecimal, what is no digit passed over.
//!
//! Checked: no panic, an end within the longest header, the same at whatever place reading stops, and that a client's address
//! is what the standard library reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sonde_common::proxy_protocol::HeaderScan;
use sonde_fuzz::hexadecimal;
use std::net::{IpAddr, Ipv6Addr};

/// Longest header of either version.
const LONGEST: u32 = 4096;

/// Reads to the end of the header, of the bytes, or of what may be one; `skips` passes over what may be by count.
fn scan(bytes: &[u8], skips: bool) -> HeaderScan {
    let mut scan = HeaderScan::default();
    let mut at = 0;
    while at < bytes.len() && (scan.is_start() || scan.is_open()) {
        let rest = scan.rest() as usize;
        if skips && rest > 0 {
            let taken = rest.min(bytes.len() - at);
            scan.skip(taken as u32);
            at += taken;
            continue;
        }
        scan.step(bytes[at]);
        at += 1;
    }
    assert!(scan.bytes() <= LONGEST);
    scan
}

/// What the standard library makes of a line.
fn told(line: &[u8]) -> Option<IpAddr> {
    let line = std::str::from_utf8(line).ok()?;
    let parts: Vec<&str> = line.split(' ').collect();
    let address = match parts[..] {
        ["PROXY", "TCP4", source, ..] => IpAddr::V4(source.parse().ok()?),
        ["PROXY", "TCP6", source, ..] => IpAddr::V6(source.parse().ok()?),
        _ => return None,
    };
    Some(address.to_canonical())
}

fuzz_target!(|input: &[u8]| {
    for line in input.split(|&byte| byte == b'\n') {
        let text = !line.starts_with(b"#");
        let bytes = if text {
            [line, b"\r\n"].concat()
        } else {
            hexadecimal(line)
        };
        let whole = scan(&bytes, false);
        assert_eq!(whole, scan(&bytes, true));
        let source = whole.source().map(|(address, _)| address);
        if let (true, Some(address)) = (text, source) {
            let address = IpAddr::V6(Ipv6Addr::from(address)).to_canonical();
            assert_eq!(Some(address), told(line));
        }
    }
});
