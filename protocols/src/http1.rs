//! HTTP/1.x (RFC 9112) as a passive observer sees it: heads parsed, bodies counted, requests and
//! responses paired in order.

mod connection;
mod exchange;
mod head;

pub use connection::{Connection, Limits, Sink};
pub use exchange::{Body, Exchange, Outcome};
pub use head::{Field, HeadError, RequestHead, ResponseHead};
