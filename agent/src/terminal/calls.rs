//! Traces that begin with a call.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, TracesData};
use opentelemetry_semantic_conventions::attribute::SERVICE_NAME;

/// Service of the call that a trace begins with; `None` if it begins with something else.
pub(super) fn first(data: &TracesData) -> Option<String> {
    let spans = data.resource_spans.iter().flat_map(|resource| {
        let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
        spans.map(move |span| (resource, span))
    });
    let roots = spans.filter(|(_, span)| span.parent_span_id.is_empty());
    let (resource, root) = roots.min_by_key(|(_, span)| span.start_time_unix_nano)?;
    is_call(root).then(|| service(resource)).flatten()
}

fn is_call(span: &Span) -> bool {
    matches!(span.kind(), SpanKind::Client | SpanKind::Producer)
}

fn service(resource: &ResourceSpans) -> Option<String> {
    let attributes = &resource.resource.as_ref()?.attributes;
    let name = attributes.iter().find(|one| one.key == SERVICE_NAME)?;
    match name.value.as_ref()?.value.as_ref()? {
        Value::StringValue(name) => Some(name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::ScopeSpans;

    fn spans(service: &str, spans: &[(SpanKind, &[u8], u64)]) -> ResourceSpans {
        let name = KeyValue {
            key: SERVICE_NAME.to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue(service.to_owned())),
            }),
            ..KeyValue::default()
        };
        let span = |(kind, parent, start): &(SpanKind, &[u8], u64)| Span {
            kind: (*kind).into(),
            parent_span_id: parent.to_vec(),
            start_time_unix_nano: *start,
            ..Span::default()
        };
        ResourceSpans {
            resource: Some(Resource {
                attributes: vec![name],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: spans.iter().map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }
    }

    #[test]
    fn the_first_of_those_without_a_parent() {
        let parent = &[1; 8][..];
        let data = |all: Vec<ResourceSpans>| TracesData {
            resource_spans: all,
        };
        let call = data(vec![
            spans("stock", &[(SpanKind::Server, parent, 2)]),
            spans("shop", &[(SpanKind::Client, &[], 1)]),
        ]);
        assert_eq!(first(&call).as_deref(), Some("shop"));
        let request = data(vec![
            spans(
                "shop",
                &[(SpanKind::Server, &[], 1), (SpanKind::Client, parent, 0)],
            ),
            spans("late", &[(SpanKind::Client, &[], 5)]),
        ]);
        assert_eq!(first(&request), None);
        assert_eq!(first(&data(Vec::new())), None);
    }
}
