//! What things cost in bytes, the allocator's share and the nodes of maps included.
//!
//! Upper bounds rather than means: a test compares the sums with what a counting allocator says.

use std::mem::size_of;

use super::{Operation, Place, StoredSpan, Trace, TraceId};
use crate::otlp::Origin;

/// An allocation's header and rounding.
pub(crate) const ALLOCATION: usize = 16;

/// A trace without spans: an entry in the map by id, in the one by age, which holds it, and in the one of the unsettled. Nodes
/// of B-trees are at least half full, and have a header and inner nodes above them.
pub(super) const TRACE: usize = node(size_of::<TraceId>() + size_of::<Place>())
    + node(size_of::<u64>() + size_of::<Trace>())
    + node(2 * size_of::<u64>() + size_of::<TraceId>());

const fn node(entry: usize) -> usize {
    2 * entry + 12
}

/// The body of a span; its index entry is counted with the vector that holds it.
pub(super) fn span(span: &StoredSpan) -> usize {
    span.body.len() + ALLOCATION
}

/// An entry of a set of shared values: the pointer and its control byte at the least load, which is while a set has just grown.
const ENTRY: usize = 5 * (size_of::<usize>() + 1) + 2 * size_of::<usize>() + ALLOCATION;

pub(super) fn origin(origin: &Origin) -> usize {
    let parts = [
        origin.service.len(),
        origin.resource.len(),
        origin.scope.len(),
        origin.resource_schema.len(),
        origin.scope_schema.len(),
    ];
    let heap: usize = parts.iter().map(|length| length + ALLOCATION).sum();
    ENTRY + size_of::<Origin>() + heap
}

pub(super) fn operation(operation: &Operation) -> usize {
    let heap = operation.service.len() + operation.name.len() + 2 * ALLOCATION;
    ENTRY + size_of::<Operation>() + heap
}
