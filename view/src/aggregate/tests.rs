use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::*;
use crate::otlp::Origin;
use crate::store::{Class, Store};
use crate::testing::{BEGIN, MS, failed, span, text, trace_id};

const NOW: u32 = (BEGIN / 1_000_000_000) as u32;

/// A store with one trace whose spans belong to these services.
fn trace(spans: &[(&str, Span)]) -> Store {
    let mut store = Store::new(1 << 20);
    for (service, span) in spans {
        let origin = store.origin(Origin {
            service: (*service).into(),
            ..Origin::default()
        });
        let operation = store.operation(Operation::of(span, &origin));
        store.insert(
            span.clone(),
            operation,
            Arc::clone(&origin),
            Class::Plain,
            0,
        );
        store.give_back_origin(origin);
    }
    store
}

/// Edges of a trace: client, server, external, requests, errors.
fn edges(aggregates: &Aggregates) -> Vec<(String, String, bool, u64, u64)> {
    aggregates
        .edges()
        .map(|(edge, series)| {
            let totals = series.totals(NOW, 60);
            (
                edge.client.to_string(),
                edge.server.to_string(),
                edge.external,
                totals.requests,
                totals.errors,
            )
        })
        .collect()
}

fn request(millis: u64) -> Request {
    Request {
        end: BEGIN,
        duration: millis * MS,
        error: false,
        is_root: true,
    }
}

fn operation(service: &str, kind: SpanKind) -> Operation {
    Operation {
        service: service.into(),
        name: "GET".into(),
        kind: kind as i32,
    }
}

#[test]
fn a_call_is_one_edge_whichever_end_comes_first() {
    let client = failed(span(1, 2, 1, SpanKind::Client, 9));
    let server = span(1, 3, 2, SpanKind::Server, 7);
    let mut database = span(1, 4, 3, SpanKind::Client, 2);
    database.attributes = vec![
        text("server.address", "10.0.0.1"),
        text("db.system.name", "postgresql"),
    ];
    let mut web = span(1, 5, 3, SpanKind::Client, 2);
    web.attributes = vec![
        text("server.address", "api.example"),
        text("server.port", "443"),
    ];
    let mut spans = [
        ("edge", span(1, 1, 0, SpanKind::Server, 10)),
        ("edge", client),
        ("orders", server),
        ("orders", database),
        ("orders", web),
    ];
    let expected = [
        ("edge".to_owned(), "orders".to_owned(), false, 1, 1),
        (
            "orders".to_owned(),
            "api.example:443".to_owned(),
            true,
            1,
            0,
        ),
        ("orders".to_owned(), "postgresql".to_owned(), true, 1, 0),
    ];
    for _ in 0..2 {
        let mut store = trace(&spans);
        let mut aggregates = Aggregates::new(1 << 20);
        let trace = store.next_settled(u64::MAX).unwrap();
        aggregates.record_edges(trace, NOW);
        aggregates.record_edges(trace, NOW);
        assert_eq!(edges(&aggregates), expected);
        spans.reverse();
    }
}

#[test]
fn a_service_that_hides_its_client_spans_has_an_edge_too() {
    let mut store = trace(&[
        ("edge", span(1, 1, 0, SpanKind::Server, 10)),
        ("stock", span(1, 2, 1, SpanKind::Server, 5)),
    ]);
    let mut aggregates = Aggregates::new(1 << 20);
    aggregates.record_edges(store.next_settled(u64::MAX).unwrap(), NOW);
    assert_eq!(
        edges(&aggregates),
        [("edge".to_owned(), "stock".to_owned(), false, 1, 0)]
    );
    assert!(
        store
            .trace(&trace_id(1))
            .unwrap()
            .spans
            .iter()
            .all(|span| span.counted)
    );
}

#[test]
fn requests_are_what_came_in() {
    let mut aggregates = Aggregates::new(1 << 20);
    aggregates.record(&operation("cart", SpanKind::Server), request(5), NOW);
    aggregates.record(&operation("cart", SpanKind::Client), request(3), NOW);
    aggregates.record(&operation("batch", SpanKind::Internal), request(7), NOW);
    aggregates.record(&operation("load", SpanKind::Client), request(7), NOW);
    let services: Vec<_> = aggregates
        .services()
        .map(|(name, series)| (name, series.totals(NOW, 60).requests))
        .collect();
    assert_eq!(services, [("batch", 1), ("cart", 1), ("load", 0)]);
    assert_eq!(aggregates.operations().count(), 4);
}

#[test]
fn the_window_slides_and_old_seconds_are_forgotten() {
    let mut aggregates = Aggregates::new(1 << 20);
    let served = operation("cart", SpanKind::Server);
    for second in 0..100 {
        let end = BEGIN + second * 1_000_000_000;
        aggregates.record(&served, Request { end, ..request(5) }, NOW + second as u32);
    }
    let now = NOW + 99;
    let requests = |aggregates: &Aggregates, window| {
        let (_, series) = aggregates.services().next().unwrap();
        series.totals(now, window).requests
    };
    assert_eq!(requests(&aggregates, 10), 10);
    assert_eq!(requests(&aggregates, 60), 60);
    assert_eq!(requests(&aggregates, 600), 100);
    aggregates.maintain(NOW + MAX_WINDOW + 50);
    assert_eq!(requests(&aggregates, 600), 50);
    aggregates.maintain(NOW + 2 * MAX_WINDOW);
    assert_eq!(aggregates.services().count(), 0);
    assert_eq!(aggregates.used(), 0);
}

#[test]
fn times_that_are_far_off_count_as_now() {
    let mut aggregates = Aggregates::new(1 << 20);
    let served = operation("cart", SpanKind::Server);
    for end in [
        0,
        BEGIN - 3_600_000_000_000,
        u64::MAX,
        BEGIN + 5_000_000_000,
    ] {
        aggregates.record(&served, Request { end, ..request(5) }, NOW);
    }
    let (_, series) = aggregates.services().next().unwrap();
    let points: Vec<_> = series.points(NOW, 60).collect();
    assert_eq!(points.len(), 1);
    assert_eq!((points[0].second, points[0].requests), (NOW, 4));
}

#[test]
fn the_slowest_twentieth_is_slow() {
    let mut aggregates = Aggregates::new(1 << 20);
    let served = operation("cart", SpanKind::Server);
    let slow = |aggregates: &mut Aggregates| -> usize {
        (1..=1_000)
            .filter(|millis| aggregates.record(&served, request(*millis), NOW))
            .count()
    };
    assert_eq!(slow(&mut aggregates), 0, "nothing is known yet");
    for second in 1..5 {
        aggregates.maintain(NOW + second);
    }
    let found = slow(&mut aggregates);
    assert!((20..=60).contains(&found), "{found}");
}

#[test]
fn memory_is_bounded_by_a_shorter_past() {
    let budget = 256 << 10;
    let mut aggregates = Aggregates::new(budget);
    for second in 0..300_u32 {
        for service in 0..50 {
            let served = operation(&format!("service-{service}"), SpanKind::Server);
            let end = BEGIN + u64::from(second) * 1_000_000_000;
            let millis = u64::from(second * 37 % 900 + service);
            aggregates.record(
                &served,
                Request {
                    end,
                    ..request(millis)
                },
                NOW + second,
            );
        }
        aggregates.maintain(NOW + second);
        assert!(aggregates.used() <= budget + budget / 8, "{second}");
    }
    assert_eq!(aggregates.services().count(), 50);
}

#[test]
fn the_number_of_keys_is_bounded() {
    let mut aggregates = Aggregates::new(64 << 20);
    for number in 0..3_000 {
        let served = operation(&format!("service-{number}"), SpanKind::Server);
        aggregates.record(&served, request(5), NOW);
    }
    assert_eq!(aggregates.services().count(), MAX_SERVICES);
    assert_eq!(aggregates.operations().count(), MAX_OPERATIONS);
}
