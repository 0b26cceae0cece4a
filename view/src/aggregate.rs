//! Requests, errors and durations of services, operations and edges over the last minutes.
//!
//! Each has a row of slots ([`series`]) with a small histogram ([`histogram`]) in each, so that any window is a sum. Edges
//! come from whole traces ([`edges`]), since it takes both ends to know one.
//!
//! Memory is bounded twice: by the number of keys, and by a budget of bytes that shortens the past when it is reached.
//!
//! What it deliberately does not do: forget with the traces. Rates count what was, kept or not.

mod edges;
mod histogram;
mod series;

pub(crate) use series::Totals;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use self::series::Series;
use crate::store::{Operation, StoredSpan};

/// The longest window, in seconds.
pub(crate) const MAX_WINDOW: u32 = 600;
/// Seconds in a slot of operations and edges; services have one a second, for sparklines.
const COARSE: u32 = 5;
const MAX_SERVICES: usize = 512;
const MAX_OPERATIONS: usize = 2_048;
const MAX_EDGES: usize = 2_048;
/// Requests that must be known of an operation before one of them can be called slow.
const MIN_REQUESTS: u64 = 20;

/// One service calls another, or something that has no spans of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Edge {
    /// The service that asks.
    pub(crate) client: Box<str>,
    /// The service that answers, or the name of the peer.
    pub(crate) server: Box<str>,
    /// The answering end has no spans of its own.
    pub(crate) external: bool,
}

#[derive(Debug)]
struct OperationSeries {
    series: Series,
    /// Longer than this is slow; nanoseconds.
    slow: u64,
}

/// All aggregates.
#[derive(Debug)]
pub(crate) struct Aggregates {
    budget: usize,
    services: BTreeMap<Box<str>, Series>,
    operations: FxHashMap<Operation, OperationSeries>,
    edges: BTreeMap<Edge, Series>,
    /// Seconds that are kept; less than [`MAX_WINDOW`] when the budget does not suffice.
    retention: u32,
    used: usize,
    maintained: u32,
    /// When the first request came.
    begun: u32,
}

impl Aggregates {
    /// Nothing yet, never more than about `budget` bytes.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            services: BTreeMap::new(),
            operations: FxHashMap::default(),
            edges: BTreeMap::new(),
            retention: MAX_WINDOW,
            used: 0,
            maintained: 0,
            begun: u32::MAX,
        }
    }

    /// Bytes that are taken.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// Counts a span as a request, if it is one, and tells whether it was slow for its operation.
    pub(crate) fn record(&mut self, operation: &Operation, span: Request, now: u32) -> bool {
        let second = span.second(now);
        self.begun = self.begun.min(second);
        self.record_service(operation, span, second);
        if !self.operations.contains_key(operation) {
            if self.operations.len() >= MAX_OPERATIONS {
                return false;
            }
            self.used += OPERATION_BYTES + operation.service.len() + operation.name.len();
            let series = OperationSeries {
                series: Series::new(COARSE),
                slow: u64::MAX,
            };
            self.operations.insert(operation.clone(), series);
        }
        let Some(known) = self.operations.get_mut(operation) else {
            return false;
        };
        self.used += known.series.record(second, span.duration, span.error);
        span.duration > known.slow
    }

    /// Has the service had requests come in, of late?
    pub(crate) fn serves(&self, service: &str) -> bool {
        let mut operations = self.operations.keys();
        operations.any(|known| known.is_incoming() && &*known.service == service)
    }

    /// Services that only ask have a row of zeros, so that the list is complete.
    fn record_service(&mut self, operation: &Operation, span: Request, second: u32) {
        if !self.services.contains_key(&operation.service) {
            if self.services.len() >= MAX_SERVICES {
                return;
            }
            self.used += SERVICE_BYTES + operation.service.len();
            self.services
                .insert(operation.service.clone(), Series::new(1));
        }
        if let Some(series) = self.services.get_mut(&operation.service) {
            if operation.is_incoming() || (span.is_root && !operation.is_outgoing()) {
                self.used += series.record(second, span.duration, span.error);
            } else {
                series.touch(second);
            }
        }
    }

    fn record_edge(&mut self, edge: Edge, span: &StoredSpan, now: u32) {
        if !self.edges.contains_key(&edge) {
            if self.edges.len() >= MAX_EDGES {
                return;
            }
            self.used += EDGE_BYTES + edge.client.len() + edge.server.len();
            self.edges.insert(edge.clone(), Series::new(COARSE));
        }
        if let Some(series) = self.edges.get_mut(&edge) {
            let second = Request::of(span).second(now);
            self.used += series.record(second, span.duration(), span.error);
        }
    }

    /// Once a second: forgets what is old, and learns what is slow.
    pub(crate) fn maintain(&mut self, now: u32) {
        if now == self.maintained {
            return;
        }
        self.maintained = now;
        self.prune(now);
        while self.used > self.budget && self.retention > COARSE {
            self.retention = self.retention * 3 / 4;
            self.prune(now);
        }
        if self.used < self.budget / 2 {
            self.retention = (self.retention + 1).min(MAX_WINDOW);
        }
        // A quarter of them each second.
        for operation in self
            .operations
            .values_mut()
            .skip(now as usize % 4)
            .step_by(4)
        {
            let totals = operation.series.totals(now, MAX_WINDOW);
            operation.slow = if totals.requests < MIN_REQUESTS {
                u64::MAX
            } else {
                totals.histogram.upper_bound(0.95)
            };
        }
    }

    fn prune(&mut self, now: u32) {
        let since = now.saturating_sub(self.retention);
        let mut freed = 0;
        self.services.retain(|name, series| {
            freed += series.forget(since);
            let keep = series.is_alive(since);
            freed += if keep { 0 } else { SERVICE_BYTES + name.len() };
            keep
        });
        self.operations.retain(|operation, known| {
            freed += known.series.forget(since);
            let keep = known.series.is_alive(since);
            let bytes = OPERATION_BYTES + operation.service.len() + operation.name.len();
            freed += if keep { 0 } else { bytes };
            keep
        });
        self.edges.retain(|edge, series| {
            freed += series.forget(since);
            let keep = series.is_alive(since);
            let bytes = EDGE_BYTES + edge.client.len() + edge.server.len();
            freed += if keep { 0 } else { bytes };
            keep
        });
        self.used -= freed;
    }

    /// Over how many seconds requests were counted, up to `now`.
    pub(crate) const fn age(&self, now: u32) -> u32 {
        (now + 1).saturating_sub(self.begun)
    }

    /// Services by name.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.services.iter().map(|(name, series)| (&**name, series))
    }

    /// Operations in no order.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&Operation, &Series)> {
        self.operations
            .iter()
            .map(|(operation, known)| (operation, &known.series))
    }

    /// Edges by client and server.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (&Edge, &Series)> {
        self.edges.iter()
    }
}

/// What a key costs: an entry at the least load of its map, and the heads of allocations.
const SERVICE_BYTES: usize = 2 * (size_of::<Box<str>>() + size_of::<Series>()) + 32;
const EDGE_BYTES: usize = 2 * (size_of::<Edge>() + size_of::<Series>()) + 64;
const OPERATION_BYTES: usize = 3 * (size_of::<OperationSeries>() + size_of::<Operation>()) + 64;

/// What of a span is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Nanoseconds since 1970.
    pub(crate) end: u64,
    /// Nanoseconds.
    pub(crate) duration: u64,
    /// Its status is an error.
    pub(crate) error: bool,
    /// It has no parent.
    pub(crate) is_root: bool,
}

impl Request {
    fn of(span: &StoredSpan) -> Self {
        Self {
            end: span.end,
            duration: span.duration(),
            error: span.error,
            is_root: span.parent == 0,
        }
    }

    /// When it ended, unless that is not near: clocks differ, and batches may wait.
    fn second(self, now: u32) -> u32 {
        let end = u32::try_from(self.end / 1_000_000_000).unwrap_or(u32::MAX);
        if end > now || now - end > 60 {
            now
        } else {
            end
        }
    }
}

#[cfg(test)]
mod tests;
