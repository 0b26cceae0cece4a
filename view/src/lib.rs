//! The embedded trace view: what `sonde run --ui` shows, without a backend.
//!
//! It takes OTLP requests as bytes, keeps the traces in a bounded store, and answers three kinds of clients over HTTP: its
//! own page, clients of Jaeger's query API, and `sonde top`. It knows nothing of the agent; the agent hands it the batches
//! that it sends to any other exporter.
//!
//! One thread takes batches in ([`View`]), another runs the server ([`server`]); they share the store under one lock, held
//! for a few hundred spans or for one query at a time.

mod aggregate;
mod api;
mod counters;
mod guard;
mod jaeger;
mod live;
mod otlp;
mod persist;
mod receive;
mod search;
pub mod server;
mod store;
#[cfg(test)]
mod testing;
mod view;

pub use counters::Counters;
pub use guard::{Access, parse_host};
pub use live::Event;
pub use receive::receive;
pub use store::{Milliseconds, Summary};
pub use view::{Error, Options, View};
