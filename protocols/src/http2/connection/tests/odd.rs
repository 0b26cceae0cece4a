//! Malformed and hostile input: named, passed over, bounded.

use super::wire::label;
use super::*;
use crate::http2::frame::{PUSH_PROMISE, SETTINGS};

/// Frames a client may not send (h2spec's, mostly), then a whole exchange, which has to come out right.
#[test]
fn goes_on_behind_malformed_frames() {
    use Anomaly::{MalformedFrame, MalformedHead, MalformedHeaderBlock, UnexpectedFrame};
    let cases: &[(&str, Vec<u8>, &[Anomaly])] = &[
        (
            "RST_STREAM of 3 bytes",
            frame(RST_STREAM, 0, 1, &[0; 3]),
            &[MalformedFrame],
        ),
        (
            "RST_STREAM on 0",
            frame(RST_STREAM, 0, 0, &[0; 4]),
            &[MalformedFrame],
        ),
        (
            "SETTINGS of 5 bytes",
            frame(SETTINGS, 0, 0, &[0; 5]),
            &[MalformedFrame],
        ),
        (
            "SETTINGS on a stream",
            frame(SETTINGS, 0, 1, &[0; 6]),
            &[MalformedFrame],
        ),
        (
            "SETTINGS acknowledged with content",
            frame(SETTINGS, 1, 0, &[0; 6]),
            &[MalformedFrame],
        ),
        (
            "an acknowledgement of nothing",
            frame(SETTINGS, 1, 0, &[]),
            &[],
        ),
        (
            "GOAWAY of 7 bytes",
            frame(GOAWAY, 0, 0, &[0; 7]),
            &[MalformedFrame],
        ),
        ("DATA on 0", frame(DATA, 1, 0, &[0; 4]), &[MalformedFrame]),
        ("DATA on an idle stream", frame(DATA, 1, 9, &[0; 4]), &[]),
        (
            "CONTINUATION alone",
            frame(CONTINUATION, END_HEADERS, 1, &[0x82]),
            &[MalformedFrame],
        ),
        (
            "HEADERS on 0",
            frame(HEADERS, 5, 0, &[0x82]),
            &[UnexpectedFrame, MalformedFrame],
        ),
        (
            "HEADERS on an even stream",
            frame(HEADERS, 5, 2, &[0x82]),
            &[UnexpectedFrame],
        ),
        (
            "more padding than payload",
            frame(HEADERS, 5 | PADDED, 1, &[9, 0x82]),
            &[],
        ),
        (
            "a bad index",
            frame(HEADERS, 5, 1, &[0x80]),
            &[MalformedHeaderBlock],
        ),
        (
            "no pseudo-header field",
            frame(HEADERS, 5, 1, &[0x90]),
            &[MalformedHead],
        ),
        (
            "an empty header block",
            frame(HEADERS, 5, 1, &[]),
            &[MalformedHead],
        ),
        (
            "a PUSH_PROMISE of the client's",
            frame(PUSH_PROMISE, 4, 1, &[0, 0, 0, 2, 0x82]),
            &[],
        ),
        ("a label of nothing", label(9, 0), &[]),
    ];
    for (name, bytes, anomalies) in cases {
        let mut watched = Watched::new();
        let wire: Vec<u8> = bytes.clone();
        let digest = if wire[3] == crate::http2::frame::LABEL {
            wire
        } else {
            Digester::default().digest(&wire)
        };
        watched.push(Direction::Request, Chunk::Bytes(&digest));
        assert!(
            watched.heard.anomalies.starts_with(anomalies),
            "{name}: {:?}",
            watched.heard.anomalies
        );
        watched.heard = Heard::default();
        watched
            .ask(11, END_STREAM, GET)
            .answer(11, END_STREAM, &[(":status", "200")]);
        let summary = watched.summary();
        assert_eq!(
            summary.last().map(String::as_str),
            Some("11 /orders 200 0 0 Complete"),
            "{name}"
        );
    }
}

#[test]
fn frames_out_of_place() {
    let mut watched = Watched::new();
    watched
        .ask(5, END_STREAM, GET)
        .ask(5, END_STREAM, GET)
        .ask_data(5, 0, b"x")
        .ask(3, END_STREAM, GET);
    watched
        .answer(5, 0, &[(":status", "200")])
        .answer(5, 0, &[(":status", "500")])
        .answer_data(5, END_STREAM, b"");
    assert_eq!(watched.summary(), ["5 /orders 200 0 0 Complete"]);
    assert_eq!(watched.heard.anomalies, [Anomaly::UnexpectedFrame; 3]);
    // A header block that another frame breaks off: its fields are not known, and neither is the table.
    watched
        .wire(Direction::Request, &frame(HEADERS, 0, 7, &[0x82]))
        .wire(Direction::Request, &frame(HEADERS, 5, 9, &[0x82, 0xbe]))
        .close(Close::Finished);
    assert_eq!(
        watched.summary()[1..],
        ["7 ? - 0+ 0+ Closed", "9 ? - 0 0+ Closed"]
    );
}

#[test]
fn what_is_no_digest_is_lost_until_a_gap() {
    let mut watched = Watched::new();
    watched
        .push(Direction::Request, Chunk::Bytes(b"GET / HTTP/1.1\r\n\r\n"))
        .ask(1, END_STREAM, GET);
    assert_eq!(watched.heard.anomalies, [Anomaly::MalformedFrame]);
    watched
        .gap(Direction::Request)
        .ask(3, END_STREAM, &[(":method", "GET"), (":path", "/new")]);
    watched.close(Close::Unwatched);
    assert_eq!(watched.summary(), ["3 /new - 0 0+ InFlight"]);
}

#[test]
fn bounds() {
    let limits = Limits {
        head_bytes: 512,
        table_bytes: 1024,
        streams: 4,
    };
    let mut watched = Watched::within(limits);
    let long = "x".repeat(400);
    // Each within a frame's bound; together, or referred to again and again, more than is kept.
    let block = watched.block(
        Direction::Request,
        &[(":method", "GET"), ("x-forwarded-for", &long)],
    );
    watched.wire(Direction::Request, &frame(HEADERS, END_HEADERS, 1, &block));
    let bomb = [&[0x82][..], &[0xbe; 400]].concat();
    watched.wire(Direction::Request, &frame(HEADERS, END_HEADERS, 3, &bomb));
    assert!(watched.heard.anomalies.contains(&Anomaly::HeadTooLarge));
    watched.wire(Direction::Request, &frame(HEADERS, 0, 5, &block));
    for _ in 0..100 {
        watched.wire(Direction::Request, &frame(CONTINUATION, 0, 5, &block));
    }
    watched.wire(
        Direction::Request,
        &frame(CONTINUATION, END_HEADERS, 5, &[]),
    );
    watched.wire(
        Direction::Request,
        &frame(HEADERS, END_HEADERS, 7, &vec![0x82; 100_000]),
    );
    for number in 4..1000_u32 {
        watched.ask(number * 2 + 1, END_STREAM, GET);
        watched.wire(
            Direction::Request,
            &frame(crate::http2::frame::SETTINGS, 0, 0, &[0; 6]),
        );
    }
    assert!(watched.connection.footprint() < 64 * 1024);
    assert_eq!(watched.connection.streams.len(), 4);
    assert_eq!(watched.heard.exchanges.len(), 996);
    assert!(
        watched
            .heard
            .exchanges
            .iter()
            .all(|exchange| exchange.outcome == Outcome::Lost)
    );
}
