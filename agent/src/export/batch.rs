//! Spans on their way into one `ExportTraceServiceRequest`, grouped by resource.
//!
//! Spans are encoded as they come, in the thread that made them while they are still in its cache, so that what
//! waits is bytes: exactly countable, ready to send, and shared by all exporters. One `ResourceSpans` per process
//! and one `ScopeSpans` in it; the agent is the scope.

use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::encode;
use crate::spans::{Resource, Span};

/// Bytes after which a batch is closed whatever its number of spans. A gRPC receiver refuses messages of more than
/// 4 MiB by default.
pub(super) const MAX_BYTES: usize = 2 << 20;

/// `InstrumentationScope.name`.
pub(super) const SCOPE_NAME: &str = "sonde";
/// `InstrumentationScope.version`.
pub(super) const SCOPE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// An encoded `ExportTraceServiceRequest`.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The message.
    pub(super) body: Bytes,
    /// Spans in it.
    pub(super) spans: usize,
}

/// The spans of one process.
struct Group {
    resource: Arc<Resource>,
    /// Elements of `ScopeSpans.spans`.
    spans: Vec<u8>,
}

/// The batch that is still open.
pub(super) struct Batcher {
    max_spans: usize,
    groups: Vec<Group>,
    /// Place in `groups` by address of the resource; the group keeps the resource alive, so an address means one.
    places: FxHashMap<usize, usize>,
    last: usize,
    spans: usize,
    bytes: usize,
}

impl Batcher {
    /// A batcher that closes a batch at `max_spans` spans or [`MAX_BYTES`] bytes.
    pub(super) fn new(max_spans: usize) -> Self {
        Self {
            max_spans: max_spans.max(1),
            groups: Vec::new(),
            places: FxHashMap::default(),
            last: 0,
            spans: 0,
            bytes: 0,
        }
    }

    /// Adds a span; returns a batch when it became full.
    pub(super) fn add(&mut self, span: &Span) -> Option<Batch> {
        let place = self.place(&span.resource);
        let buf = &mut self.groups[place].spans;
        let before = buf.len();
        encode::span_field(buf, span);
        self.bytes += buf.len() - before;
        self.spans += 1;
        (self.spans >= self.max_spans || self.bytes >= MAX_BYTES)
            .then(|| self.seal())
            .flatten()
    }

    fn place(&mut self, resource: &Arc<Resource>) -> usize {
        if let Some(group) = self.groups.get(self.last)
            && Arc::ptr_eq(&group.resource, resource)
        {
            return self.last;
        }
        let next = self.groups.len();
        let place = *self
            .places
            .entry(Arc::as_ptr(resource).addr())
            .or_insert(next);
        if place == next {
            self.groups.push(Group {
                resource: Arc::clone(resource),
                spans: Vec::new(),
            });
        }
        self.last = place;
        place
    }

    /// Closes the batch, if there is anything in it.
    pub(super) fn seal(&mut self) -> Option<Batch> {
        if self.spans == 0 {
            return None;
        }
        let scope = scope_field();
        let capacity = self
            .groups
            .iter()
            .map(|group| encode::len_field(group.body_len(&scope)))
            .sum();
        let mut body = Vec::with_capacity(capacity);
        for group in self.groups.iter().filter(|group| !group.spans.is_empty()) {
            group.put(&mut body, &scope);
        }
        let spans = std::mem::take(&mut self.spans);
        self.bytes = 0;
        self.forget_idle();
        Some(Batch {
            body: body.into(),
            spans,
        })
    }

    /// Keeps the buffers of processes that had spans for the next batch, and lets go of the others.
    fn forget_idle(&mut self) {
        self.groups.retain(|group| !group.spans.is_empty());
        self.places.clear();
        self.last = 0;
        for (place, group) in self.groups.iter_mut().enumerate() {
            group.spans.clear();
            self.places
                .insert(Arc::as_ptr(&group.resource).addr(), place);
        }
    }
}

impl Group {
    fn body_len(&self, scope: &[u8]) -> usize {
        encode::resource_field_len(&self.resource)
            + encode::len_field(scope.len() + self.spans.len())
    }

    /// Appends `ExportTraceServiceRequest.resource_spans` (1): resource (1), `scope_spans` (2).
    fn put(&self, body: &mut Vec<u8>, scope: &[u8]) {
        body.push(encode::len_tag(1));
        encode::varint(body, self.body_len(scope) as u64);
        encode::resource_field(body, &self.resource);
        body.push(encode::len_tag(2));
        encode::varint(body, (scope.len() + self.spans.len()) as u64);
        body.extend_from_slice(scope);
        body.extend_from_slice(&self.spans);
    }
}

/// `ScopeSpans.scope` (1): name (1), version (2).
fn scope_field() -> Vec<u8> {
    let mut scope = Vec::new();
    encode::bytes_field(&mut scope, 1, SCOPE_NAME.as_bytes());
    encode::bytes_field(&mut scope, 2, SCOPE_VERSION.as_bytes());
    let mut field = Vec::with_capacity(encode::len_field(scope.len()));
    encode::bytes_field(&mut field, 1, &scope);
    field
}
