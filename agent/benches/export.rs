//! What it costs to encode a span: our writer against opentelemetry-proto's messages and prost, minimum of N rounds.
//!
//! `cargo bench -p sonde --bench export`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as ProtoSpan};
use opentelemetry_semantic_conventions::attribute as key;
use prost::Message;
use sonde::export::bench_encoder;
use sonde::spans::{Kind, Resource, Span, SpanId, Status, TraceId, Value};

const SPANS: usize = 2_048;
const ROUNDS: usize = 200;

fn main() {
    let spans = spans();
    let mut encode = bench_encoder();
    let bytes = encode(&spans);
    println!(
        "{SPANS} spans of 4 processes, {} bytes a span",
        bytes / SPANS
    );
    report("written directly", || encode(black_box(&spans)));
    report("opentelemetry-proto and prost", || {
        with_prost(black_box(&spans))
    });
}

fn report(name: &str, mut round: impl FnMut() -> usize) {
    let nanos = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        black_box(round());
        start.elapsed().as_nanos()
    });
    let best = nanos.min().unwrap_or_default();
    println!("{name:<30} {:>6} ns/span", best / SPANS as u128);
}

/// The attributes of an HTTP server span.
fn spans() -> Vec<Span> {
    let resources = ["cart", "checkout", "catalog", "web"].map(|name| {
        let attributes = vec![(key::SERVICE_NAME, Value::Str(name.into()))];
        Arc::new(Resource {
            service_name: name.to_owned(),
            attributes,
        })
    });
    let span = |index: usize| Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId((index as u64).to_be_bytes()),
        parent_span_id: Some(SpanId([2; 8])),
        trace_flags: 1,
        parent_is_remote: true,
        trace_state: String::new(),
        link: None,
        kind: Kind::Server,
        name: "GET /products/{id}".to_owned(),
        start_unix_nanos: 1_700_000_000_000_000_000,
        end_unix_nanos: 1_700_000_000_000_900_000,
        status: Status::Unset,
        attributes: vec![
            (key::HTTP_REQUEST_METHOD, Value::Str("GET".into())),
            (key::HTTP_ROUTE, Value::Str("/products/{id}".into())),
            (key::HTTP_RESPONSE_STATUS_CODE, Value::Int(200)),
            (
                key::URL_PATH,
                Value::Str(format!("/products/{index}").into()),
            ),
            (key::URL_SCHEME, Value::Str("http".into())),
            (key::SERVER_ADDRESS, Value::Str("shop.example.com".into())),
            (key::SERVER_PORT, Value::Int(8_080)),
            (key::CLIENT_ADDRESS, Value::Str("10.1.2.3".into())),
            (key::NETWORK_PEER_ADDRESS, Value::Str("10.1.2.3".into())),
            (key::NETWORK_PEER_PORT, Value::Int(43_210)),
            (key::NETWORK_PROTOCOL_VERSION, Value::Str("1.1".into())),
            (
                key::USER_AGENT_ORIGINAL,
                Value::Str("Mozilla/5.0 (X11; Linux x86_64)".into()),
            ),
        ],
        resource: Arc::clone(&resources[index % resources.len()]),
    };
    (0..SPANS).map(span).collect()
}

fn with_prost(spans: &[Span]) -> usize {
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: spans.iter().map(message).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec().len()
}

fn message(span: &Span) -> ProtoSpan {
    ProtoSpan {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        parent_span_id: span
            .parent_span_id
            .map(|id| id.0.to_vec())
            .unwrap_or_default(),
        flags: 0x301,
        name: span.name.clone(),
        kind: 2,
        start_time_unix_nano: span.start_unix_nanos,
        end_time_unix_nano: span.end_unix_nanos,
        attributes: span
            .attributes
            .iter()
            .map(|(key, value)| key_value(key, value))
            .collect(),
        ..ProtoSpan::default()
    }
}

fn key_value(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Str(text) => ProtoValue::StringValue(text.to_string()),
        Value::Int(value) => ProtoValue::IntValue(*value),
        _ => unreachable!("the spans above have text and integers only"),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
