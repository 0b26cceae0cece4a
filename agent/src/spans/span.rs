//! The agent's own span: what the exporters turn into OTLP, JSON or a line on a terminal.

use std::borrow::Cow;
use std::sync::Arc;

use super::Resource;

/// W3C trace-id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// W3C parent-id / OpenTelemetry span id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// Which end of a connection a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It connected.
    Client,
    /// It accepted.
    Server,
}

/// OpenTelemetry span kind, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// SERVER
    Server,
    /// CLIENT
    Client,
}

/// OpenTelemetry status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// UNSET
    Unset,
    /// ERROR with a description (often empty).
    Error(Cow<'static, str>),
}

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Str(Cow<'static, str>),
    /// Integer.
    Int(i64),
    /// Floating point.
    Double(f64),
    /// Boolean.
    Bool(bool),
    /// Array of text.
    StrArray(Vec<String>),
}

/// Key (from the semantic-conventions crate) and value.
pub type Attribute = (&'static str, Value);

/// A span of another trace that this one has to do with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// W3C trace-flags.
    pub trace_flags: u8,
    /// W3C tracestate, or empty.
    pub trace_state: String,
}

/// One finished span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Parent, if it has one.
    pub parent_span_id: Option<SpanId>,
    /// W3C trace-flags.
    pub trace_flags: u8,
    /// The parent was in another process (OTLP flag bits 8 and 9); only meaningful with a parent.
    pub parent_is_remote: bool,
    /// W3C tracestate as received, or empty.
    pub trace_state: String,
    /// A span of another trace, if there is one.
    pub link: Option<Link>,
    /// SERVER or CLIENT.
    pub kind: Kind,
    /// Name by convention.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub start_unix_nanos: u64,
    /// Nanoseconds since the epoch, not before the start.
    pub end_unix_nanos: u64,
    /// Status by convention.
    pub status: Status,
    /// Attributes, each key once.
    pub attributes: Vec<Attribute>,
    /// Who made it.
    pub resource: Arc<Resource>,
}
