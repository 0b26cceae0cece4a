use opentelemetry_proto::tonic::common::v1::ArrayValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};

use super::*;
use crate::otlp::hex;
use crate::testing::{BEGIN, MS, attribute, failed, request, span, text, trace_id, view};

/// Numbers of the traces that match, the newest first.
fn found(query: Query) -> Vec<u64> {
    let mut first = span(1, 1, 0, SpanKind::Server, 10);
    first.attributes = vec![
        text("http.request.method", "GET"),
        attribute("http.response.status_code", Value::IntValue(200)),
        attribute("cached", Value::BoolValue(true)),
        attribute("ratio", Value::DoubleValue(0.5)),
        attribute(
            "tags",
            Value::ArrayValue(ArrayValue {
                values: vec![text("", "a").value.unwrap_or_default()],
            }),
        ),
    ];
    let mut second = failed(span(2, 1, 0, SpanKind::Server, 2_000));
    second.attributes = vec![text("http.response.status_code", "500")];
    second.events = vec![Event {
        name: "exception".to_owned(),
        attributes: vec![text("exception.type", "KeyError")],
        ..Event::default()
    }];
    let mut third = span(3, 1, 0, SpanKind::Client, 30);
    third.start_time_unix_nano += 60_000 * MS;
    third.end_time_unix_nano += 60_000 * MS;
    let view = view([
        request("cart", vec![first]),
        request("cart", vec![second]),
        request("orders", vec![third]),
    ]);
    let core = view.shared().read();
    find(&core.store, &query)
        .into_iter()
        .map(|trace| {
            let number = (1..=3).find(|number| trace_id(*number) == trace.id);
            number.unwrap_or_else(|| panic!("{}", hex(&trace.id)))
        })
        .collect()
}

fn all() -> Query {
    Query {
        limit: 10,
        ..Query::default()
    }
}

#[test]
fn conditions_on_the_index() {
    let cases: [(Query, &[u64]); 11] = [
        (all(), &[3, 2, 1]),
        (Query { limit: 2, ..all() }, &[3, 2]),
        (
            Query {
                service: Some("cart".to_owned()),
                ..all()
            },
            &[2, 1],
        ),
        (
            Query {
                service: Some("car".to_owned()),
                ..all()
            },
            &[],
        ),
        (
            Query {
                operation: Some("GET /3".to_owned()),
                ..all()
            },
            &[3],
        ),
        (
            Query {
                min_duration: 30 * MS,
                ..all()
            },
            &[3, 2],
        ),
        (
            Query {
                max_duration: Some(30 * MS),
                ..all()
            },
            &[3, 1],
        ),
        (
            Query {
                error: Some(true),
                ..all()
            },
            &[2],
        ),
        (
            Query {
                error: Some(false),
                ..all()
            },
            &[3, 1],
        ),
        (
            Query {
                start: BEGIN + MS,
                ..all()
            },
            &[3],
        ),
        (
            Query {
                end: Some(BEGIN + MS),
                ..all()
            },
            &[2, 1],
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(found(query.clone()), expected, "{query:?}");
    }
}

#[test]
fn attributes_by_their_text_whatever_their_type() {
    let cases: [(&str, &str, &[u64]); 12] = [
        ("http.request.method", "GET", &[1]),
        ("http.request.method", "GE", &[]),
        ("http.response.status_code", "200", &[1]),
        ("http.response.status_code", "500", &[2]),
        ("cached", "true", &[1]),
        ("cached", "false", &[]),
        ("ratio", "0.5", &[1]),
        ("tags", "[\"a\"]", &[1]),
        ("exception.type", "KeyError", &[2]),
        ("host.name", "node-1", &[3, 2, 1]),
        ("service.name", "orders", &[3]),
        ("missing", "", &[]),
    ];
    for (key, value, expected) in cases {
        let mut query = all();
        query.attributes = vec![vec![Attribute::new(key, value)]];
        assert_eq!(found(query), expected, "{key}={value}");
    }
    let mut both = all();
    both.attributes = vec![
        vec![Attribute::new("cached", "true")],
        vec![Attribute::new("host.name", "node-1")],
    ];
    assert_eq!(found(both), [1]);
}

#[test]
fn codes_of_http_and_of_the_status() {
    let cases: [(&str, &[u64]); 5] = [
        ("200", &[1]),
        ("500", &[2]),
        ("404", &[]),
        ("error", &[2]),
        ("ok", &[]),
    ];
    for (code, expected) in cases {
        let mut query = all();
        status(code, &mut query);
        assert_eq!(found(query), expected, "{code}");
    }
}
