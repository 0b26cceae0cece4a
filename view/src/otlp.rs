//! From the bytes of an `ExportTraceServiceRequest` to spans that are safe to keep.
//!
//! The request is walked by its wire format and each span decoded alone, so that one broken span (a string that is no
//! UTF-8, a value of a megabyte, a nesting without end) costs itself at most and never the batch. A span that cannot be
//! decoded as it is, or is large, is rewritten by [`clean`] first.
//!
//! What it deliberately does not do: judge what attributes mean.

mod clean;
mod value;
mod wire;

pub(crate) use value::{attribute, hex, text};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use self::clean::{Kind, Loss, MAX_VALUE_BYTES};
use self::wire::{Field, fields};

/// Where spans come from, as encoded messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// `service.name`, or the name that Jaeger gives where it is missing.
    pub(crate) service: Box<str>,
    /// An encoded `Resource`.
    pub(crate) resource: Box<[u8]>,
    /// An encoded `InstrumentationScope`.
    pub(crate) scope: Box<[u8]>,
    /// `ResourceSpans.schema_url`.
    pub(crate) resource_schema: Box<str>,
    /// `ScopeSpans.schema_url`.
    pub(crate) scope_schema: Box<str>,
}

/// What a request held.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// Spans by origin, in the order they came.
    pub(crate) groups: Vec<(Origin, Vec<Span>)>,
    /// Spans that could not be read.
    pub(crate) malformed: u64,
    /// Values that were shortened, attributes, events and links that were left out.
    pub(crate) shortened: u64,
}

/// Reads a request as far as it can be read.
pub(crate) fn decode(request: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    for field in fields(request) {
        match field {
            Ok((1, Field::Bytes(resource_spans))) => decode_resource(resource_spans, &mut decoded),
            Ok(_) => {}
            Err(_) => decoded.malformed += 1,
        }
    }
    decoded
}

fn decode_resource(resource_spans: &[u8], decoded: &mut Decoded) {
    // Fields may come in any order, so the resource is looked for before the spans are read.
    let resource = message(resource_spans, Kind::Resource, decoded);
    let named = Origin {
        service: service_name(&resource),
        resource_schema: string(resource_spans, 3),
        resource,
        ..Origin::default()
    };
    for field in fields(resource_spans) {
        match field {
            Ok((2, Field::Bytes(scope_spans))) => decode_scope(scope_spans, &named, decoded),
            Ok(_) => {}
            Err(_) => decoded.malformed += 1,
        }
    }
}

fn decode_scope(scope_spans: &[u8], named: &Origin, decoded: &mut Decoded) {
    let origin = Origin {
        scope: message(scope_spans, Kind::Scope, decoded),
        scope_schema: string(scope_spans, 3),
        ..named.clone()
    };
    let mut spans = Vec::new();
    for field in fields(scope_spans) {
        match field {
            Ok((2, Field::Bytes(bytes))) => match span(bytes, decoded) {
                Some(span) => spans.push(span),
                None => decoded.malformed += 1,
            },
            Ok(_) => {}
            Err(_) => decoded.malformed += 1,
        }
    }
    if !spans.is_empty() {
        decoded.groups.push((origin, spans));
    }
}

/// A span whose ids are valid and which holds no more than it may.
fn span(bytes: &[u8], decoded: &mut Decoded) -> Option<Span> {
    let span = if bytes.len() <= MAX_VALUE_BYTES
        && let Ok(span) = Span::decode(bytes)
    {
        span
    } else {
        let (bytes, loss) = clean::rewrite(bytes, Kind::Span);
        let mut span = Span::decode(bytes.as_slice()).ok()?;
        decoded.shortened += loss.total();
        note(&mut span, loss);
        span
    };
    let valid = span.trace_id.len() == 16
        && span.span_id.len() == 8
        && span.trace_id.iter().any(|byte| *byte != 0)
        && span.span_id.iter().any(|byte| *byte != 0);
    valid.then_some(span)
}

/// The counts that OTLP has for what was left out.
fn note(span: &mut Span, loss: Loss) {
    let add = |count: &mut u32, more: u64| {
        *count = count.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
    };
    add(&mut span.dropped_attributes_count, loss.attributes);
    add(&mut span.dropped_events_count, loss.events);
    add(&mut span.dropped_links_count, loss.links);
}

/// Field 1 of a message, cleaned.
fn message(bytes: &[u8], kind: Kind, decoded: &mut Decoded) -> Box<[u8]> {
    let found = fields(bytes).find_map(|field| match field {
        Ok((1, Field::Bytes(bytes))) => Some(bytes),
        _ => None,
    });
    let (bytes, loss) = clean::rewrite(found.unwrap_or_default(), kind);
    decoded.shortened += loss.total();
    bytes.into()
}

fn string(bytes: &[u8], number: u32) -> Box<str> {
    let found = fields(bytes).find_map(|field| match field {
        Ok((found, Field::Bytes(bytes))) if found == number => Some(bytes),
        _ => None,
    });
    clean::shorten(found.unwrap_or_default(), 1024)
        .0
        .into_owned()
        .into()
}

/// The words for odd names are Jaeger's.
fn service_name(resource: &[u8]) -> Box<str> {
    let resource = Resource::decode(resource).unwrap_or_default();
    let value = resource
        .attributes
        .iter()
        .find(|attribute| attribute.key == "service.name")
        .map(|attribute| attribute.value.as_ref().and_then(|any| any.value.as_ref()));
    match value {
        None => "missing-service-name".into(),
        Some(Some(Value::StringValue(name))) if name.is_empty() => "empty-service-name".into(),
        Some(Some(Value::StringValue(name))) => {
            clean::shorten(name.as_bytes(), MAX_NAME_BYTES).0.into()
        }
        Some(_) => "service-name-wrong-type".into(),
    }
}

/// Names of services and operations are shown in lists and are keys of indexes.
pub(crate) const MAX_NAME_BYTES: usize = 512;

/// Whether the bytes can be a message at all.
pub(crate) fn is_message(bytes: &[u8]) -> bool {
    fields(bytes).all(|field| field.is_ok())
}

/// Appends a field that is a message.
pub(crate) fn put_message(out: &mut Vec<u8>, number: u32, message: &[u8]) {
    wire::put(out, number, Field::Bytes(message));
}

/// Appends `ExportTraceServiceRequest.resource_spans`; `spans` are elements of `ScopeSpans.spans`.
pub(crate) fn put_resource_spans(out: &mut Vec<u8>, origin: &Origin, spans: &[u8]) {
    let mut scope_spans = Vec::with_capacity(spans.len() + origin.scope.len() + 32);
    put_message(&mut scope_spans, 1, &origin.scope);
    put_message(&mut scope_spans, 3, origin.scope_schema.as_bytes());
    scope_spans.extend_from_slice(spans);
    let mut resource_spans = Vec::with_capacity(scope_spans.len() + origin.resource.len() + 32);
    put_message(&mut resource_spans, 1, &origin.resource);
    put_message(&mut resource_spans, 3, origin.resource_schema.as_bytes());
    put_message(&mut resource_spans, 2, &scope_spans);
    put_message(out, 1, &resource_spans);
}

/// A name as it is kept.
pub(crate) fn name(text: &str) -> Box<str> {
    clean::shorten(text.as_bytes(), MAX_NAME_BYTES).0.into()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]
mod tests;
