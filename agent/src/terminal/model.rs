//! The parts of the view's answers that are shown. The names are those of its OpenAPI document.

use serde::{Deserialize, Serialize};

/// `GET /api/sonde/overview`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Overview {
    pub(super) window: u32,
    pub(super) services: Vec<Service>,
    pub(super) edges: Vec<Edge>,
}

/// Rate, errors, duration.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Rates {
    pub(super) requests_per_second: f64,
    pub(super) error_ratio: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
}

/// A service.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Service {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) rates: Rates,
    #[serde(default)]
    pub(super) series: Vec<Point>,
}

/// A second of a service.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Point {
    pub(super) requests: u64,
}

/// Who calls whom.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Edge {
    pub(super) client: String,
    pub(super) server: String,
    #[serde(flatten)]
    pub(super) rates: Rates,
}

/// `GET /api/sonde/search`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Found {
    pub(super) traces: Vec<Summary>,
}

/// A trace in a line.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Summary {
    pub(super) trace_id: String,
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) start_ms: u64,
    pub(super) duration_ms: f64,
    pub(super) spans: usize,
    pub(super) errors: usize,
    pub(super) services: Vec<String>,
    /// What caused the call that it begins with is not known.
    #[serde(default)]
    pub(super) fragment: bool,
}

/// `GET /api/sonde/status`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Status {
    pub(super) memory: Memory,
    pub(super) traces: u64,
    pub(super) spans: u64,
    pub(super) lost: std::collections::BTreeMap<String, u64>,
}

/// Bytes of the view.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Memory {
    pub(super) used: u64,
    pub(super) limit: u64,
}

/// An answer that says why there is none; the form is Jaeger's.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) errors: Vec<Fault>,
}

/// One reason.
#[derive(Debug, Deserialize)]
pub(super) struct Fault {
    pub(super) msg: String,
}
