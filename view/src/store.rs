//! The traces that are kept: as many as fit a number of bytes.
//!
//! A span is its encoded message without what the index holds already, plus 80 bytes of index; resources, scopes and
//! operations are kept once for all spans that share them. Everything has a cost in bytes, the nodes of the maps
//! included ([`cost`]), and nothing is kept once the sum is at the limit: traces go until the new ones fit.
//!
//! Which go first is decided by [`Class`]: plain traces, the oldest first, then slow ones, then those with errors. The
//! latter two may hold half of the memory between them, so that a service that only fails does not hide the present.
//!
//! What it deliberately does not do: count requests ([`crate::aggregate`]), or write to disk ([`crate::persist`]).

mod calls;
mod cost;
mod evict;
mod intern;
mod marks;
mod trace;

pub(crate) use evict::Removed;
pub(crate) use marks::Mark;
pub(crate) use trace::{Class, Operation, StoredSpan, Trace, is_error};
pub use trace::{Milliseconds, Summary};

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::Span;

use self::calls::Calls;
use self::intern::Interner;
use crate::counters::Loss;
use crate::otlp::Origin;

/// A trace-id.
pub(crate) type TraceId = [u8; 16];

/// Spans of one trace at most: a loop that runs for a day under one trace-id must not take the place of all others.
pub(crate) const MAX_TRACE_SPANS: usize = 10_000;
/// The part of the memory that one trace may take.
const MAX_TRACE_SHARE: usize = 8;
/// How long after its last new span a trace is taken to be complete, in milliseconds.
const SETTLE_MS: u64 = 1_500;

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    limit: usize,
    used: usize,
    places: BTreeMap<TraceId, Place>,
    /// Traces by age, one map a class; the key is the number of the trace. Searches walk these, so that what they look at first
    /// lies in the nodes and not behind pointers.
    ages: [BTreeMap<u64, Trace>; 3],
    class_bytes: [usize; 3],
    next_number: u64,
    operations: Interner<Operation>,
    origins: Interner<Origin>,
    /// Traces to look at as a whole, by the time when that is due and their number.
    unsettled: BTreeMap<(u64, u64), TraceId>,
    spans: usize,
    calls: Calls,
    /// When the first span of all began and the last one ended, those that are gone included.
    extent: (u64, u64),
}

/// Where a trace is.
#[derive(Clone, Copy, Debug)]
struct Place {
    class: Class,
    number: u64,
}

/// What became of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is kept, as part of the trace with this number.
    Kept {
        /// The number of the trace.
        number: u64,
    },
    /// It was there already.
    Duplicate,
    /// It was not kept.
    Lost(Loss),
}

impl Store {
    /// An empty store that never takes more than `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            places: BTreeMap::new(),
            ages: Default::default(),
            class_bytes: [0; 3],
            next_number: 0,
            operations: Interner::default(),
            origins: Interner::default(),
            unsettled: BTreeMap::new(),
            spans: 0,
            calls: Calls::default(),
            extent: (u64::MAX, 0),
        }
    }

    /// Bytes that are taken, as accounted.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// How many traces there are.
    pub(crate) fn traces(&self) -> usize {
        self.places.len()
    }

    /// How many spans there are.
    pub(crate) const fn spans(&self) -> usize {
        self.spans
    }

    /// The next trace that begins gets this number, which must not be smaller than the last one's.
    pub(crate) fn begin_at(&mut self, number: u64) {
        self.next_number = self.next_number.max(number);
    }

    /// The origin as it is kept; one look-up for all spans of a group.
    pub(crate) fn origin(&mut self, origin: Origin) -> Arc<Origin> {
        let bytes = cost::origin(&origin);
        let (origin, new) = self.origins.get(origin);
        self.used += if new { bytes } else { 0 };
        origin
    }

    /// The operation as it is kept.
    pub(crate) fn operation(&mut self, operation: Operation) -> Arc<Operation> {
        let bytes = cost::operation(&operation);
        let (operation, new) = self.operations.get(operation);
        self.used += if new { bytes } else { 0 };
        operation
    }

    /// Takes a span in. The caller makes room afterwards ([`Self::evict`]); between the two the store is larger than
    /// its limit by one span at most, for which there is a reserve.
    pub(crate) fn insert(
        &mut self,
        span: Span,
        operation: Arc<Operation>,
        origin: Arc<Origin>,
        class: Class,
        now_ms: u64,
    ) -> Inserted {
        let Ok(id) = TraceId::try_from(span.trace_id.as_slice()) else {
            self.give_back(operation, origin);
            return Inserted::Lost(Loss::Malformed);
        };
        let marks = Mark::all(&span, &operation);
        let stored = StoredSpan::new(span, operation, origin, &marks);
        let share = self.limit / MAX_TRACE_SHARE;
        let place = self.place(id);
        let Some(trace) = self.ages[place.class as usize].get_mut(&place.number) else {
            return Inserted::Lost(Loss::Malformed);
        };
        let bytes = cost::span(&stored);
        let too_large = trace.spans.len() >= MAX_TRACE_SPANS || trace.bytes + bytes > share;
        if too_large || trace.has(&stored) {
            self.give_back(stored.operation, stored.origin);
            return if too_large {
                Inserted::Lost(Loss::TraceTooLarge)
            } else {
                Inserted::Duplicate
            };
        }
        self.extent.0 = self.extent.0.min(stored.start);
        self.extent.1 = self.extent.1.max(stored.end);
        self.used += self.calls.add(trace, &stored);
        let grown = trace.add(stored, &marks) + bytes;
        trace.bytes += grown;
        self.used += grown;
        self.spans += 1;
        self.class_bytes[trace.class as usize] += grown;
        if trace.due.is_none() {
            trace.due = Some(now_ms + SETTLE_MS);
            self.unsettled
                .insert((now_ms + SETTLE_MS, trace.number), id);
        }
        if class > place.class {
            self.promote(id, place, class);
        }
        Inserted::Kept {
            number: place.number,
        }
    }

    /// Where the trace is, which begins here if it is not there yet.
    fn place(&mut self, id: TraceId) -> Place {
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        let place = Place {
            class: Class::Plain,
            number: self.next_number,
        };
        self.next_number += 1;
        self.used += cost::TRACE;
        self.class_bytes[place.class as usize] += cost::TRACE;
        let trace = Trace::new(id, place.number);
        self.ages[place.class as usize].insert(place.number, trace);
        self.places.insert(id, place);
        place
    }

    /// Makes a trace worth more, if it is a plain one.
    pub(crate) fn raise(&mut self, number: u64, class: Class) {
        let plain = &self.ages[Class::Plain as usize];
        let Some(id) = plain.get(&number).map(|trace| trace.id) else {
            return;
        };
        let place = Place {
            class: Class::Plain,
            number,
        };
        self.promote(id, place, class);
    }

    fn promote(&mut self, id: TraceId, place: Place, class: Class) {
        let Some(mut trace) = self.ages[place.class as usize].remove(&place.number) else {
            return;
        };
        self.class_bytes[place.class as usize] -= trace.bytes;
        self.class_bytes[class as usize] += trace.bytes;
        trace.class = class;
        self.ages[class as usize].insert(place.number, trace);
        self.places.insert(id, Place { class, ..place });
    }

    /// A trace by its id.
    pub(crate) fn trace(&self, id: &TraceId) -> Option<&Trace> {
        let place = self.places.get(id)?;
        self.ages[place.class as usize].get(&place.number)
    }

    /// All traces, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Trace> {
        let mut ages = self.ages.each_ref().map(|age| age.iter().rev());
        let mut heads = ages.each_mut().map(Iterator::next);
        std::iter::from_fn(move || {
            let number = |class: &usize| heads[*class].map(|(number, _)| *number);
            let newest = (0..heads.len()).max_by_key(number)?;
            let (_, trace) = std::mem::replace(&mut heads[newest], ages[newest].next())?;
            Some(trace)
        })
    }

    /// How often spans of one service (first) are parents of another's (second), over all traces.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.calls.iter()
    }

    /// When the first span of all began and the last one ended, those that are gone included.
    pub(crate) const fn extent(&self) -> (u64, u64) {
        self.extent
    }

    /// Where the spans that are kept come from.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Arc<Origin>> {
        self.origins.iter()
    }

    /// The operations of the spans that are kept.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.operations.iter()
    }

    /// The trace that is due to be looked at as a whole, if there is one; once for each time that spans came in.
    pub(crate) fn next_settled(&mut self, now_ms: u64) -> Option<&mut Trace> {
        let first = self.unsettled.first_entry()?;
        if first.key().0 > now_ms {
            return None;
        }
        let place = self.places.get(&first.remove())?;
        let trace = self.ages[place.class as usize].get_mut(&place.number)?;
        trace.due = None;
        Some(trace)
    }

    /// Takes all traces for settled, shown and counted: those of an earlier run.
    pub(crate) fn settle_all(&mut self) {
        self.unsettled.clear();
        for trace in self.ages.iter_mut().flat_map(BTreeMap::values_mut) {
            trace.due = None;
            trace.announced = true;
            for span in &mut trace.spans {
                span.counted = true;
            }
        }
    }

    /// Lets go of what a span shared.
    pub(crate) fn give_back(&mut self, operation: Arc<Operation>, origin: Arc<Origin>) {
        let bytes = cost::operation(&operation);
        if self.operations.give_back(operation) {
            self.used -= bytes;
        }
        self.give_back_origin(origin);
    }

    /// Lets go of what [`Self::origin`] gave.
    pub(crate) fn give_back_origin(&mut self, origin: Arc<Origin>) {
        let bytes = cost::origin(&origin);
        if self.origins.give_back(origin) {
            self.used -= bytes;
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]
mod tests;
