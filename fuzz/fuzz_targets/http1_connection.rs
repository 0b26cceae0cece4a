//! Both directions of an HTTP/1.x connection: bytes in any pieces, counted bodies, holes, ends.
//!
//! The input is a script, so that a plain text file is a readable seed. A line begins with a letter:
//!
//! | line | meaning |
//! |---|---|
//! | `>text`, `<text` | request or response bytes; `\r`, `\n`, `\\` and `\xHH` are escapes |
//! | `E` `e` and three bytes | counted body of the request, the response: bytes, content, end |
//! | `G` `g` and a byte | a hole in the request, the response direction |
//! | `F` `f` | FIN of the request, the response direction |
//! | `R` | the process has read |
//! | `X` and a byte | expire what is older than so many ticks |
//! | `S` and a byte | from here on, bytes come in pieces of this length (0: whole) |
//!
//! Checked: no panic, bounded memory, plausible exchanges, nothing held after the end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sonde_protocols::exchange::{Exchange, Outcome, Sink};
use sonde_protocols::http1::{Connection, Limits};
use sonde_protocols::{Anomaly, Chunk, Close, Direction, Elided, Timestamp};

const LIMITS: Limits = Limits {
    head_bytes: 512,
    in_flight: 4,
};

/// Two halves of a head each, a head for each exchange in flight, and the queue's own entries.
const FOOTPRINT: usize = (LIMITS.in_flight + 4) * (LIMITS.head_bytes * 6 + 512);

struct Checked;

impl Sink for Checked {
    fn exchange(&mut self, exchange: Exchange) {
        assert!(
            exchange
                .request
                .method()
                .is_some_and(|method| !method.is_empty())
        );
        assert!(
            exchange
                .request
                .target()
                .is_some_and(|target| target.len() <= LIMITS.head_bytes)
        );
        assert_eq!(
            exchange.response.is_some(),
            exchange.response_started.is_some()
        );
        assert_eq!(
            exchange.request_body.complete,
            exchange.request_ended.is_some()
        );
        assert!(exchange.request_started <= exchange.ended);
        if matches!(exchange.outcome, Outcome::Complete | Outcome::Upgraded) {
            assert!(exchange.response_body.complete);
            assert!(
                exchange
                    .response
                    .as_ref()
                    .and_then(|response| response.status)
                    .is_some_and(|status| status >= 101)
            );
        }
        if exchange.response_body.size > 0 {
            assert!(exchange.response.is_some());
        }
    }
    fn anomaly(&mut self, anomaly: Anomaly) {
        assert!(!anomaly.as_str().is_empty());
    }
}

struct Script {
    connection: Connection,
    now: u64,
    piece: usize,
}

impl Script {
    fn line(&mut self, line: &[u8]) {
        let Some((&verb, rest)) = line.split_first() else {
            return;
        };
        let argument = |at: usize| rest.get(at).copied().unwrap_or_default();
        let direction = if verb == b'>' || verb.is_ascii_uppercase() {
            Direction::Request
        } else {
            Direction::Response
        };
        self.now += 1;
        let at = Timestamp(self.now);
        match verb {
            b'>' | b'<' => self.bytes(direction, &unescape(rest)),
            b'E' | b'e' => self.push(
                direction,
                Chunk::Elided(Elided {
                    bytes: argument(0).into(),
                    content: argument(1).into(),
                    end: argument(2) & 1 == 1,
                }),
            ),
            b'G' | b'g' => self.push(direction, Chunk::Gap(argument(0).into())),
            b'F' | b'f' => self.connection.finish(direction, at, &mut Checked),
            b'R' => self.connection.request_read(at),
            b'X' => {
                let limit = Timestamp(self.now.saturating_sub(argument(0).into()));
                self.connection.expire(limit, at, &mut Checked);
            }
            b'S' => self.piece = argument(0).into(),
            _ => {}
        }
        assert!(self.connection.footprint() <= FOOTPRINT);
        if self.connection.is_opaque() {
            assert_eq!(self.connection.footprint(), 0);
        }
    }

    fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let piece = if self.piece == 0 {
            usize::MAX
        } else {
            self.piece
        };
        for bytes in bytes.chunks(piece) {
            self.push(direction, Chunk::Bytes(bytes));
        }
    }

    fn push(&mut self, direction: Direction, chunk: Chunk<'_>) {
        self.now += 1;
        let at = Timestamp(self.now);
        self.connection.push(direction, chunk, at, &mut Checked);
    }
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match (byte, after) {
            (b'\\', [b'r', after @ ..]) => (b'\r', after),
            (b'\\', [b'n', after @ ..]) => (b'\n', after),
            (b'\\', [b'\\', after @ ..]) => (b'\\', after),
            (b'\\', [b'x', high, low, after @ ..]) => (nibble(*high) << 4 | nibble(*low), after),
            _ => (byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// Any byte is some digit, so that no mutation is wasted.
fn nibble(byte: u8) -> u8 {
    char::from(byte)
        .to_digit(16)
        .map_or(byte & 0xf, |digit| digit as u8)
}

fuzz_target!(|input: &[u8]| {
    let mut script = Script {
        connection: Connection::new(LIMITS),
        now: 0,
        piece: 0,
    };
    for line in input.split(|&byte| byte == b'\n') {
        script.line(line);
    }
    let at = Timestamp(script.now + 1);
    script.connection.close(Close::Finished, at, &mut Checked);
    assert_eq!(script.connection.footprint(), 0);
    assert_eq!(script.connection.oldest(), None);
});
