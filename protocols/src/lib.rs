//! Pure protocol state machines: the bytes of a connection in, [`Exchange`]s out.
//!
//! Nothing here does I/O, reads a clock, spawns or waits; time comes in with the bytes. The input is
//! what the capture side could see: bytes, bytes it counted without copying, and holes. Any split of
//! the same bytes gives the same exchanges. OpenTelemetry names do not appear here: they are the
//! agent's business.
#![forbid(unsafe_code)]

pub mod anomaly;
pub mod chunk;
pub mod exchange;
pub mod hpack;
pub mod http1;
pub mod http2;

pub use anomaly::Anomaly;
pub use chunk::{Chunk, Close, Direction, Elided, Label, Timestamp};
pub use exchange::Exchange;
