//! One request and what became of it: what every HTTP parser hands over, whatever the version.
//!
//! What an observer can miss is an `Option`: on an HTTP/2 connection that is older than the observer even the method may
//! be a reference to a table entry it has not seen.

use crate::{Anomaly, Direction, Label, Timestamp};

mod field;
mod head;

pub use field::{Field, Fields};
pub(crate) use head::RequestLine;
pub use head::{RequestHead, ResponseHead, Version};

/// The content of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Content bytes seen, without the framing of the chunked transfer coding and without the padding of DATA frames.
    pub size: u64,
    /// The message ended where its framing said; only then is `size` the body's size.
    pub complete: bool,
    /// gRPC messages that began in it; `None` if they were not counted, or not all of them.
    pub messages: Option<u32>,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response was seen to its last byte.
    Complete,
    /// 101 Switching Protocols, or a 2xx to CONNECT over HTTP/1: what follows is another protocol.
    Upgraded,
    /// The connection ended (FIN, close) before the response did.
    Closed,
    /// The stream (see [`Exchange::reset`]) or the connection was reset before the response ended.
    Reset,
    /// The server said that it has not processed the request and the client may repeat it: REFUSED_STREAM, or a stream
    /// above the last one of a GOAWAY (RFC 9113 section 8.7).
    Refused,
    /// Still going on when it was given up (`Connection::expire`, or `Close::Unwatched`).
    InFlight,
    /// Captured bytes were lost, the end is not known.
    Lost,
}

/// An RST_STREAM frame (RFC 9113 section 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The direction it went: [`Direction::Request`] if the client sent it.
    pub by: Direction,
    /// Its error code (RFC 9113 section 7).
    pub code: u32,
}

/// One request with its final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What was attached to the request ([`Chunk::Head`](crate::Chunk::Head), or an entry of the digest).
    pub label: Option<Label>,
    /// The stream (RFC 9113 section 5.1.1); `None` before HTTP/2.
    pub stream: Option<u32>,
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
    /// The trailer section of the response; HTTP/1's is not looked at.
    pub trailers: Option<Fields>,
    /// The RST_STREAM that ended it early.
    pub reset: Option<Reset>,
    /// Last byte of the response, or the moment the exchange was given up.
    pub ended: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
}

impl Exchange {
    /// An exchange of which only the request head is known.
    #[must_use]
    pub fn begin(request: RequestHead, started: Timestamp) -> Self {
        Self {
            label: None,
            stream: None,
            request,
            request_started: started,
            request_read: None,
            request_ended: None,
            request_body: Body::default(),
            response: None,
            response_started: None,
            response_body: Body::default(),
            trailers: None,
            reset: None,
            ended: started,
            outcome: Outcome::InFlight,
        }
    }

    /// Heap bytes held.
    pub(crate) fn footprint(&self) -> usize {
        let response = self.response.as_ref().map_or(0, ResponseHead::footprint);
        let trailers = self.trailers.as_ref().map_or(0, Fields::footprint);
        self.request
            .footprint()
            .saturating_add(response)
            .saturating_add(trailers)
    }
}

/// Where a connection's results go. Both calls are infallible.
pub trait Sink {
    /// An exchange has ended.
    fn exchange(&mut self, exchange: Exchange);
    /// Something odd was seen.
    fn anomaly(&mut self, anomaly: Anomaly);
}
