//! Both directions of an HTTP/1.x connection: bytes in any pieces, counted bodies, holes, ends.
//!
//! The input is a script, so that a plain text file is a readable seed. A line begins with a letter:
//!
//! | line | meaning |
//! |---|---|
//! | `>text`, `<text` | request or response bytes; `\r`, `\n`, `\\` and `\xHH` are escapes |
//! | `Ltext` | request bytes with the last of which a head ends, and its label |
//! | `E` `e` and three bytes | counted body of the request, the response: bytes, content, end |
//! | `G` `g` and a byte | a hole in the request, the response direction |
//! | `F` `f` `R` `X` `S` | as in every script (`src/lib.rs`) |
//!
//! Checked: no panic, bounded memory, plausible exchanges, nothing held after the end; a label is seen at most once, and at the
//! request it came with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sonde_fuzz::{Line, Script, labelled_at};
use sonde_protocols::exchange::{Exchange, Outcome, Sink};
use sonde_protocols::http1::{Connection, Limits};
use sonde_protocols::{Anomaly, Chunk, Elided, Timestamp};
use std::collections::BTreeSet;

const LIMITS: Limits = Limits {
    head_bytes: 512,
    in_flight: 4,
};

/// Two halves of a head each, a head for each exchange in flight, and the queue's own entries.
const FOOTPRINT: usize = (LIMITS.in_flight + 4) * (LIMITS.head_bytes * 6 + 512);

/// What is checked of exchanges; the labels seen so far.
#[derive(Default)]
struct Checked(BTreeSet<Timestamp>);

impl Checked {
    /// The label came while the request's head did: not before its first byte, nor after its last.
    fn label(&mut self, exchange: &Exchange) {
        let Some(at) = exchange.label.as_ref().map(labelled_at) else {
            return;
        };
        assert!(self.0.insert(at), "a label was given twice");
        assert!(exchange.request_started <= at);
        assert!(exchange.request_ended.is_none_or(|end| end >= at));
    }
}

impl Sink for Checked {
    fn exchange(&mut self, exchange: Exchange) {
        self.label(&exchange);
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

fn own(script: &mut Script<Connection, Checked>, line: Line<'_>) {
    let direction = line.direction;
    match line.verb {
        b'>' | b'<' => script.bytes(direction, &unescape(line.rest)),
        b'L' => script.head(direction, &unescape(line.rest)),
        b'E' | b'e' => script.push(
            direction,
            Chunk::Elided(Elided {
                bytes: line.argument(0).into(),
                content: line.argument(1).into(),
                end: line.argument(2) & 1 == 1,
            }),
        ),
        b'G' | b'g' => script.push(direction, Chunk::Gap(line.argument(0).into())),
        _ => {}
    }
}

fn check(connection: &Connection) {
    assert!(connection.footprint() <= FOOTPRINT);
    if connection.is_opaque() {
        assert_eq!(connection.footprint(), 0);
    }
}

fuzz_target!(|input: &[u8]| Script::play(
    Connection::new(LIMITS),
    Checked::default(),
    input,
    own,
    check
));
