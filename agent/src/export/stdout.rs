//! Trees for people on stdout.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::output::{Output, log_end};
use super::queue::Queue;
use super::tree::{Forest, Style};
use crate::health::Reason;

/// How often traces that have settled are looked for.
const LOOK: Duration = Duration::from_millis(250);

/// Writes traces as they settle until the queue closes or nobody reads.
pub(super) async fn run(queue: Arc<Queue>, output: Output, style: Style) {
    let mut forest = Forest::default();
    loop {
        let open = tokio::select! {
            batch = queue.take() => {
                let Some(batch) = batch else { break };
                if let Ok(request) = ExportTraceServiceRequest::decode(batch.body.clone()) {
                    forest.add(request, Instant::now());
                }
                queue.finish(&batch);
                queue.health().exported(batch.spans);
                true
            }
            () = tokio::time::sleep(LOOK), if !forest.is_empty() => true,
        };
        let text = forest.settled(Instant::now(), style);
        if open && !write(&queue, &output, text).await {
            return;
        }
    }
    write(&queue, &output, forest.all(style)).await;
}

async fn write(queue: &Queue, output: &Output, text: String) -> bool {
    if text.is_empty() {
        return true;
    }
    match output.write(text.into_bytes()).await {
        Ok(()) => true,
        Err(error) => {
            log_end(queue.health().name(), &error);
            queue.abandon(Reason::Closed);
            false
        }
    }
}
