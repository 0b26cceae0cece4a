//! The counters of the hot path, looked up once.

use prometheus_client::metrics::counter::Counter;
use sonde_protocols::Anomaly;

use crate::health::Health;
use crate::spans::Kind;

/// Handles to counters; incrementing one is a relaxed atomic addition.
pub struct Counters {
    /// Data records.
    pub data: Counter,
    /// Open records.
    pub open: Counter,
    /// Closed records.
    pub closed: Counter,
    /// Exec records.
    pub exec: Counter,
    /// Exit records.
    pub exit: Counter,
    /// Accepted records.
    pub accepted: Counter,
    /// Records of no known kind.
    pub unknown: Counter,
    /// SERVER spans.
    pub server: Counter,
    /// CLIENT spans.
    pub client: Counter,
    /// Exchanges of traces that are not sampled.
    pub not_sampled: Counter,
    /// Exchanges of processes that make their own spans.
    pub own_spans: Counter,
    /// Exchanges whose connection was never announced.
    pub without_facts: Counter,
    /// Exchanges whose process is not known.
    pub without_process: Counter,
    anomalies: Vec<(Anomaly, Counter)>,
}

impl Counters {
    /// Looks all of them up.
    #[must_use]
    pub fn new(health: &Health) -> Self {
        let anomaly = |odd: Anomaly| (odd, health.anomalies("http1", odd.as_str()));
        Self {
            data: health.records("data"),
            open: health.records("open"),
            closed: health.records("closed"),
            exec: health.records("exec"),
            exit: health.records("exit"),
            accepted: health.records("accepted"),
            unknown: health.records("unknown"),
            server: health.spans(Kind::Server),
            client: health.spans(Kind::Client),
            not_sampled: health.unexported("not_sampled"),
            own_spans: health.unexported("traced_by_sdk"),
            without_facts: health.anomalies("agent", "exchange_without_connection"),
            without_process: health.anomalies("agent", "exchange_without_process"),
            anomalies: Anomaly::ALL.map(anomaly).into(),
        }
    }

    /// Counts something odd.
    pub fn odd(&self, odd: Anomaly) {
        if let Some((_, counter)) = self.anomalies.iter().find(|(known, _)| *known == odd) {
            counter.inc();
        }
    }
}
