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

use crate::store::{Store, Trace};

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

/// How often spans of one service have a parent in another (or the same), in traces that lie between two times in
/// nanoseconds.
pub(crate) fn dependencies(store: &Store, after: u64, before: u64) -> Vec<Dependency> {
    let mut calls: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (first, end) = store.extent();
    if after < first && end < before {
        calls.extend(
            store
                .calls()
                .map(|(parent, child, count)| ((parent, child), count)),
        );
    } else {
        let within = store
            .newest_first()
            .filter(|trace| trace.first > after && trace.end < before);
        for (parent, child) in within.flat_map(Trace::calls) {
            let pair = (&*parent.operation.service, &*child.operation.service);
            *calls.entry(pair).or_default() += 1;
        }
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
