//! The counters of the hot path, looked up once.

use prometheus_client::metrics::counter::Counter;
use sonde_protocols::Anomaly;

use crate::capture::Protocol;
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
    /// Exchanges whose connection was never announced.
    pub without_facts: Counter,
    /// Exchanges whose process is not known.
    pub without_process: Counter,
    anomalies: Vec<((Protocol, Anomaly), Counter)>,
}

impl Counters {
    /// Looks all of them up.
    #[must_use]
    pub fn new(health: &Health) -> Self {
        let anomaly = |protocol: Protocol, odd: Anomaly| {
            let counter = health.anomalies(protocol.as_str(), odd.as_str());
            ((protocol, odd), counter)
        };
        let anomalies =
            Protocol::ALL.map(|protocol| Anomaly::ALL.map(|odd| anomaly(protocol, odd)));
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
            without_facts: health.anomalies("agent", "exchange_without_connection"),
            without_process: health.anomalies("agent", "exchange_without_process"),
            anomalies: anomalies.into_iter().flatten().collect(),
        }
    }

    /// Counts something odd.
    pub fn odd(&self, protocol: Protocol, odd: Anomaly) {
        let wanted = (protocol, odd);
        if let Some((_, counter)) = self.anomalies.iter().find(|(known, _)| *known == wanted) {
            counter.inc();
        }
    }
}
