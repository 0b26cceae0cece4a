//! The state behind the lock: traces and aggregates, and the one budget of bytes for both.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::trace::v1::Span;

use crate::aggregate::{Aggregates, Request};
use crate::counters::Counters;
use crate::otlp::Origin;
use crate::persist::Persist;
use crate::store::{Class, Inserted, Operation, Removed, Store, Summary, is_error};

/// The state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) aggregates: Aggregates,
    counters: Arc<Counters>,
    /// What store and aggregates may take together.
    budget: usize,
}

impl Core {
    /// Shares of the memory: a sixteenth for what waits, a thirty-second in reserve for the span that is just taken in
    /// and for vectors that grow, an eighth at most for aggregates, the rest for traces.
    pub(super) fn new(memory: usize, counters: Arc<Counters>) -> Self {
        let budget = memory - Self::queue_limit(memory) - memory / 32;
        Self {
            store: Store::new(budget),
            aggregates: Aggregates::new(memory / 8),
            counters,
            budget,
        }
    }

    pub(super) fn queue_limit(memory: usize) -> usize {
        (memory / 16).min(8 << 20)
    }

    /// Bytes of traces and aggregates.
    pub(crate) fn used(&self) -> usize {
        self.store.used() + self.aggregates.used()
    }

    /// Takes spans of one origin in, and makes room for them; returns the traces that had to go.
    pub(super) fn insert(
        &mut self,
        origin: &Origin,
        spans: impl Iterator<Item = Span>,
        now_ms: u64,
        mut persist: Option<&mut Persist>,
    ) -> Vec<Removed> {
        let mut removed = Vec::new();
        let origin = self.store.origin(origin.clone());
        for span in spans {
            let bytes = persist.as_ref().map(|_| Persist::encode(&span));
            let (inserted, class) = self.insert_one(span, &origin, now_ms);
            self.count(inserted);
            if let (Inserted::Kept { number }, Some(persist), Some(bytes)) =
                (inserted, persist.as_mut(), bytes)
            {
                persist.add(number, class, &origin, &bytes);
            }
            self.make_room(now_ms, &mut removed);
        }
        self.store.give_back_origin(origin);
        self.gauge();
        removed
    }

    /// Takes in a span of the data directory, which was counted in another life.
    pub(crate) fn restore(
        &mut self,
        origin: &Origin,
        span: Span,
        class: Class,
        now_ms: u64,
    ) -> (Inserted, Vec<Removed>) {
        let mut removed = Vec::new();
        let origin = self.store.origin(origin.clone());
        let operation = self.store.operation(Operation::of(&span, &origin));
        let inserted = self
            .store
            .insert(span, operation, Arc::clone(&origin), class, now_ms);
        self.store.give_back_origin(origin);
        self.make_room(now_ms, &mut removed);
        self.gauge();
        (inserted, removed)
    }

    /// Takes a span in and counts it, unless it was there already; says what it makes of its trace.
    fn insert_one(&mut self, span: Span, origin: &Arc<Origin>, now_ms: u64) -> (Inserted, Class) {
        let operation = self.store.operation(Operation::of(&span, origin));
        let request = Request {
            end: span.end_time_unix_nano,
            duration: span
                .end_time_unix_nano
                .saturating_sub(span.start_time_unix_nano),
            error: is_error(span.status.as_ref()),
            is_root: span.parent_span_id.iter().all(|byte| *byte == 0),
        };
        let class = if request.error {
            Class::Error
        } else {
            Class::Plain
        };
        let known = Arc::clone(&operation);
        let inserted = self
            .store
            .insert(span, operation, Arc::clone(origin), class, now_ms);
        let slow = inserted != Inserted::Duplicate
            && self.aggregates.record(&known, request, seconds(now_ms))
            && (request.is_root || known.is_incoming());
        self.store.give_back(known, Arc::clone(origin));
        match inserted {
            Inserted::Kept { number } if slow && class < Class::Slow => {
                self.store.raise(number, Class::Slow);
                (inserted, Class::Slow)
            }
            _ => (inserted, class),
        }
    }

    fn count(&self, inserted: Inserted) {
        match inserted {
            Inserted::Kept { .. } => {
                self.counters.spans.fetch_add(1, Ordering::Relaxed);
            }
            Inserted::Duplicate => {
                self.counters.duplicates.fetch_add(1, Ordering::Relaxed);
            }
            Inserted::Lost(reason) => self.counters.lose(reason, 1),
        }
    }

    fn make_room(&mut self, now_ms: u64, removed: &mut Vec<Removed>) {
        loop {
            let allowed = self.budget.saturating_sub(self.aggregates.used());
            let aggregates = &mut self.aggregates;
            // Its calls happened, whether it is kept or not.
            let gone = self.store.evict(allowed, |trace| {
                aggregates.record_edges(trace, seconds(now_ms))
            });
            let Some(gone) = gone else {
                break;
            };
            self.counters.evict(gone.class);
            removed.push(gone);
        }
    }

    /// Counts the edges of traces that are complete; returns up to `room` of those not shown before, and the number of
    /// others.
    pub(super) fn tick(&mut self, now_ms: u64, room: usize) -> (Vec<Summary>, u64) {
        let (mut new, mut dropped) = (Vec::new(), 0);
        self.aggregates.maintain(seconds(now_ms));
        while let Some(trace) = self.store.next_settled(now_ms) {
            self.aggregates.record_edges(trace, seconds(now_ms));
            if !trace.announced {
                trace.announced = true;
                if new.len() < room {
                    new.push(trace.summary(|service| self.aggregates.serves(service)));
                } else {
                    dropped += 1;
                }
            }
        }
        self.gauge();
        (new, dropped)
    }

    fn gauge(&self) {
        let set = |gauge: &std::sync::atomic::AtomicU64, value: usize| {
            gauge.store(value as u64, Ordering::Relaxed);
        };
        set(&self.counters.stored_traces, self.store.traces());
        set(&self.counters.stored_spans, self.store.spans());
        set(&self.counters.stored_bytes, self.used());
    }
}

/// Whole seconds since 1970.
pub(crate) fn seconds(now_ms: u64) -> u32 {
    u32::try_from(now_ms / 1_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
