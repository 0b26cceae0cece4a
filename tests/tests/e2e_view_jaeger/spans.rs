//! Spans with everything that OTLP can say, as OTLP JSON.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Services of the spans; one request has no name of its service.
pub(crate) const SERVICES: [&str; 4] = ["edge", "cart", "jobs", "missing-service-name"];

/// Searches that find something, or nothing; the window is added.
pub(crate) const QUERIES: [&str; 11] = [
    "service=edge&operation=GET%20%2Fcart",
    "service=edge&operation=nothing",
    "service=cart&minDuration=3ms",
    "service=cart&maxDuration=3ms",
    "service=cart&minDuration=1us&maxDuration=1h30m",
    "service=edge&tags=%7B%22http.response.status_code%22%3A%22500%22%7D",
    "service=edge&tag=http.request.method:GET",
    "service=edge&tag=http.request.method:GE",
    "service=jobs&tags=%7B%22exception.type%22%3A%22KeyError%22%2C%22host.name%22%3A%22node-1%22%7D",
    "service=jobs&tag=whole:2&tag=ratio:0.25&tag=flag:true",
    "service=nobody",
];

/// Nanoseconds since 1970; a minute ago, so that nothing lies in the future.
static BEGIN: LazyLock<u64> = LazyLock::new(|| {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    (now.as_secs() - 60) * 1_000_000_000 + 123_456_789
});

/// A time range around all spans.
pub(crate) fn window() -> String {
    let micros = *BEGIN / 1_000;
    format!("start={}&end={}", micros - 10_000_000, micros + 10_000_000)
}

/// After all spans.
pub(crate) fn end_ms() -> u64 {
    *BEGIN / 1_000_000 + 50_000
}

/// All trace-ids.
pub(crate) fn ids() -> Vec<String> {
    (1..=4).map(trace_id).collect()
}

/// Requests, in the order in which they are sent; traces are spread over them.
pub(crate) fn requests() -> Vec<Value> {
    vec![
        request(
            &json!([
                text("service.name", "edge"),
                text("host.name", "node-1"),
                int("process.pid", 17),
                text("ip", "10.0.0.1")
            ]),
            &[server(), client(), failing()],
        ),
        request(
            &json!([
                text("service.name", "cart"),
                text("host.name", "node-2"),
                text("ip", "10.0.0.2")
            ]),
            &[callee(), skewed(), orphan()],
        ),
        request(
            &json!([text("service.name", "jobs"), text("host.name", "node-1")]),
            &[all_types(), linked(), instant()],
        ),
        request(
            &json!([text("host.name", "node-3")]),
            &[span(3, 40, 1, 1, "unnamed", 0, 5)],
        ),
        request(
            &json!([text("service.name", "edge")]),
            &[span(1, 50, 11, 1, "late", 1, 2)],
        ),
    ]
}

fn trace_id(number: u64) -> String {
    // One begins with zeros, which Jaeger once left out.
    match number {
        4 => format!("{:032x}", 0x4444),
        number => format!("{number:x}{:031x}", 0xabc + number),
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn int(key: &str, value: i64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn request(resource: &Value, spans: &[Value]) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{
            "scope": {"name": "a scope", "version": "1.2", "attributes": [text("of.scope", "x")]},
            "spans": spans,
        }],
    }]})
}

/// Times are milliseconds after the beginning.
fn span(trace: u64, id: u64, parent: u64, kind: u64, name: &str, start: i64, end: i64) -> Value {
    let time = |millis: i64| BEGIN.saturating_add_signed(millis * 1_000_000).to_string();
    let parent = if parent == 0 {
        String::new()
    } else {
        format!("{parent:016x}")
    };
    json!({
        "traceId": trace_id(trace), "spanId": format!("{id:016x}"), "parentSpanId": parent,
        "name": name, "kind": kind, "flags": 0x101,
        "startTimeUnixNano": time(start), "endTimeUnixNano": time(end),
    })
}

fn with(mut span: Value, fields: &Value) -> Value {
    for (key, value) in fields.as_object().into_iter().flatten() {
        span[key] = value.clone();
    }
    span
}

fn server() -> Value {
    with(
        span(1, 10, 0, 2, "GET /cart", 0, 10),
        &json!({
            "attributes": [text("http.request.method", "GET"), int("http.response.status_code", 200), text("telemetry.sdk.language", "rust")],
            "traceState": "a=b,c=d",
            "status": {"code": 1},
        }),
    )
}

fn client() -> Value {
    with(
        span(1, 11, 10, 3, "GET", 1, 9),
        &json!({"attributes": [text("server.address", "cart.example"), int("server.port", 8080), int("peer.ipv4", 167_772_161)]}),
    )
}

fn failing() -> Value {
    with(
        span(2, 20, 0, 2, "GET /cart", 20, 30),
        &json!({
            "attributes": [text("http.request.method", "GET"), int("http.response.status_code", 500), text("error.type", "500")],
            "status": {"code": 2, "message": "it broke"},
        }),
    )
}

fn callee() -> Value {
    span(1, 12, 11, 2, "GET /cart", 2, 8)
}

/// On another host whose clock is behind.
fn skewed() -> Value {
    with(
        span(2, 21, 20, 2, "GET /behind", -5, -3),
        &json!({"events": [{"timeUnixNano": BEGIN.to_string(), "name": "seen"}]}),
    )
}

/// Its parent is not here.
fn orphan() -> Value {
    span(4, 0xff, 0xfe, 5, "take", 3, 7)
}

fn all_types() -> Value {
    with(
        span(3, 30, 0, 0, "types", 0, 100),
        &json!({
            "attributes": [
                text("zz", "last"), text("Aa", "first"), text("empty", ""), text("html", "<b>\u{1}\u{2028}\"</b>"),
                int("small", -5), int("safe", (1 << 53) - 1), int("large", 1 << 53), int("least", i64::MIN),
                {"key": "flag", "value": {"boolValue": true}},
                {"key": "ratio", "value": {"doubleValue": 0.25}},
                {"key": "whole", "value": {"doubleValue": 2.0}},
                {"key": "bytes", "value": {"bytesValue": "AQID/w=="}},
                {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}, {"boolValue": false}]}}},
                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}},
            ],
            "events": [
                {"timeUnixNano": BEGIN.to_string(), "name": "exception", "attributes": [text("exception.type", "KeyError"), text("a", "b")]},
                {"timeUnixNano": (*BEGIN + 5_000_000).to_string(), "name": "named otherwise", "attributes": [text("z", "1"), text("event", "own")]},
                {"timeUnixNano": (*BEGIN + 6_000_000).to_string(), "name": ""},
            ],
        }),
    )
}

fn linked() -> Value {
    let link = |trace: u64, id: u64, attributes: Value| json!({"traceId": trace_id(trace), "spanId": format!("{id:016x}"), "attributes": attributes});
    with(
        span(3, 31, 30, 4, "send", 10, 20),
        &json!({"links": [
            link(1, 10, json!([])),
            link(2, 20, json!([text("opentracing.ref_type", "child_of")])),
            link(3, 30, json!([text("opentracing.ref_type", "follows_from")])),
            link(3, 30, json!([text("opentracing.ref_type", "child_of")])),
        ]}),
    )
}

/// Takes no time at all.
fn instant() -> Value {
    span(3, 32, 30, 1, "instant", 15, 15)
}
