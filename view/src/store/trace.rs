//! One trace and its spans.

use std::mem::size_of;
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message as _;
use rustc_hash::{FxHashMap, FxHashSet};

use super::TraceId;
use super::calls::is_child;
use super::marks::{Mark, SpanMarks, TraceMarks};
use crate::otlp::{self, Origin};

/// Why a trace is worth keeping; the greater, the longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Nothing special.
    #[default]
    Plain,
    /// Has a request that took longer than most of its operation.
    Slow,
    /// Has a span whose status is an error.
    Error,
}

/// What spans of one kind of work share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    /// `service.name`.
    pub(crate) service: Box<str>,
    /// The name of the span.
    pub(crate) name: Box<str>,
    /// `SpanKind`, as its number.
    pub(crate) kind: i32,
}

impl Operation {
    /// The operation of a span.
    pub(crate) fn of(span: &Span, origin: &Origin) -> Self {
        Self {
            service: origin.service.clone(),
            name: otlp::name(&span.name),
            kind: span.kind,
        }
    }

    /// Whether the span stands for a request that came in.
    pub(crate) const fn is_incoming(&self) -> bool {
        self.kind == SpanKind::Server as i32 || self.kind == SpanKind::Consumer as i32
    }

    /// Whether the span stands for a request that went out.
    pub(crate) const fn is_outgoing(&self) -> bool {
        self.kind == SpanKind::Client as i32 || self.kind == SpanKind::Producer as i32
    }
}

/// A span as it is kept: what searches ask for, and the rest encoded.
#[derive(Debug)]
pub(crate) struct StoredSpan {
    pub(crate) id: u64,
    /// 0 is none.
    pub(crate) parent: u64,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    /// Nanoseconds since 1970.
    pub(crate) end: u64,
    pub(crate) operation: Arc<Operation>,
    pub(crate) origin: Arc<Origin>,
    /// Of its attributes and those of its events.
    marks: SpanMarks,
    /// A `Span` without the fields above.
    pub(super) body: Box<[u8]>,
    pub(crate) error: bool,
    /// The aggregates know its edge.
    pub(crate) counted: bool,
}

impl StoredSpan {
    pub(super) fn new(
        mut span: Span,
        operation: Arc<Operation>,
        origin: Arc<Origin>,
        marks: &[Mark],
    ) -> Self {
        let error = is_error(span.status.as_ref());
        let (id, parent) = (number(&span.span_id), number(&span.parent_span_id));
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        span.trace_id.clear();
        span.span_id.clear();
        span.parent_span_id.clear();
        span.start_time_unix_nano = 0;
        span.end_time_unix_nano = 0;
        span.name.clear();
        span.kind = 0;
        Self {
            id,
            parent,
            start,
            end,
            operation,
            origin,
            marks: SpanMarks::of(marks),
            body: span.encode_to_vec().into(),
            error,
            counted: false,
        }
    }

    /// The whole span.
    pub(crate) fn decode(&self, trace: &TraceId) -> Span {
        let mut span = self.rest();
        span.trace_id = trace.to_vec();
        span.span_id = self.id.to_be_bytes().to_vec();
        if self.parent != 0 {
            span.parent_span_id = self.parent.to_be_bytes().to_vec();
        }
        span.start_time_unix_nano = self.start;
        span.end_time_unix_nano = self.end;
        span.name = self.operation.name.clone().into();
        span.kind = self.operation.kind;
        span
    }

    /// The span without ids, times, name and kind.
    pub(crate) fn rest(&self) -> Span {
        // This process encoded it.
        Span::decode(&*self.body).unwrap_or_default()
    }

    /// The encoded rest, to look for bytes in.
    pub(crate) const fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the span may have an attribute with this mark.
    pub(crate) const fn may_have(&self, mark: Mark) -> bool {
        self.marks.may_have(mark)
    }

    /// Nanoseconds; 0 where the end is before the start.
    pub(crate) const fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Whether a status says that something went wrong.
pub(crate) fn is_error(status: Option<&Status>) -> bool {
    status.is_some_and(|status| status.code == StatusCode::Error as i32)
}

fn number(id: &[u8]) -> u64 {
    id.try_into().map_or(0, u64::from_be_bytes)
}

/// The spans of one trace.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: TraceId,
    /// Counts up; a smaller one is older.
    pub(crate) number: u64,
    pub(crate) class: Class,
    pub(crate) spans: Vec<StoredSpan>,
    /// Of all attributes, services and operations of its spans.
    marks: TraceMarks,
    /// When the first span and the last one begin, when the last one ends; nanoseconds since 1970.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) end: u64,
    /// Nanoseconds that the longest span takes.
    pub(crate) longest: u64,
    /// What it costs.
    pub(super) bytes: usize,
    /// When it is to be looked at as a whole.
    pub(super) due: Option<u64>,
    /// The live tail has shown it.
    pub(crate) announced: bool,
}

/// A trace in a line.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// Service of the root span.
    pub service: String,
    /// Name of the root span.
    pub operation: String,
    /// Milliseconds since 1970.
    pub start_ms: u64,
    /// From the first start to the last end.
    pub duration_ms: Milliseconds,
    /// How many there are.
    pub spans: usize,
    /// How many of them have the status of an error.
    pub errors: usize,
    /// Names, sorted.
    pub services: Vec<String>,
    /// It begins with a call of a service that serves requests too: which of them caused it is not known.
    pub fragment: bool,
}

/// Nanoseconds that JSON shows as milliseconds with a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Milliseconds(pub u64);

impl serde::Serialize for Milliseconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e6)
    }
}

impl Trace {
    pub(super) fn new(id: TraceId, number: u64) -> Self {
        Self {
            id,
            number,
            class: Class::Plain,
            spans: Vec::new(),
            marks: TraceMarks::default(),
            first: u64::MAX,
            last: 0,
            end: 0,
            longest: 0,
            bytes: super::cost::TRACE,
            due: None,
            announced: false,
        }
    }

    /// A client and a server may share an id, as Zipkin's do.
    pub(super) fn has(&self, span: &StoredSpan) -> bool {
        self.spans
            .iter()
            .any(|other| other.id == span.id && other.operation.kind == span.operation.kind)
    }

    /// Adds a span and returns the bytes that the index grew by.
    pub(super) fn add(&mut self, span: StoredSpan, marks: &[Mark]) -> usize {
        self.first = self.first.min(span.start);
        self.last = self.last.max(span.start);
        self.end = self.end.max(span.end);
        self.longest = self.longest.max(span.duration());
        self.marks.add(marks);
        let before = self.spans.capacity();
        if self.spans.len() == before {
            self.spans.reserve_exact(1 + before / 4);
        }
        self.spans.push(span);
        (self.spans.capacity() - before) * size_of::<StoredSpan>()
    }

    /// The earliest span without a parent, or without one that is here.
    pub(crate) fn root(&self) -> Option<&StoredSpan> {
        let parentless = self.spans.iter().filter(|span| span.parent == 0);
        parentless.min_by_key(|span| span.start).or_else(|| {
            let ids: FxHashSet<u64> = self.spans.iter().map(|span| span.id).collect();
            let orphans = self
                .spans
                .iter()
                .filter(|span| !ids.contains(&span.parent) || span.parent == span.id);
            orphans
                .min_by_key(|span| span.start)
                .or_else(|| self.spans.iter().min_by_key(|span| span.start))
        })
    }

    /// Parents and children that are both here; a parent whose id several spans have is so several times.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&StoredSpan, &StoredSpan)> {
        let mut children: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
        for (place, span) in self.spans.iter().enumerate() {
            if is_child(span) {
                children.entry(span.parent).or_default().push(place);
            }
        }
        self.spans.iter().flat_map(move |parent| {
            let places = children.get(&parent.id).cloned().unwrap_or_default();
            places
                .into_iter()
                .map(move |place| (parent, &self.spans[place]))
        })
    }

    /// Whether one of its spans may have something with this mark.
    pub(crate) const fn may_have(&self, mark: Mark) -> bool {
        self.marks.may_have(mark)
    }

    /// The trace in a line; `serves` tells which services have requests come in.
    pub(crate) fn summary(&self, serves: impl Fn(&str) -> bool) -> Summary {
        let mut services: Vec<&str> = self
            .spans
            .iter()
            .map(|span| &*span.operation.service)
            .collect();
        services.sort_unstable();
        services.dedup();
        let first = self.root();
        let root = first.map(|span| &span.operation);
        let fragment = first.is_some_and(|span| {
            let operation = &span.operation;
            span.parent == 0 && operation.is_outgoing() && serves(&operation.service)
        });
        Summary {
            trace_id: otlp::hex(&self.id),
            service: root.map_or_else(String::new, |operation| operation.service.to_string()),
            operation: root.map_or_else(String::new, |operation| operation.name.to_string()),
            start_ms: self.first / 1_000_000,
            duration_ms: Milliseconds(self.end.saturating_sub(self.first)),
            spans: self.spans.len(),
            errors: self.spans.iter().filter(|span| span.error).count(),
            services: services.into_iter().map(str::to_owned).collect(),
            fragment,
        }
    }
}
