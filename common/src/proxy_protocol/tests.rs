use super::HeaderScan;
use proptest::prelude::*;
use std::format;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

extern crate std;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What is behind a header, and whose connection it is; or why there is none.
#[derive(Debug, PartialEq)]
enum Found {
    Header(usize, Option<(IpAddr, u16)>),
    Open,
    Other(usize),
    Failed,
}

fn scan(bytes: &[u8]) -> Found {
    let mut scan = HeaderScan::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = scan.rest() as usize;
        if rest > 0 {
            let taken = rest.min(bytes.len() - at);
            scan.skip(taken as u32);
            at += taken;
        } else {
            scan.step(bytes[at]);
            at += usize::from(!scan.is_other());
        }
        if !scan.is_open() {
            break;
        }
        assert_eq!(scan.bytes() as usize, at);
    }
    if scan.is_end() {
        let source = scan.source().map(|(address, port)| {
            let address = IpAddr::V6(Ipv6Addr::from(address));
            (address.to_canonical(), port)
        });
        return Found::Header(at, source);
    }
    assert_eq!(scan.source(), None);
    if scan.is_other() {
        assert_eq!(scan.bytes() as usize, at);
        return Found::Other(at);
    }
    if scan.is_failed() {
        return Found::Failed;
    }
    Found::Open
}

fn binary(command: u8, family: u8, length: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn from(address: &str, port: u16) -> Option<(IpAddr, u16)> {
    Some((address.parse().unwrap(), port))
}

#[test]
fn lines_of_version_1() {
    let longest = "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535";
    let line = |text: &str| format!("{text}\r\n");
    let full = format!("PROXY UNKNOWN {:<91}\r\n", "x");
    assert_eq!(full.len(), 107);
    for (text, source) in [
        (
            "PROXY TCP4 192.0.2.1 198.51.100.2 4000 80",
            from("192.0.2.1", 4000),
        ),
        ("PROXY TCP4 0.0.0.0 0.0.0.0 0 0", from("0.0.0.0", 0)),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
            from("255.255.255.255", 65535),
        ),
        (
            "PROXY TCP6 2001:db8::1 2001:db8::2 4000 80",
            from("2001:db8::1", 4000),
        ),
        ("PROXY TCP6 :: ::1 1 2", from("::", 1)),
        ("PROXY TCP6 ::1 ::1 1 2", from("::1", 1)),
        ("PROXY TCP6 1:: ::1 1 2", from("1::", 1)),
        (
            "PROXY TCP6 1:2:3:4:5:6:7:8 ::1 1 2",
            from("1:2:3:4:5:6:7:8", 1),
        ),
        (
            "PROXY TCP6 1:2:3:4:5:6:7:: ::1 1 2",
            from("1:2:3:4:5:6:7:0", 1),
        ),
        ("PROXY TCP6 ABCD:ef01::9 ::1 1 2", from("abcd:ef01::9", 1)),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 7 8", from("192.0.2.1", 7)),
        ("PROXY UNKNOWN", None),
        (longest, None),
    ] {
        let text = line(text);
        assert_eq!(
            scan(text.as_bytes()),
            Found::Header(text.len(), source),
            "{text:?}"
        );
        let more = format!("{text}GET / HTTP/1.1\r\n\r\n");
        assert_eq!(scan(more.as_bytes()), Found::Header(text.len(), source));
        for cut in 1..text.len() {
            assert_eq!(scan(&text.as_bytes()[..cut]), Found::Open, "{text:?} {cut}");
        }
    }
    assert_eq!(scan(full.as_bytes()), Found::Header(107, None));
}

#[test]
fn lines_that_are_none() {
    for text in [
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.1000 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.a 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1..3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 .1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3. 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP4 1234 1.2.3.4 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7:8:: ::1 1 2\r\n",
        "PROXY TCP6 1::2::3 ::1 1 2\r\n",
        "PROXY TCP6 1:::2 ::1 1 2\r\n",
        "PROXY TCP6 :1:: ::1 1 2\r\n",
        "PROXY TCP6 1: ::1 1 2\r\n",
        "PROXY TCP6 : ::1 1 2\r\n",
        "PROXY TCP6 12345:: ::1 1 2\r\n",
        "PROXY TCP4 1.2.3.4 - 1 2\r\n",
        "PROXY TCP4 1.2.3.4  1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 000001 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 x 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx",
        "PROXY UNKNOWNS\r\n",
        "PROXY UNKNOW\r\n",
        "PROXY / HTTP/1.1\r\n",
    ] {
        assert_eq!(scan(text.as_bytes()), Found::Failed, "{text:?}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
    assert_eq!(long.len(), 108);
    assert_eq!(scan(long.as_bytes()), Found::Failed);
}

#[test]
fn other_protocols_are_told_early() {
    for (text, taken) in [
        ("GET / HTTP/1.1\r\n", 0),
        ("POST / HTTP/1.1\r\n", 1),
        ("PRI * HTTP/2.0\r\n", 2),
        ("PROPFIND / HTTP/1.1\r\n", 3),
        ("PROXYING / HTTP/1.1\r\n", 5),
        ("\r\nGET / HTTP/1.1\r\n", 2),
        ("\r\n\r\nGET / HTTP/1.1\r\n", 4),
        ("\x16\x03\x01", 0),
    ] {
        assert_eq!(scan(text.as_bytes()), Found::Other(taken), "{text:?}");
    }
    assert_eq!(scan(b"\r\n\r\n\0\r\nQUIX"), Found::Failed);
}

#[test]
fn headers_of_version_2() {
    let v4 = [192, 0, 2, 1, 198, 51, 100, 2, 0x0f, 0xa0, 0, 80];
    let mut v6 = [0_u8; 36];
    v6[0] = 0x20;
    v6[15] = 1;
    v6[32..34].copy_from_slice(&4000_u16.to_be_bytes());
    let with_tlvs = [&v4[..], &[4, 0, 3, 1, 2, 3]].concat();
    for (bytes, source) in [
        (binary(0x21, 0x11, 12, &v4), from("192.0.2.1", 4000)),
        (binary(0x21, 0x21, 36, &v6), from("2000::1", 4000)),
        (binary(0x21, 0x11, 18, &with_tlvs), from("192.0.2.1", 4000)),
        (binary(0x20, 0x00, 0, &[]), None),
        (binary(0x20, 0x11, 12, &v4), None),
        (binary(0x21, 0x00, 0, &[]), None),
        (binary(0x21, 0x00, 3, &[1, 2, 3]), None),
        (binary(0x21, 0x12, 12, &v4), None),
        (binary(0x21, 0x31, 216, &[0; 216]), None),
        (binary(0x21, 0x00, 4080, &[0; 4080]), None),
    ] {
        assert_eq!(
            scan(&bytes),
            Found::Header(bytes.len(), source),
            "{bytes:?}"
        );
        let more = [&bytes[..], b"PRI * HTTP/2.0"].concat();
        assert_eq!(scan(&more), Found::Header(bytes.len(), source));
        for cut in 1..bytes.len() {
            assert_eq!(scan(&bytes[..cut]), Found::Open, "{bytes:?} {cut}");
        }
    }
}

#[test]
fn binary_headers_that_are_none() {
    for (command, family, length) in [
        (0x11, 0x11, 12),
        (0x22, 0x11, 12),
        (0x21, 0x41, 12),
        (0x21, 0x13, 12),
        (0x21, 0x11, 11),
        (0x21, 0x21, 35),
        (0x21, 0x11, 4081),
        (0x20, 0x00, 0xffff),
    ] {
        let bytes = binary(command, family, length, &[0; 64]);
        assert_eq!(
            scan(&bytes),
            Found::Failed,
            "{command:x} {family:x} {length}"
        );
    }
}

#[test]
fn what_may_be_another_protocol_is_so_until_it_cannot() {
    let ambiguous = |bytes: &[u8]| {
        let mut scan = HeaderScan::default();
        bytes.iter().for_each(|&byte| scan.step(byte));
        scan.is_ambiguous()
    };
    assert!(ambiguous(b"PROXY"));
    assert!(!ambiguous(b"PROXY "));
    assert!(ambiguous(&SIGNATURE[..4]));
    assert!(!ambiguous(&SIGNATURE[..5]));
}

fn address() -> impl Strategy<Value = IpAddr> {
    let group = prop_oneof![Just(0_u16), any::<u16>()];
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        prop::array::uniform8(group).prop_map(|groups| IpAddr::V6(Ipv6Addr::from(groups))),
    ]
}

/// What the standard library makes of a line.
fn told(line: &str) -> Option<(IpAddr, u16)> {
    let parts: Vec<&str> = line.split(' ').collect();
    let [_, family, source, _, port, _] = parts[..] else {
        return None;
    };
    let address = match family {
        "TCP4" => IpAddr::V4(source.parse().ok()?),
        _ => IpAddr::V6(source.parse().ok()?),
    };
    Some((address.to_canonical(), port.parse().ok()?))
}

proptest! {
    #[test]
    fn addresses_are_told(source in address(), port: u16) {
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let line = format!("PROXY {family} {source} {source} {port} 80\r\n");
        let expected = Some((source.to_canonical(), port));
        prop_assert_eq!(scan(line.as_bytes()), Found::Header(line.len(), expected));
    }

    #[test]
    fn source_is_what_the_standard_library_reads(source in "[0-9a-f:.]{1,16}", six: bool) {
        let family = if six { "TCP6" } else { "TCP4" };
        let line = format!("PROXY {family} {source} ::1 1 2");
        let found = match scan(format!("{line}\r\n").as_bytes()) {
            Found::Header(_, source) => source,
            _ => None,
        };
        prop_assert_eq!(found, told(&line), "{}", source);
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..300), binary: bool) {
        let start = if binary { SIGNATURE } else { b"PROXY " };
        let all = [start, &bytes].concat();
        match scan(&all) {
            Found::Open => {
                let most = if binary { 4096 } else { 107 };
                prop_assert!(all.len() < most);
            }
            Found::Header(length, _) => prop_assert!(length <= all.len()),
            Found::Other(taken) => prop_assert!(taken < 6),
            Found::Failed => {}
        }
    }
}
