//! The parameters of Jaeger's query API (`query_parser.go` there).

use serde_json::Value;

use super::duration;
use crate::api::{MAX_LIMIT, Parameters, Problem, parse_id};
use crate::search::{Attribute, Query};
use crate::store::TraceId;

const DEFAULT_LIMIT: usize = 100;
const DAY_MS: u64 = 86_400_000;

/// The traces that `/api/traces?traceID=…` names.
pub(crate) fn trace_ids(parameters: &Parameters) -> Result<Vec<TraceId>, Problem> {
    parameters
        .all("traceID")
        .map(|id| parse_id(id).ok_or_else(|| Problem::new("traceID", "is not a trace-id")))
        .collect()
}

/// What `/api/traces` looks for.
pub(crate) fn query(parameters: &Parameters, now_ms: u64) -> Result<Query, Problem> {
    let service = parameters
        .text("service")
        .ok_or_else(|| Problem::new("service", "is required"))?;
    let micros = |name: &str, default_ms: u64| {
        let given = parameters.integer(name)?;
        let nanos = given.map(|micros| u64::try_from(micros).unwrap_or(0).saturating_mul(1_000));
        Ok(nanos.unwrap_or(default_ms * 1_000_000))
    };
    let min_duration = span_duration(parameters, "minDuration")?.unwrap_or(0);
    let max_duration = span_duration(parameters, "maxDuration")?.filter(|max| *max > 0);
    if max_duration.is_some_and(|max| max < min_duration) {
        return Err(Problem {
            message: "'maxDuration' should be greater than 'minDuration'".to_owned(),
        });
    }
    let mut query = Query {
        service: Some(service),
        operation: parameters.text("operation"),
        min_duration,
        max_duration,
        start: micros("start", now_ms.saturating_sub(2 * DAY_MS))?,
        end: Some(micros("end", now_ms)?),
        limit: parameters
            .count("limit")?
            .unwrap_or(DEFAULT_LIMIT)
            .min(MAX_LIMIT),
        ..Query::default()
    };
    tags(parameters, &mut query)?;
    Ok(query)
}

fn span_duration(parameters: &Parameters, name: &str) -> Result<Option<u64>, Problem> {
    let parse = |text: &str| {
        duration::parse(text).ok_or_else(|| Problem::new(name, "is not a duration such as 1.5s"))
    };
    parameters.all(name).next().map(parse).transpose()
}

/// `tag=key:value`, and `tags=` with a JSON object of strings.
fn tags(parameters: &Parameters, query: &mut Query) -> Result<(), Problem> {
    for tag in parameters.all("tag") {
        let (key, value) = tag
            .split_once(':')
            .ok_or_else(|| Problem::new("tag", "is not key:value"))?;
        add(key, value, query);
    }
    for tags in parameters.all("tags") {
        let Ok(Value::Object(tags)) = serde_json::from_str(tags) else {
            return Err(Problem::new("tags", "is not a JSON object of strings"));
        };
        for (key, value) in tags {
            let Value::String(value) = value else {
                return Err(Problem::new("tags", "is not a JSON object of strings"));
            };
            add(&key, &value, query);
        }
    }
    Ok(())
}

/// `error` is no attribute, it is made of the status.
fn add(key: &str, value: &str, query: &mut Query) {
    match (key, value) {
        ("error", "true") => query.error = Some(true),
        ("error", "false") => query.error = Some(false),
        _ => query.attributes.push(vec![Attribute::new(key, value)]),
    }
}

/// The times, in nanoseconds, between which `/api/dependencies` counts.
pub(crate) fn dependencies_window(
    parameters: &Parameters,
    now_ms: u64,
) -> Result<(u64, u64), Problem> {
    let millis = |name: &str, default: u64| {
        let given = parameters.integer(name)?;
        Ok(given.map_or(default, |millis| u64::try_from(millis).unwrap_or(0)))
    };
    let end = millis("endTs", now_ms)?;
    let lookback = millis("lookback", DAY_MS)?;
    let nanos = |millis: u64| millis.saturating_mul(1_000_000);
    Ok((nanos(end.saturating_sub(lookback)), nanos(end)))
}
