use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue,
};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span as ProtoSpan, Status as ProtoStatus, span::Link as ProtoLink,
};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::export::batch::{Batcher, SCOPE_NAME, SCOPE_VERSION};
use crate::spans::{SpanId, TraceId};

fn any_value(value: ProtoValue) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn key_value((key, value): &Attribute) -> KeyValue {
    let value = match value {
        Value::Str(text) => ProtoValue::StringValue(text.to_string()),
        Value::Int(value) => ProtoValue::IntValue(*value),
        Value::Double(value) => ProtoValue::DoubleValue(*value),
        Value::Bool(value) => ProtoValue::BoolValue(*value),
        Value::StrArray(texts) => ProtoValue::ArrayValue(ArrayValue {
            values: texts
                .iter()
                .map(|text| any_value(ProtoValue::StringValue(text.clone())))
                .collect(),
        }),
    };
    KeyValue {
        key: (*key).to_owned(),
        value: Some(any_value(value)),
        ..KeyValue::default()
    }
}

/// The same span as opentelemetry-proto has it.
fn proto(span: &Span) -> ProtoSpan {
    let status = match &span.status {
        Status::Unset => None,
        Status::Error(message) => Some(ProtoStatus {
            message: message.to_string(),
            code: 2,
        }),
    };
    ProtoSpan {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        trace_state: span.trace_state.clone(),
        parent_span_id: span
            .parent_span_id
            .map(|id| id.0.to_vec())
            .unwrap_or_default(),
        flags: flags(span),
        name: span.name.clone(),
        kind: if span.kind == Kind::Server { 2 } else { 3 },
        start_time_unix_nano: span.start_unix_nanos,
        end_time_unix_nano: span.end_unix_nanos,
        attributes: span.attributes.iter().map(key_value).collect(),
        links: span.link.iter().map(proto_link).collect(),
        status,
        ..ProtoSpan::default()
    }
}

fn proto_link(link: &Link) -> ProtoLink {
    ProtoLink {
        trace_id: link.trace_id.0.to_vec(),
        span_id: link.span_id.0.to_vec(),
        trace_state: link.trace_state.clone(),
        flags: link.trace_flags.into(),
        ..ProtoLink::default()
    }
}

fn link() -> impl Strategy<Value = Option<Link>> {
    let fields = (
        any::<[u8; 16]>(),
        any::<[u8; 8]>(),
        any::<u8>(),
        "[a-z=]{0,9}",
    );
    prop::option::of(
        fields.prop_map(|(trace_id, span_id, trace_flags, trace_state)| Link {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            trace_flags,
            trace_state,
        }),
    )
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "\\PC{0,200}".prop_map(|text| Value::Str(text.into())),
        any_i64().prop_map(Value::Int),
        prop::num::f64::NORMAL.prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        prop::collection::vec("\\PC{0,20}", 0..4).prop_map(Value::StrArray),
    ]
}

fn any_i64() -> impl Strategy<Value = i64> {
    prop_oneof![proptest::num::i64::ANY, -200..200_i64]
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    prop::collection::vec(
        (
            prop::sample::select(vec!["", "a", "http.route", "url.full"]),
            value(),
        ),
        0..6,
    )
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Unset),
        "\\PC{0,10}".prop_map(|text| Status::Error(text.into()))
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (
        any::<[u8; 16]>(),
        any::<[u8; 8]>(),
        any::<Option<[u8; 8]>>(),
        any::<u8>(),
        any::<bool>(),
    );
    // The last strings of the range make the length of a span take three bytes.
    let text = (
        "[a-z=]{0,30}",
        prop_oneof!["[a-z ]{0,20}", "x{0,3}", "y{17000,17001}"],
    );
    let rest = (
        any::<bool>(),
        any::<u64>(),
        any::<u64>(),
        status(),
        attributes(),
        link(),
    );
    (ids, text, rest).prop_map(
        |(ids, (trace_state, name), (is_server, start, end, status, attributes, link))| Span {
            trace_id: TraceId(ids.0),
            span_id: SpanId(ids.1),
            parent_span_id: ids.2.map(SpanId),
            trace_flags: ids.3,
            parent_is_remote: ids.4,
            trace_state,
            link,
            kind: if is_server {
                Kind::Server
            } else {
                Kind::Client
            },
            name,
            start_unix_nanos: start,
            end_unix_nanos: end,
            status,
            attributes,
            resource: Arc::default(),
        },
    )
}

proptest! {
    #[test]
    fn span_bytes_are_those_of_prost(span in span()) {
        let mut ours = Vec::new();
        span_field(&mut ours, &span);
        let scope = ScopeSpans { spans: vec![proto(&span)], ..ScopeSpans::default() };
        prop_assert_eq!(ours, scope.encode_to_vec());
    }

    #[test]
    fn request_bytes_are_those_of_prost(spans in prop::collection::vec(span(), 1..4), resources in prop::collection::vec(attributes(), 2)) {
        let resources: Vec<_> = resources
            .into_iter()
            .map(|attributes| Arc::new(Resource { service_name: String::new(), attributes }))
            .collect();
        let mut batcher = Batcher::new(usize::MAX);
        let mut expected = Vec::new();
        for resource in &resources {
            for span in &spans {
                batcher.add(&Span { resource: Arc::clone(resource), ..span.clone() });
            }
            expected.push(ResourceSpans {
                resource: Some(ProtoResource { attributes: resource.attributes.iter().map(key_value).collect(), ..ProtoResource::default() }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope { name: SCOPE_NAME.into(), version: SCOPE_VERSION.into(), ..InstrumentationScope::default() }),
                    spans: spans.iter().map(proto).collect(),
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            });
        }
        let batch = batcher.seal().unwrap();
        prop_assert_eq!(batch.spans, spans.len() * 2);
        prop_assert_eq!(&batch.body[..], &ExportTraceServiceRequest { resource_spans: expected }.encode_to_vec()[..]);
    }

    #[test]
    fn varint_len_is_what_varint_writes(value in any::<u64>(), shift in 0..64_u32) {
        let mut buf = Vec::new();
        varint(&mut buf, value >> shift);
        prop_assert_eq!(buf.len(), varint_len(value >> shift));
    }
}

#[test]
fn flag_bits() {
    let parent = Some(SpanId([1; 8]));
    for (parent_span_id, parent_is_remote, expected) in [
        (None, false, 0x01),
        (None, true, 0x01),
        (parent, false, 0x101),
        (parent, true, 0x301),
    ] {
        let base = crate::export::tests::span(1, &Arc::default());
        let span = Span {
            parent_span_id,
            parent_is_remote,
            trace_flags: 1,
            ..base
        };
        assert_eq!(
            flags(&span),
            expected,
            "{parent_span_id:?} {parent_is_remote}"
        );
    }
}
