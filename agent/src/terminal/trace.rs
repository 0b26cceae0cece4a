//! `sonde trace ID`: one trace as a tree.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::TracesData;

use super::client::Client;
use crate::cli::{Failure, TraceArguments};
use crate::export;

/// The tree, or the trace as OTLP JSON.
///
/// # Errors
/// There is no agent to ask, or it does not hold that trace.
pub fn trace(arguments: &TraceArguments) -> Result<String, Failure> {
    let id = &arguments.id;
    let client = Client::new(&arguments.socket.path)?;
    let path = format!("/api/sonde/traces/{id}");
    if arguments.json {
        let bytes = client.bytes(&path)?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned() + "\n");
    }
    let data: TracesData = client.get(&path)?;
    Ok(export::tree(ExportTraceServiceRequest {
        resource_spans: data.resource_spans,
    }))
}
