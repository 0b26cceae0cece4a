//! `sonde trace ID`: one trace as a tree.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::TracesData;

use super::calls;
use super::client::Client;
use super::format;
use super::model::{Overview, Service};
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
    let caller = calls::first(&data);
    let mut text = export::tree(ExportTraceServiceRequest {
        resource_spans: data.resource_spans,
    });
    if let Some(caller) = caller {
        let overview: Overview = client.get("/api/sonde/overview?window=600")?;
        let serves =
            |service: &&Service| service.name == caller && service.rates.requests_per_second > 0.0;
        if overview.services.iter().any(|service| serves(&service)) {
            let caller = format::escaped(&caller);
            let _ = writeln!(
                text,
                "cause not known: {caller} serves requests too, and which of them made this call was not certain"
            );
        }
    }
    Ok(text)
}
