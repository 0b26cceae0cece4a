extern crate std;

use super::{HeadScan, Window};
use crate::http1::{Body, body_of};
use proptest::prelude::*;
use std::{format, vec::Vec};

struct Slice<'a>(&'a [u8]);

impl Window for Slice<'_> {
    fn word(&self, at: u32) -> u64 {
        let mut bytes = [0xa5; 8];
        for (to, from) in bytes.iter_mut().zip(self.0.iter().skip(at as usize)) {
            *to = *from;
        }
        u64::from_le_bytes(bytes)
    }
}

/// Scans `bytes` cut into windows of the given lengths; gives the state and the bytes consumed.
fn scan(bytes: &[u8], mut cuts: impl Iterator<Item = usize>) -> (HeadScan, usize) {
    let (mut state, mut consumed) = (HeadScan::START, 0);
    while consumed < bytes.len() && !state.is_end() && !state.is_failed() {
        let length = cuts
            .next()
            .unwrap_or(usize::MAX)
            .clamp(1, bytes.len() - consumed);
        let window = Slice(&bytes[consumed..consumed + length]);
        let (mut at, mut steps) = (0, 0);
        while (at as usize) < length && !state.is_end() && !state.is_failed() {
            at = state.step(&window, at, length as u32);
            steps += 1;
            assert!(
                at as usize <= length && steps <= 3 * length + 3,
                "no progress"
            );
        }
        consumed += at as usize;
        state.bytes += at;
    }
    (state, consumed)
}

fn whole(bytes: &[u8]) -> (HeadScan, usize) {
    scan(bytes, std::iter::empty())
}

#[test]
fn decides_bodies_by_rfc_9112() {
    let table: [(&str, Body); 16] = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Body::None),
        ("\r\nGET / HTTP/1.1\r\n\r\n", Body::None),
        ("M-SEARCH * HTTP/1.1\r\n\r\n", Body::None),
        (
            "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n",
            Body::Length(12),
        ),
        ("POST / HTTP/1.0\ncontent-LENGTH:12  \n\n", Body::Length(12)),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n",
            Body::Chunked,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encodin: chunked\r\nX-Content-Length: 3\r\n\r\n",
            Body::None,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 7, 7\r\n\r\n",
            Body::Length(7),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
            Body::Length(3),
        ),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Body::None),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Body::Chunked,
        ),
        ("HTTP/1.0 200 OK\r\nServer: x\r\n\r\n", Body::UntilClose),
        ("HTTP/1.1 204 No Content\r\n\r\n", Body::None),
        ("HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n", Body::None),
        ("HTTP/1.1 100 Continue\r\n\r\n", Body::Interim),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Body::Tunnel),
    ];
    for (head, expected) in table {
        let (state, consumed) = whole(head.as_bytes());
        assert!(state.is_end(), "{head:?} {state:?}");
        assert_eq!(
            (body_of(&state, false, false), consumed),
            (expected, head.len()),
            "{head:?}"
        );
        let (cut, _) = scan(head.as_bytes(), std::iter::repeat(1));
        assert_eq!(
            body_of(&cut, false, false),
            expected,
            "byte by byte: {head:?}"
        );
    }
}

#[test]
fn response_bodies_depend_on_the_request() {
    let (state, _) = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(body_of(&state, true, false), Body::None);
    assert_eq!(body_of(&state, false, true), Body::Tunnel);
    assert!(whole(b"HEAD / HTTP/1.1\r\n\r\n").0.is_head_request());
    assert!(
        whole(b"CONNECT a:1 HTTP/1.1\r\n\r\n")
            .0
            .is_connect_request()
    );
    assert!(
        !whole(b"XCONNECT a:1 HTTP/1.1\r\n\r\n")
            .0
            .is_connect_request()
    );
}

#[test]
fn other_protocols_are_told_apart() {
    let table: [&[u8]; 9] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaa",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
        b"get some_memcached_key\r\n",
        b"220 mail.example.org ESMTP\r\n",
        b"HTTP/2 200 OK and more bytes\r\n",
        b"HTTP/1.1 2x0 OK and more\r\n",
        b"GET /without-version-and-long-enough\r\n",
    ];
    for bytes in table {
        assert!(
            whole(bytes).0.is_failed(),
            "{}",
            std::string::String::from_utf8_lossy(bytes)
        );
    }
}

#[test]
fn every_tchar_and_nothing_else_makes_a_method() {
    for byte in 0..=255_u8 {
        let expected = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let mut head = Vec::from(&b"A"[..]);
        head.push(byte);
        head.extend_from_slice(b" / HTTP/1.1\r\n\r\n");
        let separates = byte == b' ';
        assert_eq!(whole(&head).0.is_end(), expected || separates, "{byte:#x}");
    }
}

proptest! {
    #[test]
    fn any_cut_of_a_head_gives_the_same_answer(
        fields in proptest::collection::vec(("[A-Za-z-]{1,20}", "[ -~]{0,40}"), 0..12),
        length in proptest::option::of(0_u64..1 << 40),
        cuts in proptest::collection::vec(1_usize..40, 0..200),
        spare in "[\\x00-\\x7f]{0,20}",
    ) {
        let mut head = std::string::String::from("POST /a?b=c HTTP/1.1\r\n");
        for (name, value) in &fields {
            let reserved = ["content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str());
            prop_assume!(!reserved);
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(length) = length {
            head += &format!("Content-Length: {length}\r\n");
        }
        head += "\r\n";
        let end = head.len();
        head += &spare;
        let (state, consumed) = scan(head.as_bytes(), cuts.into_iter());
        prop_assert!(state.is_end());
        prop_assert_eq!(consumed, end);
        prop_assert_eq!(state.content_length, length.unwrap_or(0));
        prop_assert_eq!(state.has_length(), length.is_some());
    }

    #[test]
    fn garbage_never_stalls(bytes in proptest::collection::vec(any::<u8>(), 1..300), cut in 1_usize..20) {
        scan(&bytes, std::iter::repeat(cut));
    }
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The one valid traceparent of a head with these lines, cut into windows of `cut` bytes.
fn parent_of(lines: &str, cut: usize) -> (HeadScan, bool) {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}Accept: */*\r\n\r\n");
    let (state, consumed) = scan(head.as_bytes(), std::iter::repeat(cut));
    assert!(
        state.is_end() && consumed == head.len(),
        "{head:?} by {cut}"
    );
    let told = state.traceparent();
    if let Some(told) = told {
        assert_eq!(told.trace_id[0].to_be(), 0x0af7_6519_16cd_43dd);
        assert_eq!(told.trace_id[1].to_be(), 0x8448_eb21_1c80_319c);
        assert_eq!(told.parent_id.to_be(), 0xb7ad_6b71_6920_3331);
    }
    (state, told.is_some())
}

#[test]
fn traceparent_by_the_rules_of_w3c_cut_anywhere() {
    let with = |from: &str, to: &str| PARENT.replace(from, to);
    let table = [
        (format!("traceparent: {PARENT}\r\n"), true),
        (format!("TraceParent:{PARENT}\r\n"), true),
        (format!("TRACEPARENT: \t {PARENT} \t\r\n"), true),
        (format!("traceparent: {PARENT}\n"), true),
        (format!("traceparent: {PARENT}x\r\n"), false),
        (format!("traceparent: {PARENT}-x\r\n"), false),
        (format!("traceparent: {PARENT} x\r\n"), false),
        (format!("traceparent: {}\r\n", with("00-", "cc-")), true),
        (
            format!("traceparent: {}-what\r\n", with("00-", "cc-")),
            true,
        ),
        (
            format!("traceparent: {}.what\r\n", with("00-", "cc-")),
            false,
        ),
        (format!("traceparent: {}\r\n", with("00-", "ff-")), false),
        (format!("traceparent: {}\r\n", with("00-0", "00_0")), false),
        (format!("traceparent: {}\r\n", PARENT.to_uppercase()), false),
        (format!("traceparent: {}\r\n", &PARENT[..54]), false),
        (
            format!(
                "traceparent: {}\r\n",
                with("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32))
            ),
            false,
        ),
        (
            format!(
                "traceparent: {}\r\n",
                with("b7ad6b7169203331", &"0".repeat(16))
            ),
            false,
        ),
        (
            format!("traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\n"),
            false,
        ),
        (
            format!("traceparent: {PARENT}\r\ntraceparent: x\r\n"),
            false,
        ),
        ("traceparent:\r\n".into(), false),
        (format!("traceparents: {PARENT}\r\n"), false),
        (format!("xtraceparent: {PARENT}\r\n"), false),
        (format!("trace-parent: {PARENT}\r\n"), false),
        (
            format!("tracestate: a=1\r\ntraceparent: {PARENT}\r\ntransfer-encoding: chunked\r\n"),
            true,
        ),
    ];
    for (lines, valid) in &table {
        for cut in (1..80).chain([1000]) {
            let (state, told) = parent_of(lines, cut);
            assert_eq!(told, *valid, "{lines:?} by {cut}");
            assert_eq!(
                state.is_chunked(),
                lines.contains("chunked"),
                "{lines:?} by {cut}"
            );
        }
    }
}

#[test]
fn places_of_the_fields_are_noted() {
    let lines = format!("traceparent: {PARENT}\r\nTraceState: a=1,b=2\r\n");
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}Accept: */*\r\n\r\n");
    for cut in 1..head.len() {
        let (state, _) = parent_of(&lines, cut);
        assert_eq!(
            state.parent_at as usize,
            head.find(PARENT).unwrap(),
            "by {cut}"
        );
        let value = head.find(" a=1,b=2").unwrap();
        assert_eq!(state.state_at as usize, value, "by {cut}");
        assert!(!state.has_several_states());
        assert!(!state.has_baggage());
        assert!(parent_of("Baggage:a=1\r\n", cut).0.has_baggage());
        assert!(!parent_of("Baggages:a=1\r\n", cut).0.has_baggage());
    }
    let (state, _) = parent_of("tracestate: a=1\r\ntracestate: b=1\r\n", 1000);
    assert!(state.has_several_states());
}

#[test]
fn only_request_lines_of_http_1_cut_anywhere() {
    for (head, fits) in [
        ("GET / HTTP/1.1\r\n\r\n", true),
        ("GET /a%20b?c HTTP/1.0\n\n", true),
        ("M-SEARCH * HTTP/1.1\r\n\r\n", true),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false),
        ("USER anonymous\r\n\r\n", false),
        ("PING 00c0ffee\n", false),
        ("POST /path\0 GET /bait HTTP/1.1\r\n\r\n", false),
        ("GET /\r HTTP/1.1\r\n\r\n", false),
        ("GET / HTTP/1.1\rx\n\r\n", false),
        ("GET /\x01 HTTP/1.1\r\n\r\n", false),
        ("GET / TTP/1\r\n\r\n", false),
        ("GET / HTTP/1\r\n\r\n", false),
    ] {
        for cut in 1..=head.len() {
            let (state, _) = scan(head.as_bytes(), std::iter::repeat(cut));
            assert_eq!(state.is_end(), fits, "{head:?} by {cut}");
            assert_eq!(state.is_failed(), !fits, "{head:?} by {cut}");
        }
    }
}

#[test]
fn control_characters_in_fields_are_noted() {
    for (lines, odd) in [
        ("A: b\r\nC: \td\r\n", false),
        ("A: \u{e9}\u{80}\r\n", false),
        ("A: b\0\r\n", true),
        ("\0\x01A: b\r\n", true),
        ("Abcdefghijklmn: o\x1fp\r\n", true),
        ("A: b\x02\n", true),
    ] {
        let head = format!("GET / HTTP/1.1\r\n{lines}\r\n\0\x01\x02\x03\x04\x05\x06\x07\x08");
        for cut in 1..40 {
            let (state, _) = scan(head.as_bytes(), std::iter::repeat(cut));
            assert!(state.is_end());
            assert_eq!(state.is_odd(), odd, "{lines:?} by {cut}");
        }
    }
    let head = "GET GET /bait HTTP/1.1\r\n\r\n";
    for cut in 1..40 {
        let (state, _) = scan(head.as_bytes(), std::iter::repeat(cut));
        assert!(state.is_end() && state.is_odd(), "by {cut}");
    }
}
