//! One stream that is open, or of which a direction is (RFC 9113 section 5.1).

use super::frame;
use crate::exchange::{Body, Exchange, Field, Outcome, Reset};
use crate::{Direction, Timestamp};

/// One direction of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    size: u64,
    /// gRPC messages, as long as they are all counted.
    messages: Option<u32>,
    /// When END_STREAM was seen.
    pub(super) ended: Option<Timestamp>,
    /// No more of it will be seen.
    pub(super) closed: bool,
    /// Frames of it may have been missed.
    pub(super) hole: bool,
}

impl Side {
    const fn new() -> Self {
        Self {
            size: 0,
            messages: Some(0),
            ended: None,
            closed: false,
            hole: false,
        }
    }

    /// A DATA frame with so many bytes of content.
    pub(super) fn content(&mut self, bytes: u32, messages: u16, unsure: bool) {
        self.size = self.size.saturating_add(bytes.into());
        self.messages = self
            .messages
            .filter(|_| !unsure)
            .map(|count| count.saturating_add(messages.into()));
    }

    pub(super) fn end(&mut self, at: Timestamp) {
        self.ended = Some(at);
        self.closed = true;
    }

    fn body(&self, kind: Content) -> Body {
        let whole = !self.hole;
        let counted = self.messages.filter(|&count| match kind {
            Content::Messages => true,
            Content::Other => false,
            Content::Unknown => count > 0,
        });
        Body {
            size: self.size,
            complete: whole && self.ended.is_some(),
            messages: counted.filter(|_| whole),
        }
    }
}

/// What the content of an exchange is.
#[derive(Clone, Copy, Debug)]
enum Content {
    /// gRPC's messages, or those of its kin, which have the same prefix.
    Messages,
    Other,
    /// Its type is among the fields that are not known; only gRPC's messages are counted at all.
    Unknown,
}

/// A stream and its exchange.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) exchange: Exchange,
    pub(super) request: Side,
    pub(super) response: Side,
    /// It began behind the last stream of a GOAWAY: the server will not look at it.
    pub(super) refused: bool,
}

impl Stream {
    pub(super) fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            request: Side::new(),
            response: Side::new(),
            refused: false,
        }
    }

    pub(super) fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// Both sides are done, or what is missing of the request will not be told.
    pub(super) fn is_over(&self) -> bool {
        self.response.ended.is_some() && (self.request.closed || self.request.hole)
    }

    /// The exchange when the stream is reset.
    pub(super) fn reset(mut self, reset: Reset, at: Timestamp) -> Exchange {
        // Behind a whole response it only says that the rest of the request is not wanted (section 8.1).
        if self.response.ended.is_none() {
            self.exchange.reset = Some(reset);
        }
        let refused = reset.by == Direction::Response && reset.code == frame::REFUSED_STREAM;
        let outcome = if refused {
            Outcome::Refused
        } else {
            Outcome::Reset
        };
        self.into_exchange(outcome, at)
    }

    /// The exchange as it is; `outcome` and `at` if its end was not seen.
    pub(super) fn into_exchange(self, outcome: Outcome, at: Timestamp) -> Exchange {
        let [asked, answered] = self.content();
        let mut exchange = self.exchange;
        exchange.request_ended = exchange.request_ended.or(self.request.ended);
        // Of an upgraded request the content was counted before.
        if self.request.ended.is_some() || !exchange.request_body.complete {
            exchange.request_body = self.request.body(asked);
        }
        exchange.response_body = self.response.body(answered);
        (exchange.outcome, exchange.ended) = match self.response.ended {
            Some(ended) => (Outcome::Complete, ended),
            None if self.refused => (Outcome::Refused, at),
            None => (outcome, at),
        };
        exchange
    }

    /// What a close that says nothing of this stream leaves of it.
    pub(super) fn left(&self, outcome: Outcome) -> Outcome {
        match outcome {
            // Its end may have been in what was missed.
            Outcome::Closed | Outcome::InFlight if self.response.hole => Outcome::Lost,
            outcome => outcome,
        }
    }

    /// Heap bytes held.
    pub(super) fn footprint(&self) -> usize {
        size_of::<Self>().saturating_add(self.exchange.footprint())
    }

    /// What the content of the request is, and of the response; what one does not say the other tells.
    fn content(&self) -> [Content; 2] {
        let request = self.exchange.request.field(Field::ContentType);
        let response = self.exchange.response.as_ref();
        let response = response.and_then(|response| response.field(Field::ContentType));
        [request.or(response), response.or(request)].map(|kind| match kind {
            Some(kind) if kind.starts_with(b"application/grpc") => Content::Messages,
            Some(kind) if kind.starts_with(b"application/connect+") => Content::Messages,
            None if self.exchange.request.has_unknown() => Content::Unknown,
            _ => Content::Other,
        })
    }
}
