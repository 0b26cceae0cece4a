//! One request and what became of it.

use super::{RequestHead, ResponseHead};
use crate::Timestamp;

/// The content of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Content bytes seen, without the framing of the chunked transfer coding.
    pub size: u64,
    /// The message ended where its framing said; only then is `size` the body's size.
    pub complete: bool,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response was seen to its last byte.
    Complete,
    /// 101 Switching Protocols, or a 2xx to CONNECT: what follows is not HTTP/1.
    Upgraded,
    /// The connection ended (FIN, close) before the response did.
    Closed,
    /// The connection was reset before the response ended.
    Reset,
    /// Still going on when it was given up (`Connection::expire`, or `Close::Unwatched`).
    InFlight,
    /// Captured bytes were lost, the end is not known.
    Lost,
}

/// What the owner of a connection attaches to a request; not looked at here.
pub type Label = [u8; 40];

/// One request with its final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What was attached to the request (`Connection::label`).
    pub label: Option<Label>,
    /// Request line and header section.
    pub request: RequestHead,
    /// First byte of the request.
    pub request_started: Timestamp,
    /// When the receiving process first read of it, where that was told (`Connection::request_read`).
    pub request_read: Option<Timestamp>,
    /// Last byte of the request, if it was seen.
    pub request_ended: Option<Timestamp>,
    /// Content of the request.
    pub request_body: Body,
    /// The final response (never a 1xx other than 101).
    pub response: Option<ResponseHead>,
    /// First byte of the final response.
    pub response_started: Option<Timestamp>,
    /// Content of the response.
    pub response_body: Body,
    /// Last byte of the response, or the moment the exchange was given up.
    pub ended: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
}
