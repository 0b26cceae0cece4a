//! What the view holds and what it lost.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::view::Shared;

/// `GET /api/sonde/status`.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    version: &'static str,
    memory: Memory,
    traces: u64,
    spans: u64,
    /// Spans taken in since the start.
    received: u64,
    duplicates: u64,
    shortened: u64,
    /// Traces, by what they were.
    evicted: BTreeMap<&'static str, u64>,
    /// Spans, by reason.
    lost: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct Memory {
    used: usize,
    limit: usize,
    traces: usize,
    aggregates: usize,
    queue: usize,
}

/// What the view holds and what it lost.
pub(crate) fn status(shared: &Shared) -> Status {
    let core = shared.read();
    let (traces, aggregates) = (core.store.used(), core.aggregates.used());
    drop(core);
    let (queue, counters) = (shared.queued(), &shared.counters);
    Status {
        version: env!("CARGO_PKG_VERSION"),
        memory: Memory {
            used: traces + aggregates + queue,
            limit: shared.memory,
            traces,
            aggregates,
            queue,
        },
        traces: counters.stored_traces.load(Ordering::Relaxed),
        spans: counters.stored_spans.load(Ordering::Relaxed),
        received: counters.spans.load(Ordering::Relaxed),
        duplicates: counters.duplicates.load(Ordering::Relaxed),
        shortened: counters.shortened.load(Ordering::Relaxed),
        evicted: counters.evictions().collect(),
        lost: counters.losses().collect(),
    }
}
