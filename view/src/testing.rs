//! Spans for tests.

#![allow(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

/// A time of which tests are independent: 2023-11-14.
pub(crate) const BEGIN: u64 = 1_700_000_000_000_000_000;
pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn trace_id(number: u64) -> [u8; 16] {
    (u128::from(number) << 64 | u128::from(number)).to_be_bytes()
}

/// Span `id` of trace `trace` below `parent`, which takes `millis`; its status is unset.
pub(crate) fn span(trace: u64, id: u64, parent: u64, kind: SpanKind, millis: u64) -> Span {
    Span {
        trace_id: trace_id(trace).to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 {
            Vec::new()
        } else {
            parent.to_be_bytes().to_vec()
        },
        name: format!("GET /{}", kind as i32),
        kind: kind as i32,
        start_time_unix_nano: BEGIN,
        end_time_unix_nano: BEGIN + millis * MS,
        ..Span::default()
    }
}

pub(crate) fn failed(mut span: Span) -> Span {
    span.status = Some(Status {
        message: "it broke".to_owned(),
        code: 2,
    });
    span
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

/// A request with the spans of one service.
pub(crate) fn request(service: &str, spans: Vec<Span>) -> Vec<u8> {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", service), text("host.name", "node-1")],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "sonde".to_owned(),
                    version: "1".to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
    .encode_to_vec()
}

/// A view that has taken these requests in.
pub(crate) fn view(requests: impl IntoIterator<Item = Vec<u8>>) -> crate::View {
    let view = crate::View::start(&crate::Options::default()).unwrap();
    for request in requests {
        view.ingest(Bytes::from(request), 1);
    }
    view.drain();
    view
}
