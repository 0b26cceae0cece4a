//! From exchanges to OpenTelemetry spans, in the names of the semantic conventions.
//!
//! Pure: no sockets, no files. What it does not do: decide causality (the kernel does), sample, send.

mod build;
mod convention;
mod failure;
pub mod forwarded;
mod http;
mod ids;
pub mod own;
mod place;
pub mod redact;
mod resource;
pub mod route;
mod routes;
mod rpc;
mod span;
pub mod trace_context;
#[cfg(test)]
mod wire;

pub use build::{Clock, ConnectionFacts, Memory, Options, build};
pub use ids::IdGenerator;
pub use resource::Resource;
pub use routes::Routes;
pub use span::{Attribute, Kind, Link, Role, Span, SpanId, Status, TraceId, Value};
