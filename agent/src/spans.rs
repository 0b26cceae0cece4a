//! From exchanges to OpenTelemetry spans, in the names of the semantic conventions.
//!
//! Pure: no sockets, no files. What it does not do: decide causality (the kernel does), sample, send.

pub mod forwarded;
pub mod http;
mod ids;
pub mod redact;
mod resource;
pub mod route;
mod span;
pub mod trace_context;

pub use ids::IdGenerator;
pub use resource::Resource;
pub use span::{Attribute, Kind, Link, Role, Span, SpanId, Status, TraceId, Value};
