//! From exchanges to OpenTelemetry spans, in the names of the semantic conventions.
//!
//! Pure: no sockets, no files. What it does not do: decide causality (the kernel does), sample, send.

mod resource;
mod span;

pub use resource::Resource;
pub use span::{Attribute, Kind, Role, Span, SpanId, Status, TraceId, Value};
