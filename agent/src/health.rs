//! What the agent counts about itself, in Prometheus form, and its health endpoints.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/> with the prefix `sonde_`; the text is OpenMetrics 1.0.
//! A handle ([`Counter`], [`Gauge`]) is a shared relaxed atomic: code on the hot path gets its handles once and never
//! looks one up. Totals that the kernel keeps (losses, BPF run time) are not counted here but copied, with the `set_`
//! methods, whenever somebody reads the maps.
//!
//! What it deliberately does not do: no global registry, no push, no history.

mod exporter;
mod readiness;
mod server;
mod view;

pub use exporter::{ExporterHealth, Outcome, Reason};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;
pub use readiness::Readiness;
pub use server::serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use crate::spans::Kind;

/// A counter of seconds.
type Seconds = Counter<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    hook: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnomalyLabels {
    protocol: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProgramLabel {
    program: String,
}

/// All that the agent counts. Cheap to share: put it in an `Arc`.
#[derive(Debug)]
pub struct Health {
    registry: Registry,
    /// Connections the agent follows now.
    pub connections: Gauge,
    /// Processes the agent instruments now.
    pub processes: Gauge,
    /// Processes that make spans of their own now.
    pub processes_with_own_spans: Gauge,
    spans_server: Counter,
    spans_client: Counter,
    records: Family<KindLabel, Counter>,
    losses: Family<LossLabels, Counter>,
    anomalies: Family<AnomalyLabels, Counter>,
    unexported: Family<ReasonLabel, Counter>,
    tracing_verdicts: Family<ReasonLabel, Counter>,
    program_runs: Family<ProgramLabel, Counter>,
    program_seconds: Family<ProgramLabel, Seconds>,
    exporters: exporter::Families,
    view: view::Families,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// Everything at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("sonde");
        let spans = Family::<KindLabel, Counter>::default();
        registry.register("spans", "Spans made, by span kind", spans.clone());
        let exporters = exporter::Families::register(&mut registry);
        Self {
            connections: registered(&mut registry, "connections", "Connections followed now"),
            processes: registered(&mut registry, "processes", "Processes instrumented now"),
            processes_with_own_spans: registered(
                &mut registry,
                "processes_with_own_spans",
                "Processes that make spans of their own now",
            ),
            spans_server: spans.get_or_create_owned(&KindLabel { kind: "server" }),
            spans_client: spans.get_or_create_owned(&KindLabel { kind: "client" }),
            records: registered(
                &mut registry,
                "records",
                "Records read from the kernel, by kind",
            ),
            losses: registered(
                &mut registry,
                "losses",
                "Things the kernel side could not record, by hook and reason",
            ),
            anomalies: registered(
                &mut registry,
                "anomalies",
                "Odd input the parsers met, by protocol and kind",
            ),
            unexported: registered(
                &mut registry,
                "exchanges_without_span",
                "Exchanges that no span was made for, by reason",
            ),
            tracing_verdicts: registered(
                &mut registry,
                "own_spans_verdicts",
                "Times that a process was found to make its own spans, or no longer to, by reason",
            ),
            program_runs: registered(&mut registry, "bpf_runs", "Runs of each BPF program"),
            program_seconds: with_seconds(&mut registry, "bpf_run", "Time each BPF program ran"),
            exporters,
            view: view::Families::default(),
            registry,
        }
    }

    /// The counter of spans of one kind; get it once.
    #[must_use]
    pub fn spans(&self, kind: Kind) -> Counter {
        match kind {
            Kind::Server => self.spans_server.clone(),
            Kind::Client => self.spans_client.clone(),
        }
    }

    /// The counter of records of one kind; get it once.
    #[must_use]
    pub fn records(&self, kind: &'static str) -> Counter {
        self.records.get_or_create_owned(&KindLabel { kind })
    }

    /// The counter of one anomaly of one protocol; get it once.
    #[must_use]
    pub fn anomalies(&self, protocol: &'static str, kind: &'static str) -> Counter {
        self.anomalies
            .get_or_create_owned(&AnomalyLabels { protocol, kind })
    }

    /// The counter of exchanges without a span for one reason; get it once.
    #[must_use]
    pub fn unexported(&self, reason: &'static str) -> Counter {
        self.unexported.get_or_create_owned(&ReasonLabel { reason })
    }

    /// The counter of verdicts on processes that make their own spans, of one reason; get it once.
    #[must_use]
    pub fn tracing_verdicts(&self, reason: &'static str) -> Counter {
        self.tracing_verdicts
            .get_or_create_owned(&ReasonLabel { reason })
    }

    /// Sets how often `hook` lost something for `reason` since the agent started.
    pub fn set_loss(&self, hook: &'static str, reason: &'static str, total: u64) {
        self.losses
            .get_or_create(&LossLabels { hook, reason })
            .inner()
            .store(total, Ordering::Relaxed);
    }

    /// Sets how often and how long a BPF program ran since it was loaded.
    pub fn set_program(&self, program: &str, runs: u64, run_time: Duration) {
        let label = ProgramLabel {
            program: program.to_owned(),
        };
        self.program_runs
            .get_or_create(&label)
            .inner()
            .store(runs, Ordering::Relaxed);
        let seconds = run_time.as_secs_f64().to_bits();
        self.program_seconds
            .get_or_create(&label)
            .inner()
            .store(seconds, Ordering::Relaxed);
    }

    /// The handles of one exporter; get them once.
    #[must_use]
    pub fn exporter(&self, name: &'static str) -> ExporterHealth {
        self.exporters.exporter(name)
    }

    /// Adds what the embedded trace view counts; to be called once, before the health is shared.
    pub fn watch_view(&mut self, counters: Arc<sonde_view::Counters>) {
        self.view = view::Families::register(&mut self.registry, counters);
    }

    /// Everything as OpenMetrics text, `# EOF` at its end.
    ///
    /// # Errors
    /// When a label cannot be formatted, which none of these does.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        self.view.copy();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn registered<M>(registry: &mut Registry, name: &str, help: &str) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

fn with_seconds<M>(registry: &mut Registry, name: &str, help: &str) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let metric = M::default();
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

#[cfg(test)]
mod tests;
