//! Spans in Jaeger's model, by the rules of the Collector's translator (`traces_to_jaegerproto.go`) and of Jaeger's
//! sanitizers.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as OtlpSpan, Status};
use prost::Message as _;
use rustc_hash::FxHashMap;

use super::duration::time;
use super::model::{Log, Process, Reference, Span, Tag, TagValue};
use crate::otlp::{Origin, attribute, text};
use crate::store::{StoredSpan, Trace, TraceId};

/// The word for a span kind; empty for none.
pub(crate) fn kind(kind: i32) -> &'static str {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Internal) => "internal",
        Ok(SpanKind::Server) => "server",
        Ok(SpanKind::Client) => "client",
        Ok(SpanKind::Producer) => "producer",
        Ok(SpanKind::Consumer) => "consumer",
        Ok(SpanKind::Unspecified) | Err(_) => "",
    }
}

/// The spans of a trace by their start.
pub(super) fn spans(trace: &Trace) -> Vec<Span> {
    let mut stored: Vec<_> = trace.spans.iter().collect();
    stored.sort_by_key(|span| (span.start, span.id));
    let mut origins: FxHashMap<*const Origin, (Process, Vec<Tag>)> = FxHashMap::default();
    stored
        .into_iter()
        .map(|span| {
            let (process, scope) = origins
                .entry(std::sync::Arc::as_ptr(&span.origin))
                .or_insert_with(|| (process(&span.origin), scope_tags(&span.origin)));
            convert(&trace.id, span, process.clone(), scope)
        })
        .collect()
}

fn convert(trace: &TraceId, stored: &StoredSpan, process: Process, scope: &[Tag]) -> Span {
    let span = stored.rest();
    let mut warnings = Vec::new();
    let mut duration = stored.duration();
    if duration == 0 {
        duration = 1;
        warnings.push(format!(
            "Negative duration detected, sanitizing end timestamp. Original end timestamp: {}, adjusted to: {}",
            time(stored.end),
            time(stored.start.saturating_add(1)),
        ));
    }
    Span {
        trace_id: *trace,
        id: stored.id,
        operation: stored.operation.name.to_string(),
        references: references(trace, stored.parent, &span.links),
        start: stored.start,
        duration,
        tags: span_tags(&span, stored.operation.kind, scope),
        logs: span.events.iter().map(log).collect(),
        process,
        warnings,
    }
}

fn process(origin: &Origin) -> Process {
    let resource = Resource::decode(&*origin.resource).unwrap_or_default();
    let tags = resource
        .attributes
        .iter()
        .filter(|attribute| attribute.key != "service.name");
    Process {
        service: origin.service.to_string(),
        tags: tags.map(tag).collect(),
    }
}

fn scope_tags(origin: &Origin) -> Vec<Tag> {
    let scope = InstrumentationScope::decode(&*origin.scope).unwrap_or_default();
    [
        ("otel.scope.name", scope.name),
        ("otel.scope.version", scope.version),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| text_tag(key, value))
    .collect()
}

fn span_tags(span: &OtlpSpan, span_kind: i32, scope: &[Tag]) -> Vec<Tag> {
    let mut tags = scope.to_vec();
    tags.extend(span.attributes.iter().map(tag));
    let word = kind(span_kind);
    if !word.is_empty() {
        tags.push(text_tag("span.kind", word.to_owned()));
    }
    if let Some(status) = &span.status {
        tags.extend(status_tags(status));
    }
    if !span.trace_state.is_empty() {
        tags.push(text_tag("w3c.tracestate", span.trace_state.clone()));
    }
    tags
}

fn status_tags(status: &Status) -> Vec<Tag> {
    let mut tags = Vec::new();
    match StatusCode::try_from(status.code) {
        Ok(StatusCode::Ok) => tags.push(text_tag("otel.status_code", "OK".to_owned())),
        Ok(StatusCode::Error) => {
            tags.push(text_tag("otel.status_code", "ERROR".to_owned()));
            tags.push(Tag {
                key: "error".to_owned(),
                value: TagValue::Bool(true),
            });
        }
        Ok(StatusCode::Unset) | Err(_) => {}
    }
    if !status.message.is_empty() {
        tags.push(text_tag("otel.status_description", status.message.clone()));
    }
    tags
}

fn text_tag(key: &str, value: String) -> Tag {
    Tag {
        key: key.to_owned(),
        value: TagValue::Text(value),
    }
}

fn tag(attribute: &KeyValue) -> Tag {
    let any = attribute.value.as_ref();
    let value = match any.and_then(|any| any.value.as_ref()) {
        Some(Value::StringValue(text)) => TagValue::Text(text.clone()),
        Some(Value::BoolValue(boolean)) => TagValue::Bool(*boolean),
        Some(Value::IntValue(number)) => TagValue::Int(*number),
        Some(Value::DoubleValue(number)) => TagValue::Float(*number),
        Some(Value::BytesValue(bytes)) => TagValue::Binary(bytes.clone()),
        _ => TagValue::Text(any.map_or_else(String::new, text)),
    };
    Tag {
        key: attribute.key.clone(),
        value,
    }
}

fn log(event: &Event) -> Log {
    let mut fields = Vec::with_capacity(event.attributes.len() + 1);
    if !event.name.is_empty() && attribute(&event.attributes, "event").is_none() {
        fields.push(text_tag("event", event.name.clone()));
    }
    fields.extend(event.attributes.iter().map(tag));
    Log {
        time: event.time_unix_nano,
        fields,
    }
}

/// The parent first; a link to the parent says of which kind the reference is.
fn references(trace: &TraceId, parent: u64, links: &[Link]) -> Vec<Reference> {
    let mut references = Vec::with_capacity(links.len() + 1);
    if parent != 0 {
        references.push(Reference {
            follows: false,
            trace_id: *trace,
            span_id: parent,
        });
    }
    for link in links {
        let reference = reference(link);
        let is_parent = parent != 0 && reference.trace_id == *trace && reference.span_id == parent;
        if is_parent {
            references[0].follows = reference.follows;
        } else {
            references.push(reference);
        }
    }
    references
}

fn reference(link: &Link) -> Reference {
    let child_of = attribute(&link.attributes, "opentracing.ref_type")
        .is_some_and(|value| text(value) == "child_of");
    Reference {
        follows: !child_of,
        trace_id: TraceId::try_from(link.trace_id.as_slice()).unwrap_or_default(),
        span_id: link
            .span_id
            .as_slice()
            .try_into()
            .map_or(0, u64::from_be_bytes),
    }
}
