//! What is counted about each exporter.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the latency histogram, in seconds: from a collector beside the agent to the default time-out.
const LATENCY_BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// Why spans were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The queue was full, the oldest went.
    QueueFull,
    /// The backend refused the whole request for good.
    Refused,
    /// The backend accepted the request but not these spans (OTLP partial success).
    Rejected,
    /// Time was up while shutting down.
    Shutdown,
    /// Nobody reads the output any more.
    Closed,
}

impl Reason {
    const ALL: [Self; 5] = [
        Self::QueueFull,
        Self::Refused,
        Self::Rejected,
        Self::Shutdown,
        Self::Closed,
    ];

    /// The value of the label `reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Shutdown => "shutdown",
            Self::Closed => "closed",
        }
    }
}

/// How one request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Accepted.
    Success,
    /// Accepted in part.
    Partial,
    /// Failed, to be repeated.
    Retry,
    /// Failed for good.
    Failure,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Success, Self::Partial, Self::Retry, Self::Failure];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial_success",
            Self::Retry => "retry",
            Self::Failure => "failure",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExporterLabel {
    exporter: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    exporter: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    exporter: &'static str,
    reason: &'static str,
}

/// The metric families of all exporters.
#[derive(Debug)]
pub(super) struct Families {
    queue_bytes: Family<ExporterLabel, Gauge>,
    queue_spans: Family<ExporterLabel, Gauge>,
    exported: Family<ExporterLabel, Counter>,
    dropped: Family<ReasonLabels, Counter>,
    requests: Family<OutcomeLabels, Counter>,
    latency: Family<ExporterLabel, Histogram, fn() -> Histogram>,
}

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let latency = Family::new_with_constructor(latency_histogram as fn() -> Histogram);
        registry.register_with_unit(
            "export_request_duration",
            "Time from request to answer",
            Unit::Seconds,
            latency.clone(),
        );
        let queue_bytes = Family::default();
        registry.register_with_unit(
            "export_queue_size",
            "Encoded spans waiting or in flight",
            Unit::Bytes,
            Family::clone(&queue_bytes),
        );
        Self {
            queue_bytes,
            queue_spans: super::registered(
                registry,
                "export_queue_spans",
                "Spans waiting or in flight",
            ),
            exported: super::registered(registry, "exported_spans", "Spans delivered"),
            dropped: super::registered(
                registry,
                "dropped_spans",
                "Spans an exporter did not deliver, by reason",
            ),
            requests: super::registered(registry, "export_requests", "Export requests, by outcome"),
            latency,
        }
    }

    pub(super) fn exporter(&self, name: &'static str) -> ExporterHealth {
        let label = ExporterLabel { exporter: name };
        ExporterHealth {
            name,
            queue_bytes: self.queue_bytes.get_or_create_owned(&label),
            queue_spans: self.queue_spans.get_or_create_owned(&label),
            exported: self.exported.get_or_create_owned(&label),
            dropped: Reason::ALL.map(|reason| {
                self.dropped.get_or_create_owned(&ReasonLabels {
                    exporter: name,
                    reason: reason.as_str(),
                })
            }),
            requests: Outcome::ALL.map(|outcome| {
                self.requests.get_or_create_owned(&OutcomeLabels {
                    exporter: name,
                    outcome: outcome.as_str(),
                })
            }),
            latency: self.latency.get_or_create_owned(&label),
        }
    }
}

/// The handles of one exporter. Exporters of the same name share them.
#[derive(Clone, Debug)]
pub struct ExporterHealth {
    name: &'static str,
    queue_bytes: Gauge,
    queue_spans: Gauge,
    exported: Counter,
    /// In the order of [`Reason::ALL`].
    dropped: [Counter; Reason::ALL.len()],
    /// In the order of [`Outcome::ALL`].
    requests: [Counter; Outcome::ALL.len()],
    latency: Histogram,
}

impl ExporterHealth {
    /// The value of the label `exporter`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// `spans` spans in `bytes` bytes were queued.
    pub fn queued(&self, bytes: usize, spans: usize) {
        self.queue_bytes.inc_by(signed(bytes));
        self.queue_spans.inc_by(signed(spans));
    }

    /// They left the queue, whatever became of them.
    pub fn unqueued(&self, bytes: usize, spans: usize) {
        self.queue_bytes.dec_by(signed(bytes));
        self.queue_spans.dec_by(signed(spans));
    }

    /// Spans were delivered.
    pub fn exported(&self, spans: usize) {
        self.exported.inc_by(spans as u64);
    }

    /// Spans were dropped.
    pub fn dropped(&self, reason: Reason, spans: usize) {
        self.dropped[reason as usize].inc_by(spans as u64);
    }

    /// A request was answered, or its time ran out.
    pub fn request(&self, outcome: Outcome, latency: Duration) {
        self.requests[outcome as usize].inc();
        self.latency.observe(latency.as_secs_f64());
    }

    /// Spans waiting or in flight.
    #[must_use]
    pub fn queue_spans(&self) -> u64 {
        self.queue_spans.get().try_into().unwrap_or(0)
    }

    /// Bytes waiting or in flight.
    #[must_use]
    pub fn queue_bytes(&self) -> u64 {
        self.queue_bytes.get().try_into().unwrap_or(0)
    }

    /// Spans delivered since the start.
    #[must_use]
    pub fn exported_total(&self) -> u64 {
        self.exported.get()
    }

    /// Spans dropped for one reason since the start.
    #[must_use]
    pub fn dropped_total(&self, reason: Reason) -> u64 {
        self.dropped[reason as usize].get()
    }

    /// Spans dropped since the start.
    #[must_use]
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().map(Counter::get).sum()
    }

    /// Requests that ended so since the start.
    #[must_use]
    pub fn requests_total(&self, outcome: Outcome) -> u64 {
        self.requests[outcome as usize].get()
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
