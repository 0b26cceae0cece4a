//! Where spans go: OTLP over gRPC or HTTP, trees or OTLP JSON on stdout.
//!
//! The pipeline thread encodes each span once, into the open batch of `batch`; a full or one second old batch goes
//! to the `queue` of every exporter, which its own task empties. A backend that is down, slow or silent therefore
//! costs memory up to [`Options::queue_bytes`] an exporter, then the oldest spans, and never time of the pipeline.
//!
//! What it deliberately does not do: keep spans on disk, sample, or use the OpenTelemetry SDK's exporters, whose
//! spans come from its own tracer. Specification: <https://opentelemetry.io/docs/specs/otlp/>.

mod batch;
mod encode;
mod jsonl;
mod otlp;
mod output;
mod queue;
mod report;
mod settings;
mod stdout;
mod tree;
mod view;

pub(crate) use tree::{put_escaped, render as tree};

pub use otlp::{EXPORTER, Error as TransportError};
pub use settings::{Compression, Error as SettingsError, Otlp, OtlpFlags, OtlpSettings, Protocol};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use sonde_view::View;

use self::batch::{Batch, Batcher};
use self::queue::Queue;
use crate::health::{Health, Reason};
use crate::spans::Span;

/// One place where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exporter {
    /// An OTLP receiver.
    Otlp(Box<Otlp>),
    /// Trees for people on stdout.
    Stdout,
    /// OTLP JSON on stdout, one request a line.
    Jsonl,
    /// The embedded trace view.
    View(View),
}

/// How long to wait before a failed request is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub initial: Duration,
    /// The wait doubles with every failure up to this.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(500),
            max: Duration::from_secs(5),
        }
    }
}

/// What the operator wants of export, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where spans go; every one gets every span.
    pub exporters: Vec<Exporter>,
    /// Bytes of encoded spans that may wait for each exporter.
    pub queue_bytes: usize,
    /// Spans after which a batch is sent.
    pub batch_spans: usize,
    /// Time after which a batch is sent however few spans are in it.
    pub batch_interval: Duration,
    /// Waits between tries.
    pub backoff: Backoff,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            exporters: vec![Exporter::Otlp(Box::default())],
            queue_bytes: 64 << 20,
            batch_spans: 2_048,
            batch_interval: Duration::from_secs(1),
            backoff: Backoff::default(),
        }
    }
}

/// The running exporters.
pub struct Exporters {
    shared: Arc<Shared>,
    sealer: JoinHandle<()>,
    tasks: JoinSet<()>,
}

/// What the pipeline thread and the task that closes old batches share.
struct Shared {
    batcher: Mutex<Batcher>,
    queues: Vec<Arc<Queue>>,
}

impl Exporters {
    /// Starts the exporters on the runtime of `handle`. Connects to nothing yet: a backend that is down is no error.
    ///
    /// # Errors
    /// When a certificate or key cannot be read, or an endpoint or header cannot be used.
    pub fn start(
        options: &Options,
        health: &Health,
        handle: &Handle,
    ) -> Result<Self, TransportError> {
        let _context = handle.enter();
        let mut tasks = JoinSet::new();
        let mut queues = Vec::with_capacity(options.exporters.len());
        for exporter in &options.exporters {
            let queue = Arc::new(Queue::new(
                options.queue_bytes,
                health.exporter(exporter.name()),
            ));
            exporter.spawn(&queue, options.backoff, &mut tasks)?;
            queues.push(queue);
        }
        let shared = Arc::new(Shared {
            batcher: Mutex::new(Batcher::new(options.batch_spans)),
            queues,
        });
        let sealer = tokio::spawn(seal_regularly(Arc::clone(&shared), options.batch_interval));
        Ok(Self {
            shared,
            sealer,
            tasks,
        })
    }

    /// Hands over finished spans. Never waits for a backend; to be called by the thread that makes the spans.
    pub fn send(&self, spans: Vec<Span>) {
        let mut batcher = self.shared.batcher();
        for span in spans {
            if let Some(batch) = batcher.add(&span) {
                self.shared.push(batch);
            }
        }
    }

    /// Sends what is left and ends the exporters; what could not be sent after `timeout` is dropped and counted.
    /// Returns the number of spans dropped so, over all exporters.
    pub async fn shutdown(mut self, timeout: Duration) -> usize {
        self.sealer.abort();
        self.shared.seal();
        for queue in &self.shared.queues {
            queue.close();
        }
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(timeout, all_ended).await.is_err() {
            tracing::warn!(?timeout, "gave up sending the last spans");
            self.tasks.shutdown().await;
        }
        self.shared
            .queues
            .iter()
            .map(|queue| queue.abandon(Reason::Shutdown))
            .sum()
    }
}

impl Drop for Exporters {
    fn drop(&mut self) {
        self.sealer.abort();
    }
}

impl Shared {
    fn batcher(&self) -> MutexGuard<'_, Batcher> {
        // A panic while a span was encoded leaves at most that span malformed; exporting goes on.
        self.batcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the open batch. The lock is held over the push, so that batches keep their order.
    fn seal(&self) {
        let mut batcher = self.batcher();
        if let Some(batch) = batcher.seal() {
            self.push(batch);
        }
    }

    fn push(&self, batch: Batch) {
        for queue in &self.queues {
            queue.push(batch.clone());
        }
    }
}

async fn seal_regularly(shared: Arc<Shared>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        shared.seal();
    }
}

impl Exporter {
    /// The value of the label `exporter` of its metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Otlp(_) => "otlp",
            Self::Stdout => "stdout",
            Self::Jsonl => "jsonl",
            Self::View(_) => "view",
        }
    }

    fn spawn(
        &self,
        queue: &Arc<Queue>,
        backoff: Backoff,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), TransportError> {
        match self {
            Self::Otlp(settings) => otlp::spawn(settings, queue, backoff, tasks)?,
            Self::Stdout => {
                let style = tree::Style::of_stdout();
                tasks.spawn(stdout::run(
                    Arc::clone(queue),
                    output::Output::new(std::io::stdout()),
                    style,
                ));
            }
            Self::Jsonl => {
                tasks.spawn(jsonl::run(
                    Arc::clone(queue),
                    output::Output::new(std::io::stdout()),
                ));
            }
            Self::View(view) => {
                tasks.spawn(view::run(Arc::clone(queue), view.clone()));
            }
        }
        Ok(())
    }
}

/// For `benches/export.rs`: encodes spans as one batch, with the buffers of the last one, and returns its size.
#[doc(hidden)]
pub fn bench_encoder() -> impl FnMut(&[Span]) -> usize {
    let mut batcher = Batcher::new(usize::MAX);
    move |spans| {
        let full: usize = spans
            .iter()
            .filter_map(|span| batcher.add(span))
            .map(|batch| batch.body.len())
            .sum();
        full + batcher.seal().map_or(0, |batch| batch.body.len())
    }
}

#[cfg(test)]
mod tests;
