use prost::Message;

use super::*;
use crate::export::batch::Batcher;
use crate::export::tests::{resource, span};
use crate::spans::{Span, SpanId, Status};

fn request(spans: &[Span]) -> ExportTraceServiceRequest {
    let mut batcher = Batcher::new(usize::MAX);
    for span in spans {
        assert!(batcher.add(span).is_none());
    }
    ExportTraceServiceRequest::decode(batcher.seal().unwrap().body).unwrap()
}

fn named(id: u8, parent: Option<u8>, service: &str, name: &str) -> Span {
    let ids = |id: u8| SpanId([0, 0, 0, 0, 0, 0, 0, id]);
    let start = 1_000_000 * u64::from(id);
    Span {
        span_id: ids(id),
        parent_span_id: parent.map(ids),
        name: name.to_owned(),
        start_unix_nanos: start,
        end_unix_nanos: start + 1_500_000,
        attributes: Vec::new(),
        ..span(1, &resource(service))
    }
}

#[track_caller]
fn check(spans: &[Span], expected: &[&str]) {
    let mut forest = Forest::default();
    forest.add(request(spans), Instant::now());
    let text = forest.all(Style::Plain);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "trace 01010101010101010101010101010101");
    assert_eq!(&lines[1..], expected);
}

#[test]
fn trees() {
    check(
        &[
            named(4, Some(2), "web", "GET /b"),
            named(3, Some(2), "web", "GET /a"),
            named(2, Some(1), "web", "GET /"),
            named(5, Some(9), "db", "orphan"),
            named(1, None, "curl", "GET"),
        ],
        &[
            "  curl SERVER GET 1.50 ms",
            "    web SERVER GET / 1.50 ms",
            "      web SERVER GET /a 1.50 ms",
            "      web SERVER GET /b 1.50 ms",
            "  db SERVER orphan 1.50 ms",
        ],
    );
    check(
        &[named(1, Some(1), "own", "parent")],
        &["  own SERVER parent 1.50 ms"],
    );
    let failed = Span {
        status: Status::Error("a\u{1b}[2Jb".into()),
        ..named(1, None, "s\n", "x\u{202e}y")
    };
    check(
        &[failed],
        &["  s\\n SERVER x\\u{202e}y ERROR a\\u{1b}[2Jb 1.50 ms"],
    );
}

#[test]
fn a_trace_settles_and_too_many_are_let_go() {
    let start = Instant::now();
    let mut forest = Forest::default();
    forest.add(request(&[named(1, None, "a", "one")]), start);
    assert_eq!(forest.settled(start + SETTLE / 2, Style::Plain), "");
    forest.add(
        request(&[named(2, Some(1), "a", "two")]),
        start + SETTLE / 2,
    );
    assert_eq!(forest.settled(start + SETTLE, Style::Plain), "");
    assert_eq!(
        forest
            .settled(start + SETTLE * 2, Style::Plain)
            .lines()
            .count(),
        3
    );
    assert!(forest.is_empty());
    let many: Vec<Span> = (0..=MAX_SPANS).map(|_| named(1, None, "a", "n")).collect();
    forest.add(request(&many), start);
    assert!(!forest.settled(start, Style::Plain).is_empty());
    assert_eq!(forest.spans, 0);
}

#[test]
fn colour_only_when_asked() {
    let mut forest = Forest::default();
    forest.add(request(&[named(1, None, "a", "one")]), Instant::now());
    assert!(forest.all(Style::Colour).contains("\x1b[1ma\x1b[0m SERVER"));
}
