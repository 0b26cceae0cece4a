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
        link: None,
        kind: Kind::Server,
        name: "GET /cart/{id}".to_owned(),
        start_unix_nanos: 1_700_000_000_000_000_000 + id,
        end_unix_nanos: 1_700_000_000_000_900_000 + id,
        status: Status::Unset,
        attributes: vec![(HTTP_RESPONSE_STATUS_CODE, Value::Int(200))],
        resource: Arc::clone(resource),
    }
}

/// A writer that fails as a pipe does whose reader is gone, once `lines` lines were written.
struct Pipe {
    lines: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl std::io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.lines == 0 {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.lines -= bytes.iter().filter(|byte| **byte == b'\n').count();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A queue with `count` batches of one span, closed.
fn filled_queue(count: u64) -> Arc<Queue> {
    let queue = Arc::new(Queue::new(1 << 20, Health::new().exporter("test")));
    let mut batcher = Batcher::new(1);
    for id in 0..count {
        queue.push(batcher.add(&span(id, &resource("a"))).unwrap());
    }
    queue.close();
    queue
}

#[tokio::test]
async fn jsonl_is_a_line_a_batch_and_ends_with_its_reader() {
    for (readable, exported, dropped) in [(10, 3, 0), (2, 2, 1), (0, 0, 3)] {
        let (queue, written) = (filled_queue(3), Arc::<Mutex<Vec<u8>>>::default());
        jsonl::run(
            Arc::clone(&queue),
            output::Output::new(Pipe {
                lines: readable,
                written: Arc::clone(&written),
            }),
        )
        .await;
        let health = queue.health();
        assert_eq!(
            (
                health.exported_total(),
                health.dropped_total(Reason::Closed)
            ),
            (exported, dropped),
            "{readable}"
        );
        assert_eq!((health.queue_spans(), health.queue_bytes()), (0, 0));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count() as u64, exported);
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

#[tokio::test]
async fn stdout_prints_what_has_not_settled_at_the_end() {
    let (queue, written) = (filled_queue(3), Arc::<Mutex<Vec<u8>>>::default());
    let pipe = Pipe {
        lines: usize::MAX,
        written: Arc::clone(&written),
    };
    stdout::run(
        Arc::clone(&queue),
        output::Output::new(pipe),
        tree::Style::Plain,
    )
    .await;
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert_eq!(queue.health().exported_total(), 3);
}

#[tokio::test]
async fn the_view_takes_every_batch_and_its_counts_are_metrics() {
    let view = View::start(&sonde_view::Options::default()).unwrap();
    let queue = filled_queue(3);
    view::run(Arc::clone(&queue), view.clone()).await;
    view.shutdown();
    assert_eq!(queue.health().exported_total(), 3);
    assert_eq!(
        (queue.health().queue_spans(), queue.health().queue_bytes()),
        (0, 0)
    );
    let mut health = Health::new();
    health.watch_view(view.counters());
    let text = health.text().unwrap();
    // Spans with the numbers 1 and 2; 0 is no span-id.
    for line in [
        "sonde_view_spans 2",
        "sonde_view_traces 1",
        "sonde_view_received_spans_total 2",
        "sonde_view_evicted_traces_total{class=\"error\"} 0",
        "sonde_view_lost_spans_total{reason=\"malformed\"} 1",
    ] {
        assert!(
            text.lines().any(|have| have == line),
            "no {line} in:\n{text}"
        );
    }
}

#[test]
fn a_batch_closes_by_spans_and_by_bytes_and_keeps_resources_apart() {
    let (a, b) = (resource("a"), resource("b"));
    let mut batcher = Batcher::new(3);
    assert!(batcher.add(&span(1, &a)).is_none());
    assert!(batcher.add(&span(2, &b)).is_none());
    assert_eq!(batcher.add(&span(3, &a)).unwrap().spans, 3);
    assert!(batcher.seal().is_none());

    let large = Span {
        name: "x".repeat(batch::MAX_BYTES / 2),
        ..span(1, &a)
    };
    let mut batcher = Batcher::new(100);
    assert!(batcher.add(&large).is_none());
    let batch = batcher.add(&large).unwrap();
    assert_eq!(batch.spans, 2);
    assert!(batch.body.len() < 4 << 20);
}
