//! What the embedded trace view counts, copied whenever somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use sonde_view::Counters;

use super::{ReasonLabel, registered};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

/// The metric families of the view; empty without one.
#[derive(Debug, Default)]
pub(super) struct Families {
    counters: Option<Arc<Counters>>,
    traces: Gauge,
    spans: Gauge,
    bytes: Gauge,
    received: Counter,
    evicted: Family<ClassLabel, Counter>,
    lost: Family<ReasonLabel, Counter>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry, counters: Arc<Counters>) -> Self {
        let bytes = Gauge::default();
        registry.register_with_unit(
            "view_size",
            "Memory of the trace view's traces and aggregates",
            Unit::Bytes,
            bytes.clone(),
        );
        Self {
            counters: Some(counters),
            traces: registered(registry, "view_traces", "Traces that the view keeps"),
            spans: registered(registry, "view_spans", "Spans that the view keeps"),
            bytes,
            received: registered(
                registry,
                "view_received_spans",
                "Spans that the view has taken in",
            ),
            evicted: registered(
                registry,
                "view_evicted_traces",
                "Traces that had to make room in the view, by what they were",
            ),
            lost: registered(
                registry,
                "view_lost_spans",
                "Spans that are not in the view, by reason",
            ),
        }
    }

    pub(super) fn copy(&self) {
        let Some(counters) = &self.counters else {
            return;
        };
        let set = |gauge: &Gauge, value: &AtomicU64| {
            gauge.set(value.load(Ordering::Relaxed).cast_signed());
        };
        set(&self.traces, &counters.stored_traces);
        set(&self.spans, &counters.stored_spans);
        set(&self.bytes, &counters.stored_bytes);
        store(&self.received, counters.spans.load(Ordering::Relaxed));
        for (class, total) in counters.evictions() {
            store(&self.evicted.get_or_create(&ClassLabel { class }), total);
        }
        for (reason, total) in counters.losses() {
            store(&self.lost.get_or_create(&ReasonLabel { reason }), total);
        }
    }
}

fn store(counter: &Counter, total: u64) {
    counter.inner().store(total, Ordering::Relaxed);
}
