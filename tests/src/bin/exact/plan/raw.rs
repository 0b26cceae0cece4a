//! Random bytes that are no HTTP/1 requests, some of them nearly.

use super::{Exchange, Message, Part};
use crate::pool::BAIT;
use crate::rng::Rng;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Random bytes.
    Binary,
    /// A length of four bytes, then so many.
    LengthPrefixed,
    /// Lines, as of SMTP or Redis.
    Lines,
    /// Records of TLS.
    Tls,
    /// Begins like HTTP, or is a relative of it.
    Garbage,
}

/// All of them.
pub(super) const PROTOCOLS: [Protocol; 5] = [
    Protocol::Binary,
    Protocol::LengthPrefixed,
    Protocol::Lines,
    Protocol::Tls,
    Protocol::Garbage,
];

/// Beginnings of connections that must be left alone, however much what follows resembles requests.
const GARBAGE: [&str; 12] = [
    "GET \0\u{1}\u{2}",
    "GET ",
    "POST /path\0",
    "GET / HTTP/1.1\r\n\0\u{1}",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/3.0\r\nHost: h\r\n\r\n",
    "GET / HTTQ/1.1\r\nHost: h\r\n\r\n",
    "G",
];

const LINES: [&str; 6] = [
    "EHLO example.com\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
    "get key\r\n",
    "SELECT 1;\n",
    "USER anonymous\r\n\r\n",
    "GETX / HTTP/1.1 no\r\n",
];

/// What the server says first, if anything.
pub(super) fn banner(rng: &mut Rng, protocol: Protocol) -> Message {
    if protocol != Protocol::Lines || rng.once_in(2) {
        return Message::default();
    }
    Message::fixed(vec![Part::Text(b"220 example.com ready\r\n".to_vec())])
}

/// One turn; the `first` decides what the connection is taken for.
pub(super) fn exchange(rng: &mut Rng, protocol: Protocol, first: bool) -> Exchange {
    let parts = match protocol {
        Protocol::Binary => binary(rng),
        Protocol::LengthPrefixed => prefixed(rng),
        Protocol::Lines => vec![Part::Text(rng.pick(&LINES).as_bytes().to_vec())],
        Protocol::Tls => tls(rng),
        Protocol::Garbage if first => garbage(rng),
        Protocol::Garbage => resembling(rng),
    };
    turn(rng, parts)
}

/// One turn inside a tunnel: anything, requests included, as they are none of this connection's.
pub(super) fn in_tunnel(rng: &mut Rng) -> Exchange {
    let parts = match rng.below(3) {
        0 => resembling(rng),
        1 => tls(rng),
        _ => binary(rng),
    };
    turn(rng, parts)
}

fn turn(rng: &mut Rng, parts: Vec<Part>) -> Exchange {
    let reply = if rng.once_in(4) {
        Vec::new()
    } else {
        binary(rng)
    };
    Exchange {
        out: Message::fixed(parts),
        reply: Message::fixed(reply),
        wait: rng.once_in(2),
    }
}

fn binary(rng: &mut Rng) -> Vec<Part> {
    let length = if rng.once_in(100) {
        rng.within(1 << 20, 3 << 20)
    } else {
        rng.magnitude(1, 40_000)
    };
    // The first byte belongs to no method: the pool's own could, by chance.
    vec![
        Part::Text(vec![rng.pick(&[0, 1, 0x80, 0xff])]),
        Part::from_pool(rng, length),
    ]
}

fn prefixed(rng: &mut Rng) -> Vec<Part> {
    let length = rng.magnitude(1, 30_000);
    let prefix = u32::try_from(length).unwrap_or_default().to_be_bytes();
    vec![Part::Text(prefix.to_vec()), Part::from_pool(rng, length)]
}

fn tls(rng: &mut Rng) -> Vec<Part> {
    let length = rng.within(1, 16_384);
    let [high, low] = u16::try_from(length).unwrap_or_default().to_be_bytes();
    let kind = rng.pick(&[0x14, 0x15, 0x16, 0x17]);
    vec![
        Part::Text(vec![kind, 3, 3, high, low]),
        Part::from_pool(rng, length),
    ]
}

/// A beginning, and bytes without a line's end, so that the two never make a head.
fn garbage(rng: &mut Rng) -> Vec<Part> {
    let mut text = rng.pick(&GARBAGE).as_bytes().to_vec();
    let length = rng.magnitude(1, 40_000);
    let mut rest = rng.bytes(length);
    // Not even the request line may end well.
    rest[0] = 0;
    for byte in &mut rest {
        if matches!(byte, b'\r' | b'\n') {
            *byte = 0;
        }
    }
    text.extend(rest);
    vec![Part::Text(text)]
}

/// What would be a request, were it the first thing on a connection.
fn resembling(rng: &mut Rng) -> Vec<Part> {
    let mut parts = vec![Part::Text(rng.pick(&BAIT).as_bytes().to_vec())];
    if rng.once_in(2) {
        parts.extend(binary(rng));
    }
    parts
}
