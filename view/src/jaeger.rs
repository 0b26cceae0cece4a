//! Jaeger's query API, as Jaeger v2 answers for the same OTLP spans: enough for its own page and for Grafana's data source.
//!
//! [`model`] has the shapes of the JSON, [`convert`] makes them of spans, [`adjust`] does what Jaeger does to a trace before
//! it shows it, [`query`] reads the parameters. The rules are those of Jaeger's source, the test against a real Jaeger
//! (`tests/tests/e2e_view_jaeger.rs`) holds them.
//!
//! Two answers differ on purpose: `error=true` finds spans with the status of an error (Jaeger's memory store takes it for
//! its opposite), and lists are sorted, where Jaeger's order changes from answer to answer.

mod adjust;
mod convert;
mod duration;
mod model;
mod query;

pub(crate) use convert::kind;
pub(crate) use model::{Answer, Dependency, OperationName, UiTrace, not_found};
pub(crate) use query::{dependencies_window, query, trace_ids};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::store::{Operation, Store, Trace};

/// A trace as Jaeger shows it; `raw` leaves it as it came.
pub(crate) fn ui_trace(trace: &Trace, raw: bool) -> UiTrace {
    let mut spans = convert::spans(trace);
    if !raw {
        adjust::adjust(&mut spans);
    }
    model::ui_trace(&trace.id, spans)
}

/// Names of services that have spans here.
pub(crate) fn services(store: &Store) -> BTreeSet<&str> {
    store
        .operations()
        .map(|operation| &*operation.service)
        .collect()
}

/// Operations of a service, of one kind if one is named.
pub(crate) fn operations(
    store: &Store,
    service: &str,
    span_kind: Option<&str>,
) -> BTreeSet<OperationName> {
    store
        .operations()
        .filter(|operation| *operation.service == *service)
        .map(|operation| OperationName {
            name: operation.name.to_string(),
            span_kind: kind(operation.kind),
        })
        .filter(|operation| span_kind.is_none_or(|kind| kind == operation.span_kind))
        .collect()
}

/// Parent, child, and how often.
type Pair<'a> = (&'a str, &'a str, u64);

/// How often spans of one service have a parent in another (or the same), in traces that lie between two times in
/// nanoseconds.
pub(crate) fn dependencies(store: &Store, after: u64, before: u64) -> Vec<Dependency> {
    // By address first: there are few operations, and comparing names for each span would take longer than all else.
    let mut pairs: FxHashMap<(*const Operation, *const Operation), Pair<'_>> = FxHashMap::default();
    for trace in store.newest_first() {
        if trace.first <= after || trace.end >= before {
            continue;
        }
        for (parent, child) in trace.family() {
            let (parent, child) = (&parent.operation, &child.operation);
            let pair = pairs
                .entry((Arc::as_ptr(parent), Arc::as_ptr(child)))
                .or_insert_with(|| (&parent.service, &child.service, 0));
            pair.2 += 1;
        }
    }
    let mut calls: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (parent, child, count) in pairs.into_values() {
        *calls.entry((parent, child)).or_default() += count;
    }
    calls
        .into_iter()
        .map(|((parent, child), call_count)| Dependency {
            parent: parent.to_owned(),
            child: child.to_owned(),
            call_count,
        })
        .collect()
}

#[cfg(test)]
mod tests;
