use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::{BEGIN, MS, attribute, failed, request, span, text, trace_id, view};

fn shown(requests: impl IntoIterator<Item = Vec<u8>>, raw: bool) -> Json {
    let view = view(requests);
    let core = view.shared().read();
    serde_json::to_value(ui_trace(core.store.trace(&trace_id(1)).unwrap(), raw)).unwrap()
}

#[test]
fn a_span_in_full() {
    let mut sent = failed(span(1, 2, 9, SpanKind::Server, 5));
    sent.trace_state = "a=b".to_owned();
    sent.attributes = vec![
        text("z", "last"),
        attribute("big", Value::IntValue(1 << 60)),
        attribute("bytes", Value::BytesValue(vec![1, 2, 3])),
        attribute("number", Value::DoubleValue(1.5)),
        text("telemetry.sdk.name", "of the process"),
    ];
    sent.events = vec![Event {
        time_unix_nano: BEGIN + MS,
        name: "exception".to_owned(),
        attributes: vec![text("a", "b")],
        ..Event::default()
    }];
    let id = "00000000000000010000000000000001";
    let expected = json!({
        "traceID": id,
        "spans": [{
            "traceID": id,
            "spanID": "0000000000000002",
            "operationName": "GET /2",
            "references": [{"refType": "CHILD_OF", "traceID": id, "spanID": "0000000000000009"}],
            "startTime": BEGIN / 1_000,
            "duration": 5_000,
            "tags": [
                {"key": "big", "type": "int64", "value": "1152921504606846976"},
                {"key": "bytes", "type": "binary", "value": "AQID"},
                {"key": "error", "type": "bool", "value": true},
                {"key": "number", "type": "float64", "value": 1.5},
                {"key": "otel.scope.name", "type": "string", "value": "sonde"},
                {"key": "otel.scope.version", "type": "string", "value": "1"},
                {"key": "otel.status_code", "type": "string", "value": "ERROR"},
                {"key": "otel.status_description", "type": "string", "value": "it broke"},
                {"key": "span.kind", "type": "string", "value": "server"},
                {"key": "w3c.tracestate", "type": "string", "value": "a=b"},
                {"key": "z", "type": "string", "value": "last"},
            ],
            "logs": [{"timestamp": BEGIN / 1_000 + 1_000, "fields": [
                {"key": "event", "type": "string", "value": "exception"},
                {"key": "a", "type": "string", "value": "b"},
            ]}],
            "processID": "p1",
            "warnings": ["invalid parent span IDs=0000000000000009; skipping clock skew adjustment"],
        }],
        "processes": {"p1": {"serviceName": "cart", "tags": [
            {"key": "host.name", "type": "string", "value": "node-1"},
            {"key": "telemetry.sdk.name", "type": "string", "value": "of the process"},
        ]}},
        "warnings": null,
    });
    assert_eq!(shown([request("cart", vec![sent])], false), expected);
}

#[test]
fn references_to_parents_and_links() {
    let link = |trace: u64, id: u64, kind: Option<&str>| Link {
        trace_id: trace_id(trace).to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        attributes: kind
            .map(|kind| text("opentracing.ref_type", kind))
            .into_iter()
            .collect(),
        ..Link::default()
    };
    let mut child = span(1, 2, 1, SpanKind::Consumer, 3);
    child.links = vec![
        link(7, 7, None),
        link(1, 1, Some("child_of")),
        link(8, 8, Some("child_of")),
        link(0, 5, None),
    ];
    let trace = shown(
        [request(
            "cart",
            vec![span(1, 1, 0, SpanKind::Producer, 5), child],
        )],
        false,
    );
    let kinds: Vec<_> = trace["spans"][1]["references"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reference| (reference["refType"].clone(), reference["spanID"].clone()))
        .collect();
    let expected = [("CHILD_OF", 1_u64), ("FOLLOWS_FROM", 7), ("CHILD_OF", 8)]
        .map(|(kind, id)| (Json::from(kind), Json::from(format!("{id:016x}"))));
    assert_eq!(kinds, expected);
    let warning = trace["spans"][1]["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("Invalid span reference removed"),
        "{warning}"
    );
}

#[test]
fn clocks_that_differ_are_warned_of_unless_it_is_raw() {
    let mut child = span(1, 2, 1, SpanKind::Server, 2);
    child.start_time_unix_nano -= 10 * MS;
    child.end_time_unix_nano -= 10 * MS;
    let requests = || {
        [
            request("edge", vec![span(1, 1, 0, SpanKind::Client, 4)]),
            request("cart", vec![child.clone()]),
        ]
    };
    let warned = shown(requests(), false);
    assert_eq!(
        warned["spans"][0]["warnings"][0],
        "clock skew adjustment disabled; not applying calculated delta of 11ms"
    );
    assert_eq!(warned["spans"][0]["processID"], "p1");
    assert_eq!(warned["processes"]["p1"]["serviceName"], "cart");
    assert_eq!(shown(requests(), true)["spans"][0]["warnings"], Json::Null);
}

#[test]
fn lists_for_the_search_form() {
    let view = view([
        request(
            "cart",
            vec![
                span(1, 1, 0, SpanKind::Server, 4),
                span(1, 2, 1, SpanKind::Client, 3),
            ],
        ),
        request("orders", vec![span(1, 3, 2, SpanKind::Server, 2)]),
    ]);
    let core = view.shared().read();
    assert_eq!(
        services(&core.store).into_iter().collect::<Vec<_>>(),
        ["cart", "orders"]
    );
    let names: Vec<_> = operations(&core.store, "cart", Some("client"))
        .into_iter()
        .map(|operation| operation.name)
        .collect();
    assert_eq!(names, ["GET /3"]);
    let links = dependencies(&core.store, 0, u64::MAX);
    let links: Vec<_> = links
        .iter()
        .map(|link| (&*link.parent, &*link.child, link.call_count))
        .collect();
    assert_eq!(links, [("cart", "cart", 1), ("cart", "orders", 1)]);
    assert!(dependencies(&core.store, BEGIN, u64::MAX).is_empty());
    // A narrow window is counted trace by trace, and says the same.
    assert_eq!(
        dependencies(&core.store, BEGIN - 1, BEGIN + 4 * MS + 1),
        dependencies(&core.store, 0, u64::MAX)
    );
    assert!(dependencies(&core.store, 0, BEGIN + 4 * MS).is_empty());
}
