//! One trace as OTLP.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, TracesData};
use prost::Message as _;

use crate::otlp::Origin;
use crate::store::{Trace, TraceId};

/// A trace-id of up to 32 hexadecimal digits; missing ones are zeros at the front, as Jaeger has it.
pub(crate) fn parse_id(text: &str) -> Option<TraceId> {
    let is_id = !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u128::from_str_radix(is_id.then_some(text)?, 16).ok()?;
    Some(number.to_be_bytes())
}

/// The spans grouped by resource and scope, in the order of their start.
pub(crate) fn export(trace: &Trace) -> TracesData {
    let mut spans: Vec<_> = trace.spans.iter().collect();
    spans.sort_by_key(|span| span.start);
    let mut data = TracesData::default();
    let mut places: Vec<(*const Origin, usize, usize)> = Vec::new();
    for span in spans {
        let address = std::sync::Arc::as_ptr(&span.origin);
        let place = places.iter().find(|(known, ..)| *known == address);
        let (resource, scope) = match place {
            Some((_, resource, scope)) => (*resource, *scope),
            None => {
                let (resource, scope) = add(&mut data, &places, &span.origin);
                places.push((address, resource, scope));
                (resource, scope)
            }
        };
        data.resource_spans[resource].scope_spans[scope]
            .spans
            .push(span.decode(&trace.id));
    }
    data
}

/// Adds a place for the spans of an origin.
fn add(
    data: &mut TracesData,
    places: &[(*const Origin, usize, usize)],
    origin: &Origin,
) -> (usize, usize) {
    let resource = Resource::decode(&*origin.resource).unwrap_or_default();
    let known = places.iter().map(|(_, place, _)| *place).find(|place| {
        let known = &data.resource_spans[*place];
        known.resource.as_ref() == Some(&resource) && *known.schema_url == *origin.resource_schema
    });
    let place = known.unwrap_or_else(|| {
        data.resource_spans.push(ResourceSpans {
            resource: Some(resource),
            scope_spans: Vec::new(),
            schema_url: origin.resource_schema.clone().into(),
        });
        data.resource_spans.len() - 1
    });
    let scopes = &mut data.resource_spans[place].scope_spans;
    scopes.push(ScopeSpans {
        scope: Some(InstrumentationScope::decode(&*origin.scope).unwrap_or_default()),
        spans: Vec::new(),
        schema_url: origin.scope_schema.clone().into(),
    });
    (place, scopes.len() - 1)
}
