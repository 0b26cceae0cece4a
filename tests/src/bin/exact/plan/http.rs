//! Random HTTP/1 requests and responses: heads of 30 bytes to 15 KiB, every framing of a body, text in fields and bodies that
//! looks like what it is not.

use super::{Exchange, Message, Part};
use crate::pool::BAIT;
use crate::rng::Rng;

const METHODS: [&str; 9] = [
    "GET", "GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH",
];

/// What the client sends as its own context, in spellings that are all the same field.
const OWN: [&str; 4] = ["traceparent", "Traceparent", "TRACEPARENT", "tRaceParent"];

/// Fields that only resemble it.
const ALMOST: [&str; 5] = [
    "x-traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
    "traceparent-x: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
    "traceparen: t\r\n",
    "cookie: traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
    "tracestate: vendor=value\r\n",
];

/// One request and its response. With `until_close` the response's body ends with the connection.
pub(super) fn exchange(rng: &mut Rng, until_close: bool) -> Exchange {
    let method = rng.pick(&METHODS);
    let out = request(rng, method);
    let reply = if until_close && method != "HEAD" {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".into();
        let body = body_length(rng);
        Message::fixed(vec![Part::Text(head), Part::from_pool(rng, body)])
    } else {
        response(rng, method == "HEAD")
    };
    Exchange {
        out,
        reply,
        wait: !rng.once_in(3),
    }
}

/// A request after whose reply the connection carries something else.
pub(super) fn opening(rng: &mut Rng) -> Exchange {
    let (start, own, reply) = if rng.once_in(2) {
        (
            "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n",
            "",
            "HTTP/1.1 200 Connection established\r\n\r\n",
        )
    } else {
        (
            "GET /chat HTTP/1.1\r\nHost: h\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
    };
    let mut head = start.as_bytes().to_vec();
    head.extend_from_slice(own.as_bytes());
    Exchange {
        out: ended(head, true, Vec::new()),
        reply: Message::fixed(vec![Part::Text(reply.into())]),
        wait: true,
    }
}

fn request(rng: &mut Rng, method: &str) -> Message {
    let version = if rng.once_in(12) {
        "1.0\r\nConnection: keep-alive"
    } else {
        "1.1"
    };
    let mut head = format!("{method} /").into_bytes();
    let target = rng.magnitude(0, 300);
    visible(rng, target, &mut head);
    head.extend_from_slice(format!(" HTTP/{version}\r\n").as_bytes());
    head.extend_from_slice(b"Host: h\r\n");
    let own = rng.once_in(10);
    let size = rng.magnitude(30, 15_000);
    let mut at_field = rng.below(6);
    let (mut framing, body) = content(rng, method);
    let mut own_left = own;
    while head.len() < size || !framing.is_empty() || own_left {
        if at_field == 0 {
            head.append(&mut framing);
        }
        if at_field == 1 && own_left {
            own_field(rng, &mut head);
            own_left = false;
        }
        at_field = at_field.checked_sub(1).unwrap_or(5);
        if head.len() < size {
            field(rng, &mut head);
        }
    }
    ended(head, !own, body)
}

/// The head with its empty line and the body; a field may be added before that line if `open`.
fn ended(mut head: Vec<u8>, open: bool, body: Vec<Part>) -> Message {
    let insert_at = open.then_some(head.len());
    head.extend_from_slice(b"\r\n");
    let mut parts = vec![Part::Text(head)];
    parts.extend(body);
    Message { parts, insert_at }
}

fn own_field(rng: &mut Rng, head: &mut Vec<u8>) {
    let (high, low, parent) = (rng.next() | 1, rng.next(), rng.next() | 1);
    let name = rng.pick(&OWN);
    let space = rng.pick(&["", " ", "  ", "\t"]);
    let line = format!("{name}:{space}00-{high:016x}{low:016x}-{parent:016x}-01\r\n");
    head.extend_from_slice(line.as_bytes());
}

fn field(rng: &mut Rng, head: &mut Vec<u8>) {
    if rng.once_in(20) {
        head.extend_from_slice(rng.pick(&ALMOST).as_bytes());
        return;
    }
    head.extend_from_slice(format!("x-{:x}: ", rng.next() & 0xffff).as_bytes());
    let length = rng.magnitude(0, 900);
    visible(rng, length, head);
    head.extend_from_slice(b"\r\n");
}

/// Visible characters, and now and then bytes beyond ASCII.
fn visible(rng: &mut Rng, count: usize, text: &mut Vec<u8>) {
    let beyond = rng.once_in(40);
    for byte in rng.bytes(count) {
        let plain = b'!' + byte % 94;
        text.push(if beyond && byte > 0xf0 { byte } else { plain });
    }
}

/// Fields that say how long the body is, and the body.
fn content(rng: &mut Rng, method: &str) -> (Vec<u8>, Vec<Part>) {
    let with_body = matches!(method, "POST" | "PUT" | "PATCH") || rng.once_in(30);
    if !with_body {
        return (Vec::new(), Vec::new());
    }
    let name_case = rng.once_in(2);
    if rng.once_in(2) {
        let length = body_length(rng);
        let name = if name_case {
            "Content-Length"
        } else {
            "content-length"
        };
        let field = format!("{name}: {length}\r\n").into_bytes();
        return (field, bait_or_pool(rng, length));
    }
    let name = if name_case {
        "Transfer-Encoding"
    } else {
        "transfer-encoding"
    };
    (format!("{name}: chunked\r\n").into_bytes(), chunked(rng))
}

/// Exactly `length` bytes, of which the first may look like a request.
fn bait_or_pool(rng: &mut Rng, length: usize) -> Vec<Part> {
    let bait = rng.pick(&BAIT).as_bytes();
    if length < bait.len() || rng.once_in(2) {
        return vec![Part::from_pool(rng, length)];
    }
    vec![
        Part::Text(bait.to_vec()),
        Part::from_pool(rng, length - bait.len()),
    ]
}

fn chunked(rng: &mut Rng) -> Vec<Part> {
    let mut parts = Vec::new();
    let chunks = rng.magnitude(0, 12);
    for _ in 0..chunks {
        let length = body_length(rng).clamp(1, 200_000);
        let extension = rng.pick(&["", "", "", ";name=value", " ;a=\"b\""]);
        let line = format!("{length:x}{extension}\r\n");
        parts.push(Part::Text(line.into_bytes()));
        parts.extend(bait_or_pool(rng, length));
        parts.push(Part::Text(b"\r\n".to_vec()));
    }
    let trailer = rng.pick(&["", "", "x-checksum: abc\r\n"]);
    parts.push(Part::Text(format!("0\r\n{trailer}\r\n").into_bytes()));
    parts
}

/// Mostly small, one in hundred of megabytes.
fn body_length(rng: &mut Rng) -> usize {
    match rng.below(100) {
        0 => rng.within(1 << 20, 4 << 20),
        1..20 => 0,
        _ => rng.magnitude(1, 60_000),
    }
}

fn response(rng: &mut Rng, to_head: bool) -> Message {
    let mut head = Vec::new();
    if rng.once_in(15) {
        head.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    let mut body = Vec::new();
    match rng.below(6) {
        0 => head.extend_from_slice(b"HTTP/1.1 204 No Content\r\n"),
        1 => head.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n"),
        2 => {
            head.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
            body = chunked(rng);
        }
        _ => {
            let length = body_length(rng);
            head.extend_from_slice(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n").as_bytes(),
            );
            body = bait_or_pool(rng, length);
        }
    }
    let size = head.len() + rng.magnitude(0, 4000);
    while head.len() < size {
        field(rng, &mut head);
    }
    head.extend_from_slice(b"\r\n");
    let mut parts = vec![Part::Text(head)];
    if !to_head {
        parts.extend(body);
    }
    Message::fixed(parts)
}
