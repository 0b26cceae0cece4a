//! HTTP/1.x (RFC 9112) as a passive observer sees it: heads parsed, bodies counted, requests and
//! responses paired in order.

mod chunked;
mod connection;
mod framing;
mod half;
mod head;
mod in_flight;

pub use connection::{Connection, Limits};
pub use head::HeadError;

use head::{ParsedRequest, ParsedResponse};
