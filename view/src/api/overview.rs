//! Services and edges with their rates.

use serde::Serialize;

use super::{Parameters, Problem};
use crate::aggregate::{Edge, MAX_WINDOW, Totals};
use crate::store::Operation;
use crate::view::Core;

const DEFAULT_WINDOW: usize = 60;

/// `GET /api/sonde/overview`.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    /// Milliseconds since 1970.
    now: u64,
    /// Seconds.
    window: u32,
    services: Vec<ServiceRow>,
    edges: Vec<EdgeRow>,
}

/// Rate, errors, duration.
#[derive(Debug, Serialize)]
struct Rates {
    requests_per_second: f64,
    error_ratio: f64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ServiceRow {
    name: String,
    #[serde(flatten)]
    rates: Rates,
    series: Vec<PointRow>,
}

#[derive(Debug, Serialize)]
struct PointRow {
    /// Seconds since 1970.
    t: u32,
    requests: u32,
    errors: u32,
    p95_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct EdgeRow {
    client: String,
    server: String,
    external: bool,
    #[serde(flatten)]
    rates: Rates,
}

/// `GET /api/sonde/operations`.
#[derive(Debug, Serialize)]
pub(crate) struct Operations {
    now: u64,
    window: u32,
    operations: Vec<OperationRow>,
}

#[derive(Debug, Serialize)]
struct OperationRow {
    service: String,
    name: String,
    kind: &'static str,
    #[serde(flatten)]
    rates: Rates,
}

/// The parameter `window`, in seconds.
pub(crate) fn window(parameters: &Parameters) -> Result<u32, Problem> {
    let window = parameters.count("window")?.unwrap_or(DEFAULT_WINDOW);
    Ok(u32::try_from(window)
        .unwrap_or(MAX_WINDOW)
        .clamp(1, MAX_WINDOW))
}

/// The last `window` seconds.
pub(crate) fn overview(core: &Core, now_ms: u64, window: u32) -> Overview {
    let now = crate::view::seconds(now_ms);
    let age = core.aggregates.age(now);
    let services = core.aggregates.services().map(|(name, series)| ServiceRow {
        name: name.to_owned(),
        rates: Rates::of(&series.totals(now, window), age),
        series: series
            .points(now, window)
            .map(|point| PointRow {
                t: point.second,
                requests: point.requests,
                errors: point.errors,
                p95_ms: point.p95_ms.map(rounded),
            })
            .collect(),
    });
    let edges = core.aggregates.edges().filter_map(|(edge, series)| {
        let totals = series.totals(now, window);
        (totals.requests > 0).then(|| EdgeRow::of(edge, Rates::of(&totals, age)))
    });
    Overview {
        now: now_ms,
        window,
        services: services.collect(),
        edges: edges.collect(),
    }
}

/// Operations of one service, or of all, the busiest first.
pub(crate) fn operations(
    core: &Core,
    now_ms: u64,
    window: u32,
    service: Option<&str>,
) -> Operations {
    let now = crate::view::seconds(now_ms);
    let age = core.aggregates.age(now);
    let mut operations: Vec<OperationRow> = core
        .aggregates
        .operations()
        .filter(|(operation, _)| service.is_none_or(|service| *operation.service == *service))
        .map(|(operation, series)| {
            let rates = Rates::of(&series.totals(now, window), age);
            OperationRow::of(operation, rates)
        })
        .filter(|row| row.rates.requests_per_second > 0.0)
        .collect();
    operations.sort_by(|left, right| {
        let rate = |row: &OperationRow| row.rates.requests_per_second;
        rate(right)
            .total_cmp(&rate(left))
            .then_with(|| (&left.service, &left.name).cmp(&(&right.service, &right.name)))
    });
    Operations {
        now: now_ms,
        window,
        operations,
    }
}

impl Rates {
    /// A view that has just begun has seen less than a window.
    fn of(totals: &Totals, age: u32) -> Self {
        let requests = totals.requests as f64;
        Self {
            requests_per_second: requests / f64::from(totals.seconds.min(age).max(1)),
            error_ratio: if totals.requests == 0 {
                0.0
            } else {
                totals.errors as f64 / requests
            },
            p50_ms: totals.histogram.quantile_ms(0.5).map(rounded),
            p95_ms: totals.histogram.quantile_ms(0.95).map(rounded),
        }
    }
}

impl EdgeRow {
    fn of(edge: &Edge, rates: Rates) -> Self {
        Self {
            client: edge.client.to_string(),
            server: edge.server.to_string(),
            external: edge.external,
            rates,
        }
    }
}

impl OperationRow {
    fn of(operation: &Operation, rates: Rates) -> Self {
        Self {
            service: operation.service.to_string(),
            name: operation.name.to_string(),
            kind: crate::jaeger::kind(operation.kind),
            rates,
        }
    }
}

/// To a microsecond: more digits would claim more than the histogram knows.
fn rounded(millis: f64) -> f64 {
    (millis * 1e3).round() / 1e3
}
