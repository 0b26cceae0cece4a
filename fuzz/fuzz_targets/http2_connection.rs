//! The digests of both directions of an HTTP/2 connection: frames in any pieces, holes, ends.
//!
//! The input is a script, so that a plain text file is a readable seed. A line begins with a letter:
//!
//! | line | meaning |
//! |---|---|
//! | `>` `<` and hexadecimal | an entry of the request, the response digest: type, flags, stream (a byte each), payload |
//! | `]` `[` and hexadecimal | bytes of the request, the response digest as they are |
//! | `G` `g` | a hole in the request, the response direction |
//! | `F` `f` | FIN of the request, the response direction |
//! | `R` | the process has read |
//! | `X` and a byte | expire what is older than so many ticks |
//! | `S` and a byte | from here on, bytes come in pieces of this length (0: whole) |
//!
//! Checked: no panic, bounded memory, plausible exchanges, nothing held after the end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sonde_protocols::exchange::{Exchange, Outcome, Sink};
use sonde_protocols::http2::{Connection, Limits};
use sonde_protocols::{Anomaly, Chunk, Close, Direction, Timestamp};

const LIMITS: Limits = Limits {
    head_bytes: 512,
    table_bytes: 1024,
    streams: 4,
};

/// Two tables and frames and blocks being put together, and heads and trailers of the streams.
const FOOTPRINT: usize = 64 * 1024;

struct Checked;

impl Sink for Checked {
    fn exchange(&mut self, exchange: Exchange) {
        assert!(exchange.stream.is_some_and(|stream| stream % 2 == 1));
        assert_eq!(
            exchange.response.is_some(),
            exchange.response_started.is_some()
        );
        assert!(!exchange.request_body.complete || exchange.request_ended.is_some());
        assert!(exchange.request_started <= exchange.ended);
        assert!(exchange.request.method().is_some() || exchange.request.has_unknown());
        if exchange.reset.is_some() {
            assert!(matches!(
                exchange.outcome,
                Outcome::Reset | Outcome::Refused
            ));
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
        let argument = rest.first().copied().unwrap_or_default();
        let direction = if verb == b'>' || verb == b']' || verb.is_ascii_uppercase() {
            Direction::Request
        } else {
            Direction::Response
        };
        self.now += 1;
        let at = Timestamp(self.now);
        match verb {
            b'>' | b'<' => self.bytes(direction, &entry(&bytes(rest))),
            b']' | b'[' => self.bytes(direction, &bytes(rest)),
            b'G' | b'g' => self.push(direction, Chunk::Gap(0)),
            b'F' | b'f' => self.connection.finish(direction, at, &mut Checked),
            b'R' => self.connection.request_read(at),
            b'X' => {
                let limit = Timestamp(self.now.saturating_sub(argument.into()));
                self.connection.expire(limit, at, &mut Checked);
            }
            b'S' => self.piece = argument.into(),
            _ => {}
        }
        assert!(self.connection.footprint() <= FOOTPRINT);
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

/// A frame header with the right length, and the payload.
fn entry(bytes: &[u8]) -> Vec<u8> {
    let [kind, flags, stream, payload @ ..] = bytes else {
        return bytes.to_vec();
    };
    let length = (payload.len() as u32).to_be_bytes();
    let mut entry = length[1..].to_vec();
    entry.extend([*kind, *flags, 0, 0, 0, *stream]);
    entry.extend_from_slice(payload);
    entry
}

/// What is no digit is passed over.
fn bytes(line: &[u8]) -> Vec<u8> {
    let digits = line
        .iter()
        .filter_map(|&byte| char::from(byte).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| digit as u8).collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
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
