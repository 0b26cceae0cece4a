use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::*;
use crate::testing::{failed, span, trace_id};

fn origin() -> Origin {
    Origin {
        service: "cart".into(),
        ..Origin::default()
    }
}

/// Takes a span in without making room.
fn insert(store: &mut Store, span: Span, class: Class) -> Inserted {
    let origin = store.origin(origin());
    let operation = store.operation(Operation::of(&span, &origin));
    let inserted = store.insert(span, operation, Arc::clone(&origin), class, 0);
    store.give_back_origin(origin);
    inserted
}

/// What the traces cost when counted anew.
fn counted(store: &Store) -> usize {
    let traces: usize = store.newest_first().map(|trace| trace.bytes).sum();
    let operations: usize = store
        .operations
        .iter()
        .map(|operation| cost::operation(operation))
        .sum();
    let origins: usize = store
        .origins
        .iter()
        .map(|origin| cost::origin(origin))
        .sum();
    let mut calls = calls::Calls::default();
    let mut pairs = 0;
    for trace in store.newest_first() {
        let mut part = Trace::new(trace.id, trace.number);
        for span in &trace.spans {
            let again = StoredSpan::new(
                span.decode(&trace.id),
                Arc::clone(&span.operation),
                Arc::clone(&span.origin),
                &[],
            );
            pairs += calls.add(&part, &again);
            part.add(again, &[]);
        }
    }
    let sorted = |calls: &calls::Calls| {
        let mut all: Vec<_> = calls
            .iter()
            .map(|(parent, child, count)| (parent.to_owned(), child.to_owned(), count))
            .collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&calls), sorted(&store.calls));
    traces + operations + origins + pairs
}

#[test]
fn late_spans_join_their_trace_and_duplicates_do_not() {
    let mut store = Store::new(1 << 20);
    let first = span(1, 1, 0, SpanKind::Server, 5);
    assert_eq!(
        insert(&mut store, first.clone(), Class::Plain),
        Inserted::Kept { number: 0 }
    );
    insert(&mut store, span(2, 1, 0, SpanKind::Server, 5), Class::Plain);
    assert_eq!(
        insert(&mut store, span(1, 2, 1, SpanKind::Client, 3), Class::Plain),
        Inserted::Kept { number: 0 }
    );
    assert_eq!(
        insert(&mut store, first.clone(), Class::Plain),
        Inserted::Duplicate
    );
    // Zipkin's clients and servers share an id.
    let mut shared = first.clone();
    shared.kind = SpanKind::Client as i32;
    assert_eq!(
        insert(&mut store, shared, Class::Plain),
        Inserted::Kept { number: 0 }
    );
    let trace = store.trace(&trace_id(1)).unwrap();
    assert_eq!(trace.spans.len(), 3);
    assert_eq!(trace.spans[0].decode(&trace_id(1)), first);
    assert_eq!((store.traces(), store.spans()), (2, 4));
    assert_eq!(store.used(), counted(&store));
}

#[test]
fn plain_traces_go_first_and_errors_last() {
    let mut store = Store::new(1 << 20);
    let classes = [
        Class::Error,
        Class::Slow,
        Class::Plain,
        Class::Plain,
        Class::Slow,
    ];
    for (number, class) in (1..).zip(classes) {
        let span = span(number, 1, 0, SpanKind::Server, 5);
        let span = if class == Class::Error {
            failed(span)
        } else {
            span
        };
        insert(&mut store, span, class);
    }
    let mut order = Vec::new();
    while let Some(removed) = store.evict(0, |_| {}) {
        order.push((removed.number, removed.class));
        assert_eq!(store.used(), counted(&store));
    }
    let expected = [
        (2, Class::Plain),
        (3, Class::Plain),
        (1, Class::Slow),
        (4, Class::Slow),
        (0, Class::Error),
    ];
    assert_eq!(order, expected);
    assert_eq!((store.used(), store.spans()), (0, 0));
}

#[test]
fn a_service_that_only_fails_does_not_hide_the_present() {
    let limit = 256 << 10;
    let mut store = Store::new(limit);
    for number in 1..2_000 {
        insert(
            &mut store,
            failed(span(number, 1, 0, SpanKind::Server, 5)),
            Class::Error,
        );
        while store.evict(limit, |_| {}).is_some() {}
    }
    for number in 2_000..4_000 {
        insert(
            &mut store,
            span(number, 1, 0, SpanKind::Server, 5),
            Class::Plain,
        );
        while store.evict(limit, |_| {}).is_some() {}
        assert!(store.trace(&trace_id(number)).is_some());
    }
    assert!(store.class_bytes[Class::Error as usize] <= limit / 2);
    assert!(store.class_bytes[Class::Error as usize] > limit / 3);
}

#[test]
fn one_trace_is_bounded() {
    let mut store = Store::new(64 << 20);
    for id in 1..=MAX_TRACE_SPANS as u64 {
        insert(
            &mut store,
            span(1, id, 0, SpanKind::Server, 5),
            Class::Plain,
        );
    }
    let more = span(1, u64::MAX, 0, SpanKind::Server, 5);
    assert_eq!(
        insert(&mut store, more, Class::Plain),
        Inserted::Lost(Loss::TraceTooLarge)
    );
    let mut small = Store::new(64 << 10);
    let lost = (1..1_000)
        .map(|id| {
            insert(
                &mut small,
                span(1, id, 0, SpanKind::Server, 5),
                Class::Plain,
            )
        })
        .find(|inserted| matches!(inserted, Inserted::Lost(_)));
    assert_eq!(lost, Some(Inserted::Lost(Loss::TraceTooLarge)));
    assert!(small.used() <= 16 << 10);
    assert_eq!(small.used(), counted(&small));
}

#[test]
fn the_newest_come_first_whatever_their_class() {
    let mut store = Store::new(1 << 20);
    let classes = [Class::Error, Class::Plain, Class::Slow, Class::Plain];
    for (number, class) in (1..).zip(classes) {
        insert(&mut store, span(number, 1, 0, SpanKind::Server, 5), class);
    }
    let numbers: Vec<u64> = store.newest_first().map(|trace| trace.number).collect();
    assert_eq!(numbers, [3, 2, 1, 0]);
}

#[test]
fn a_trace_settles_once_for_each_time_that_spans_came() {
    let mut store = Store::new(1 << 20);
    insert(&mut store, span(1, 1, 0, SpanKind::Server, 5), Class::Plain);
    insert(&mut store, span(1, 2, 1, SpanKind::Client, 5), Class::Plain);
    assert!(store.next_settled(SETTLE_MS - 1).is_none());
    assert_eq!(
        store.next_settled(SETTLE_MS).map(|trace| trace.number),
        Some(0)
    );
    assert!(store.next_settled(SETTLE_MS).is_none());
    insert(&mut store, span(1, 3, 1, SpanKind::Client, 5), Class::Plain);
    assert!(store.next_settled(SETTLE_MS).is_some());
}

#[test]
fn a_line_tells_of_the_root() {
    let mut store = Store::new(1 << 20);
    insert(&mut store, span(1, 2, 1, SpanKind::Client, 3), Class::Plain);
    insert(
        &mut store,
        failed(span(1, 1, 99, SpanKind::Server, 5)),
        Class::Error,
    );
    let summary = store.trace(&trace_id(1)).unwrap().summary(|_| true);
    assert!(!summary.fragment);
    assert_eq!(summary.operation, "GET /2");
    assert_eq!((summary.spans, summary.errors), (2, 1));
    assert_eq!(summary.duration_ms, Milliseconds(5_000_000));
    assert_eq!(summary.services, ["cart"]);
}

#[test]
fn a_trace_that_begins_with_a_call_is_a_fragment() {
    let cases = [
        ("a call of a service", SpanKind::Client, 0, true, true),
        ("a message of a service", SpanKind::Producer, 0, true, true),
        (
            "a call of who only calls",
            SpanKind::Client,
            0,
            false,
            false,
        ),
        ("a request", SpanKind::Server, 0, true, false),
        (
            "a call whose parent is elsewhere",
            SpanKind::Client,
            99,
            true,
            false,
        ),
    ];
    for (name, kind, parent, serves, expected) in cases {
        let mut store = Store::new(1 << 20);
        insert(&mut store, span(1, 1, parent, kind, 5), Class::Plain);
        let summary = store.trace(&trace_id(1)).unwrap().summary(|service| {
            assert_eq!(service, "cart");
            serves
        });
        assert_eq!(summary.fragment, expected, "{name}");
    }
}
