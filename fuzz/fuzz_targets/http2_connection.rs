//! The digests of both directions of an HTTP/2 connection: frames in any pieces, holes, ends.
//!
//! The input is a script, so that a plain text file is a readable seed. A line begins with a letter:
//!
//! | line | meaning |
//! |---|---|
//! | `>` `<` and hexadecimal | an entry of the request, the response digest: type, flags, stream (a byte each), payload |
//! | `]` `[` and hexadecimal | bytes of the request, the response digest as they are |
//! | `G` `g` | a hole in the request, the response direction |
//! | `F` `f` `R` `X` `S` | as in every script (`src/lib.rs`) |
//!
//! Checked: no panic, bounded memory, plausible exchanges, nothing held after the end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sonde_fuzz::{Line, Script, hexadecimal};
use sonde_protocols::exchange::{Exchange, Outcome, Sink};
use sonde_protocols::http2::{Connection, Limits};
use sonde_protocols::{Anomaly, Chunk};

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

fn own(script: &mut Script<Connection, Checked>, line: Line<'_>) {
    let direction = line.direction;
    match line.verb {
        b'>' | b'<' => script.bytes(direction, &entry(&hexadecimal(line.rest))),
        b']' | b'[' => script.bytes(direction, &hexadecimal(line.rest)),
        b'G' | b'g' => script.push(direction, Chunk::Gap(0)),
        _ => {}
    }
}

fn check(connection: &Connection) {
    assert!(connection.footprint() <= FOOTPRINT);
}

fuzz_target!(|input: &[u8]| Script::play(Connection::new(LIMITS), Checked, input, own, check));
