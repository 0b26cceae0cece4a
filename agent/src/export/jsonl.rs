//! OTLP JSON on stdout, one `ExportTraceServiceRequest` a line.
//!
//! Encoding: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>, by `opentelemetry-proto`'s serde
//! feature: lowerCamelCase names, ids in hex, 64-bit integers as strings, enums as numbers.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::output::{Output, log_end};
use super::queue::Queue;
use crate::health::Reason;

/// Writes batches until the queue closes or nobody reads.
pub(super) async fn run(queue: Arc<Queue>, output: Output) {
    while let Some(batch) = queue.take().await {
        let spans = batch.spans;
        let result = match line(&batch.body) {
            Ok(line) => output.write(line).await,
            Err(error) => Err(error),
        };
        queue.finish(&batch);
        match result {
            Ok(()) => queue.health().exported(spans),
            Err(error) => {
                log_end(queue.health().name(), &error);
                queue.count_drop(spans, Reason::Closed);
                queue.abandon(Reason::Closed);
                return;
            }
        }
    }
}

fn line(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let request = ExportTraceServiceRequest::decode(body).map_err(std::io::Error::other)?;
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::export::batch::Batcher;
    use crate::export::tests::{resource, span};

    #[test]
    fn a_line_is_otlp_json() {
        let mut batcher = Batcher::new(10);
        batcher.add(&span(1, &resource("cart")));
        let line = line(&batcher.seal().unwrap().body).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let json: Value = serde_json::from_slice(&line).unwrap();
        let span = json
            .pointer("/resourceSpans/0/scopeSpans/0/spans/0")
            .unwrap();
        for (key, value) in [
            ("traceId", Value::from("01010101010101010101010101010101")),
            ("spanId", Value::from("0000000000000001")),
            ("parentSpanId", Value::from("0202020202020202")),
            ("startTimeUnixNano", Value::from("1700000000000000001")),
            ("kind", Value::from(2)),
            ("flags", Value::from(0x301)),
        ] {
            assert_eq!(span[key], value, "{key}");
        }
        let status = span["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["key"] == "http.response.status_code");
        assert_eq!(status.unwrap()["value"]["intValue"], "200");
        assert_eq!(
            json.pointer("/resourceSpans/0/scopeSpans/0/scope/name")
                .unwrap(),
            "sonde"
        );
    }
}
