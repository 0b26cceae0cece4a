//! The embedded trace view, which never keeps anybody waiting.

use std::sync::Arc;

use sonde_view::View;

use super::queue::Queue;

/// Hands batches over until the queue closes. What the view cannot take in is counted by the view.
pub(super) async fn run(queue: Arc<Queue>, view: View) {
    while let Some(batch) = queue.take().await {
        view.ingest(batch.body.clone(), batch.spans);
        queue.finish(&batch);
        queue.health().exported(batch.spans);
    }
}
