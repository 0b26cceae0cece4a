use std::sync::Arc;

use opentelemetry_semantic_conventions::attribute::{HTTP_RESPONSE_STATUS_CODE, SERVICE_NAME};

use super::*;
use crate::spans::{Kind, Resource, SpanId, Status, TraceId, Value};

/// A resource as a process has it.
pub(super) fn resource(service: &str) -> Arc<Resource> {
    let attributes = vec![(SERVICE_NAME, Value::Str(service.to_owned().into()))];
    Arc::new(Resource {
        service_name: service.to_owned(),
        attributes,
    })
}

/// A span whose id and times have the number `id` in them.
pub(super) fn span(id: u64, resource: &Arc<Resource>) -> Span {
    Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId(id.to_be_bytes()),
        parent_span_id: Some(SpanId([2; 8])),
        trace_flags: 1,
        parent_is_remote: true,
        trace_state: "a=b".to_owned(),
        kind: Kind::Server,
        name: "GET /cart/{id}".to_owned(),
        start_unix_nanos: 1_700_000_000_000_000_000 + id,
        end_unix_nanos: 1_700_000_000_000_900_000 + id,
        status: Status::Unset,
        attributes: vec![(HTTP_RESPONSE_STATUS_CODE, Value::Int(200))],
        resource: Arc::clone(resource),
    }
}
