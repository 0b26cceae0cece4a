//! Requests to an OTLP receiver: a few in flight, repeated while that can help.
//!
//! What failed goes back to the front of the queue, so that an outage is bridged by the queue and by nothing else:
//! there is no limit of tries, and what the queue cannot hold is dropped oldest first.
//! Rules: <https://opentelemetry.io/docs/specs/otlp/#failures>, for both transports.

mod grpc;
mod http;
mod tls;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::batch::Batch;
use super::queue::Queue;
use super::report::Report;
use super::{Backoff, Otlp, Protocol};
use crate::health::{Outcome, Reason};

/// Requests in flight: with full batches enough for 40,000 spans/s at a round trip of 200 ms.
const IN_FLIGHT: usize = 4;

/// A receiver cannot make the agent wait longer than this between two tries.
const MAX_DELAY: Duration = Duration::from_secs(300);

macro_rules! exporter {
    () => {
        "Sonde-OTLP-Exporter-Rust/"
    };
}

/// How `User-Agent` begins: exporter and language.
pub const EXPORTER: &str = exporter!();
/// `User-Agent`, with the version.
const USER_AGENT: &str = concat!(exporter!(), env!("CARGO_PKG_VERSION"));

/// Why an exporter cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A PEM file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A PEM file does not hold what it should.
    #[error("{path} holds no usable {what}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// The system has no trusted certificates.
    #[error("the system has no trusted certificates; name a file of them for {endpoint}")]
    NoRoots {
        /// Where to.
        endpoint: String,
    },
    /// The TLS library refuses the settings.
    #[error("TLS settings for {endpoint} cannot be used: {problem}")]
    Tls {
        /// Where to.
        endpoint: String,
        /// The library's words.
        problem: String,
    },
    /// The endpoint cannot be used.
    #[error("cannot send to {endpoint}: {problem}")]
    Endpoint {
        /// Where to.
        endpoint: String,
        /// The library's words.
        problem: String,
    },
}

/// What became of a request.
#[derive(Debug)]
enum Answer {
    /// Accepted, except `rejected` spans; a message may be a mere warning.
    Accepted { rejected: usize, message: String },
    /// To be repeated, not before `after` when the receiver said so.
    Retry {
        after: Option<Duration>,
        problem: String,
    },
    /// Not to be repeated.
    Refused { problem: String },
}

impl Answer {
    /// An answer with a body.
    fn accepted(response: ExportTraceServiceResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self::Accepted {
            rejected: usize::try_from(partial.rejected_spans).unwrap_or(0),
            message: partial.error_message,
        }
    }

    const fn outcome(&self) -> Outcome {
        match self {
            Self::Accepted { rejected: 0, .. } => Outcome::Success,
            Self::Accepted { .. } => Outcome::Partial,
            Self::Retry { .. } => Outcome::Retry,
            Self::Refused { .. } => Outcome::Failure,
        }
    }
}

enum Transport {
    Grpc(Box<grpc::Client>),
    Http(Box<http::Client>),
}

impl Transport {
    fn new(settings: &Otlp) -> Result<Self, Error> {
        match settings.protocol {
            Protocol::Grpc => Ok(Self::Grpc(Box::new(grpc::Client::new(settings)?))),
            Protocol::HttpProtobuf => Ok(Self::Http(Box::new(http::Client::new(settings)?))),
        }
    }

    async fn export(&self, body: Bytes) -> Answer {
        match self {
            Self::Grpc(client) => client.export(body).await,
            Self::Http(client) => client.export(body).await,
        }
    }
}

/// One receiver, shared by the tasks that send to it.
struct Sender {
    queue: Arc<Queue>,
    transport: Transport,
    endpoint: String,
    timeout: Duration,
    backoff: Backoff,
    failures: Report,
    warnings: Report,
}

/// Starts the tasks that send what `queue` holds.
pub(super) fn spawn(
    settings: &Otlp,
    queue: &Arc<Queue>,
    backoff: Backoff,
    tasks: &mut JoinSet<()>,
) -> Result<(), Error> {
    let sender = Arc::new(Sender {
        queue: Arc::clone(queue),
        transport: Transport::new(settings)?,
        endpoint: settings.endpoint.clone(),
        timeout: settings.timeout,
        backoff,
        failures: Report::default(),
        warnings: Report::default(),
    });
    for _ in 0..IN_FLIGHT {
        let sender = Arc::clone(&sender);
        tasks.spawn(async move { sender.run().await });
    }
    Ok(())
}

impl Sender {
    async fn run(&self) {
        let mut failed = 0;
        while let Some(batch) = self.queue.take().await {
            let answer = self.request(&batch).await;
            let Some(after) = self.settle(batch, answer) else {
                failed = 0;
                continue;
            };
            let delay = after.map_or_else(
                || jittered(self.backoff.delay(failed)),
                |after| after.min(MAX_DELAY),
            );
            failed += 1;
            self.queue.pause(delay).await;
        }
    }

    async fn request(&self, batch: &Batch) -> Answer {
        let start = Instant::now();
        let request = tokio::time::timeout(self.timeout, self.transport.export(batch.body.clone()));
        let answer = request.await.unwrap_or_else(|_| Answer::Retry {
            after: None,
            problem: "no answer in time".to_owned(),
        });
        self.queue
            .health()
            .request(answer.outcome(), start.elapsed());
        answer
    }

    /// Counts what became of a batch; returns how long the receiver wants to be left alone when it goes back.
    fn settle(&self, batch: Batch, answer: Answer) -> Option<Option<Duration>> {
        match answer {
            Answer::Accepted { rejected, message } => {
                self.queue.finish(&batch);
                let rejected = rejected.min(batch.spans);
                self.queue.health().exported(batch.spans - rejected);
                self.queue.count_drop(rejected, Reason::Rejected);
                self.warn(&message);
                None
            }
            Answer::Refused { problem } => {
                self.queue.finish(&batch);
                self.queue.count_drop(batch.spans, Reason::Refused);
                self.fail(&problem, "request refused");
                None
            }
            Answer::Retry { after, problem } => {
                self.queue.put_back(batch);
                self.fail(&problem, "request failed, will be repeated");
                Some(after)
            }
        }
    }

    fn fail(&self, problem: &str, what: &str) {
        if let Some(times) = self.failures.add(1) {
            tracing::warn!(endpoint = self.endpoint, times, problem, "{what}");
        }
    }

    fn warn(&self, message: &str) {
        if !message.is_empty()
            && let Some(times) = self.warnings.add(1)
        {
            tracing::warn!(
                endpoint = self.endpoint,
                times,
                message,
                "the receiver says"
            );
        }
    }
}

impl Backoff {
    /// The wait after `failed` earlier failures in a row.
    fn delay(self, failed: u32) -> Duration {
        self.initial
            .saturating_mul(1_u32.checked_shl(failed).unwrap_or(u32::MAX))
            .min(self.max)
    }
}

/// Half to all of `delay`, so that agents cut off together do not come back together.
fn jittered(delay: Duration) -> Duration {
    // The standard library's keys for hash maps are the one source of randomness needed here.
    let random = RandomState::new().build_hasher().finish() % 1_000;
    delay.mul_f64(0.5 + random as f64 / 2_000.0)
}

/// An error with its causes, which is where hyper and tonic say what really happened.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
