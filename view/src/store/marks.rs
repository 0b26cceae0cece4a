//! What spans and traces cannot have: a bit for each thing they have, so that a search passes over the others unread.
//!
//! A bit that is set says nothing, as many things share one; a bit that is not set is certain.

use std::hash::{Hash as _, Hasher as _};

use opentelemetry_proto::tonic::trace::v1::Span;
use rustc_hash::FxHasher;

use super::Operation;
use crate::otlp;

/// A key and a value, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

/// In the place of a key, which attributes do not have.
const SERVICE: &str = "\0service";
const OPERATION: &str = "\0operation";

impl Mark {
    /// Of an attribute.
    pub(crate) fn new(key: &str, value: &str) -> Self {
        let mut hasher = FxHasher::default();
        (key, value).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Of a service.
    pub(crate) fn service(name: &str) -> Self {
        Self::new(SERVICE, name)
    }

    /// Of the name of an operation.
    pub(crate) fn operation(name: &str) -> Self {
        Self::new(OPERATION, name)
    }

    /// All that a span has: attributes, those of its events, its service and operation.
    pub(super) fn all(span: &Span, operation: &Operation) -> Vec<Self> {
        let events = span.events.iter().flat_map(|event| &event.attributes);
        let attributes = span.attributes.iter().chain(events).map(|attribute| {
            let value = attribute.value.as_ref().map(otlp::text);
            Self::new(&attribute.key, &value.unwrap_or_default())
        });
        let names = [
            Self::service(&operation.service),
            Self::operation(&operation.name),
        ];
        attributes.chain(names).collect()
    }

    /// One of 64.
    const fn of_span(self) -> u64 {
        1 << (self.0 >> 49 & 63)
    }

    /// One of 512, by other bits than those of the span.
    const fn of_trace(self) -> (usize, u64) {
        let bit = self.0 >> 55;
        ((bit / 64) as usize, 1 << (bit % 64))
    }
}

/// Of one span.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpanMarks(u64);

impl SpanMarks {
    pub(super) fn of(marks: &[Mark]) -> Self {
        let bits = marks.iter().map(|mark| mark.of_span());
        Self(bits.fold(0, |all, bit| all | bit))
    }

    pub(super) const fn may_have(self, mark: Mark) -> bool {
        self.0 & mark.of_span() != 0
    }
}

/// Of all spans of a trace.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TraceMarks([u64; 8]);

impl TraceMarks {
    pub(super) fn add(&mut self, marks: &[Mark]) {
        for mark in marks {
            let (word, bit) = mark.of_trace();
            self.0[word] |= bit;
        }
    }

    pub(super) const fn may_have(&self, mark: Mark) -> bool {
        let (word, bit) = mark.of_trace();
        self.0[word] & bit != 0
    }
}
