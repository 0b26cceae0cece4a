//! The view's own API, below `/api/sonde`; `openapi.json` is its contract.

mod overview;
mod parameters;
mod status;
mod trace;

pub(crate) use overview::{operations, overview, window};
pub(crate) use parameters::{Parameters, Problem};
pub(crate) use status::status;
pub(crate) use trace::{export, parse_id};

use crate::search::{self, Query};
use crate::store::Summary;
use crate::view::Core;

/// Traces in one answer, and where nothing is said.
pub(crate) const MAX_LIMIT: usize = 1_500;
const DEFAULT_LIMIT: usize = 50;

/// `GET /api/sonde/search`.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Found {
    traces: Vec<Summary>,
}

/// The query of `GET /api/sonde/search`.
pub(crate) fn query(parameters: &Parameters) -> Result<Query, Problem> {
    let mut query = Query {
        service: parameters.text("service"),
        operation: parameters.text("operation"),
        min_duration: nanos(parameters.number("min_ms")?.unwrap_or(0.0)),
        max_duration: parameters.number("max_ms")?.map(nanos),
        error: parameters.boolean("errors")?.filter(|errors| *errors),
        start: nanos(parameters.number("start_ms")?.unwrap_or(0.0)),
        end: parameters.number("end_ms")?.map(nanos),
        limit: parameters
            .count("limit")?
            .unwrap_or(DEFAULT_LIMIT)
            .min(MAX_LIMIT),
        ..Query::default()
    };
    for pair in parameters.all("attribute") {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Problem::new("attribute", "is not key=value"))?;
        query
            .attributes
            .push(vec![search::Attribute::new(key, value)]);
    }
    if let Some(code) = parameters.text("status") {
        search::status(&code, &mut query);
    }
    Ok(query)
}

/// `GET /api/sonde/search`.
pub(crate) fn find(core: &Core, query: &Query) -> Found {
    let mut traces: Vec<Summary> = search::find(&core.store, query)
        .into_iter()
        .map(|trace| trace.summary(|service| core.aggregates.serves(service)))
        .collect();
    traces.sort_by_key(|trace| std::cmp::Reverse(trace.start_ms));
    Found { traces }
}

fn nanos(millis: f64) -> u64 {
    // A conversion of floats saturates.
    (millis.max(0.0) * 1e6) as u64
}
