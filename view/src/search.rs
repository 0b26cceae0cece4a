//! Which traces match a query.
//!
//! A trace matches when one of its spans matches all conditions. Conditions on the index come first; an attribute is then
//! looked for as the bytes of its encoded form, and only what has these bytes is decoded.

mod attribute;

pub(crate) use attribute::Attribute;

use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use rustc_hash::FxHashMap;

use crate::otlp::Origin;
use crate::store::{Class, Mark, Store, StoredSpan, Trace};

/// What is looked for; what is not set matches all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) service: Option<String>,
    pub(crate) operation: Option<String>,
    /// Nanoseconds.
    pub(crate) min_duration: u64,
    /// Nanoseconds.
    pub(crate) max_duration: Option<u64>,
    /// Whether the status of the span is an error.
    pub(crate) error: Option<bool>,
    pub(crate) kind: Option<SpanKind>,
    /// Each has one that holds: name and value under any of several keys.
    pub(crate) attributes: Vec<Vec<Attribute>>,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    /// Nanoseconds since 1970.
    pub(crate) end: Option<u64>,
    pub(crate) limit: usize,
}

/// The newest traces that match, as many as the limit allows.
pub(crate) fn find<'a>(store: &'a Store, query: &Query) -> Vec<&'a Trace> {
    let mut matcher = Matcher::new(store, query);
    store
        .newest_first()
        .filter(|trace| matcher.may_match(trace) && matcher.matches(trace))
        .take(query.limit)
        .collect()
}

struct Matcher<'q> {
    query: &'q Query,
    service: Option<Mark>,
    operation: Option<Mark>,
    /// By place of a condition: whether only spans can fulfil it, as no resource and no scope does.
    of_spans: Vec<bool>,
    /// By address of an origin and place of a condition: whether the resource or the scope fulfils it.
    origins: FxHashMap<(usize, usize), bool>,
}

impl<'q> Matcher<'q> {
    fn new(store: &Store, query: &'q Query) -> Self {
        let mut matcher = Self {
            query,
            service: query.service.as_deref().map(Mark::service),
            operation: query.operation.as_deref().map(Mark::operation),
            of_spans: Vec::new(),
            origins: FxHashMap::default(),
        };
        for condition in 0..query.attributes.len() {
            let of_spans = !store
                .origins()
                .any(|origin| matcher.origin_has(origin, condition));
            matcher.of_spans.push(of_spans);
        }
        matcher
    }

    /// By what is known of the trace as a whole.
    fn may_match(&self, trace: &Trace) -> bool {
        let query = self.query;
        let marked = |mark: Option<Mark>| mark.is_none_or(|mark| trace.may_have(mark));
        let conditions = query.attributes.iter().zip(&self.of_spans);
        trace.longest >= query.min_duration
            && trace.last >= query.start
            && query.end.is_none_or(|end| trace.first <= end)
            && (query.error != Some(true) || trace.class == Class::Error)
            && marked(self.service)
            && marked(self.operation)
            && conditions.into_iter().all(|(attributes, of_spans)| {
                !of_spans
                    || attributes
                        .iter()
                        .any(|attribute| attribute.may_be_in_trace(trace))
            })
    }

    fn matches(&mut self, trace: &Trace) -> bool {
        trace
            .spans
            .iter()
            .any(|span| self.matches_index(span) && self.matches_attributes(span))
    }

    fn matches_index(&self, span: &StoredSpan) -> bool {
        let query = self.query;
        let (operation, duration) = (&span.operation, span.duration());
        duration >= query.min_duration
            && query.max_duration.is_none_or(|max| duration <= max)
            && span.start >= query.start
            && query.end.is_none_or(|end| span.start <= end)
            && query.error.is_none_or(|error| span.error == error)
            && query.kind.is_none_or(|kind| operation.kind == kind as i32)
            && query
                .service
                .as_ref()
                .is_none_or(|service| **service == *operation.service)
            && query
                .operation
                .as_ref()
                .is_none_or(|name| **name == *operation.name)
    }

    fn matches_attributes(&mut self, span: &StoredSpan) -> bool {
        (0..self.query.attributes.len()).all(|condition| {
            let attributes = &self.query.attributes[condition];
            attributes
                .iter()
                .any(|attribute| attribute.is_in_span(span))
                || self.origin_has(&span.origin, condition)
        })
    }

    fn origin_has(&mut self, origin: &Arc<Origin>, condition: usize) -> bool {
        let attributes = &self.query.attributes[condition];
        *self
            .origins
            .entry((Arc::as_ptr(origin).addr(), condition))
            .or_insert_with(|| {
                attributes
                    .iter()
                    .any(|attribute| attribute.is_in_origin(origin))
            })
    }
}

/// The condition that an HTTP, RPC or span status is `code`.
pub(crate) fn status(code: &str, query: &mut Query) {
    match code.to_ascii_lowercase().as_str() {
        "error" => query.error = Some(true),
        "ok" => query
            .attributes
            .push(vec![Attribute::status(StatusCode::Ok)]),
        _ => query.attributes.push(
            [
                "http.response.status_code",
                "http.status_code",
                "rpc.response.status_code",
                "rpc.grpc.status_code",
            ]
            .into_iter()
            .map(|key| Attribute::new(key, code))
            .collect(),
        ),
    }
}

#[cfg(test)]
mod tests;
