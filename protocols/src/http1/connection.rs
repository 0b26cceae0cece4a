//! The state machine of one connection.
//!
//! Responses belong to requests by order alone (RFC 9112 section 9.3.2), so a lost byte endangers more
//! than its own message: an unseen request shifts every later pair. After a loss the connection is
//! *adrift*: requests that were in flight before it keep their responses where that is certain, later
//! ones are handed over as [`Outcome::Lost`] until one starts while nothing else is going on. A client
//! that does not pipeline has then received everything before it, and pairing starts anew. On a
//! connection that was seen to pipeline nothing can be concluded from quiet: its requests stay `Lost`.
//!
//! A connection that is watched from its middle should begin with `Chunk::Gap(0)` in both directions;
//! without it the first bytes are taken for the first of the connection, and binary ones for another
//! protocol.
//!
//! Counted bytes (`Chunk::Elided`) of a chunked body keep the decoder's place as long as they are content
//! of one chunk. Once framing was left out too, the rest of that body has to be counted as well, and only
//! the capture side can tell its end; bytes in between are a malformed chunk.
//!
//! What follows a CONNECT request is not looked at until its response: clients may already speak the
//! tunnelled protocol.

use self::heads::Piece;
use super::half::{self, Half, Hole, Phase};
use super::in_flight::InFlight;
use crate::exchange::{Outcome, Sink};
use crate::{Anomaly, Chunk, Close, Direction, Elided, Label, Timestamp};

mod heads;
mod pairing;

/// Bounds of one connection's memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest head that is kept while it is incomplete.
    pub head_bytes: usize,
    /// Most requests without a response.
    pub in_flight: usize,
}

/// One HTTP/1.x connection, watched from the outside.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    request: Half,
    response: Half,
    in_flight: InFlight,
    /// A response without a place in `in_flight` may come behind those that have one.
    adrift: bool,
    /// Pairing starts anew with the one request in flight, which has no response yet.
    tentative: bool,
    /// Requests were seen to be sent before the response to an earlier one had begun.
    pipelined: bool,
    /// A head was understood: this is HTTP/1.
    proven: bool,
    /// The first bytes seen are said not to be the connection's first.
    joined_late: bool,
    opaque: bool,
    /// Chunks passed over before any head was understood.
    strangers: u8,
}

/// A table of connections holds one for each idle socket.
const _: () = assert!(size_of::<Connection>() <= 256);

/// So many chunks without a start line, from the first on, are not HTTP/1.
const STRANGERS: u8 = 16;

impl Connection {
    /// A connection of which nothing was seen yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            request: Half::new(),
            response: Half::new(),
            in_flight: InFlight::default(),
            adrift: false,
            tentative: false,
            pipelined: false,
            proven: false,
            joined_late: false,
            opaque: false,
            strangers: 0,
        }
    }

    /// The next bytes of one direction.
    pub fn push(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        if self.opaque || self.half(direction).phase == Phase::Ended {
            return;
        }
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(direction, bytes, None, at, sink),
            Chunk::Head(bytes, label) => self.bytes(direction, bytes, Some(label), at, sink),
            Chunk::Elided(elided) => self.elided(direction, elided, at, sink),
            Chunk::Gap(bytes) => self.gap(direction, bytes, at, sink),
        }
    }

    /// The receiving process has read from the connection: marks the requests not read before.
    pub fn request_read(&mut self, at: Timestamp) {
        self.in_flight.read(at);
    }

    /// One direction has ended (FIN): no more bytes will come there.
    ///
    /// The end of the request direction leaves what is in flight waiting for its response. The end of
    /// the response direction completes a body that is delimited by it and closes everything else.
    pub fn finish(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
        if direction == Direction::Request {
            self.request.end();
            self.in_flight.request_lost();
            return;
        }
        let outcome = match self.response.phase {
            // The response may have been in what was lost.
            Phase::Lost => Outcome::Lost,
            _ => Outcome::Closed,
        };
        if self.response.phase == Phase::UntilClose {
            self.in_flight.response_end(Outcome::Complete, at, sink);
        }
        self.response.end();
        self.in_flight.hand_over_all(outcome, at, sink);
    }

    /// The connection has ended; exchanges in flight are handed over as they are.
    pub fn close(&mut self, why: Close, at: Timestamp, sink: &mut dyn Sink) {
        match why {
            Close::Finished => self.finish(Direction::Response, at, sink),
            Close::Reset => self.in_flight.hand_over_all(Outcome::Reset, at, sink),
            Close::Unwatched => self.in_flight.hand_over_all(Outcome::InFlight, at, sink),
        }
        self.request.end();
        self.response.end();
    }

    /// When the oldest exchange in flight began: lets the owner find the ones to expire.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.in_flight.oldest()
    }

    /// Hands over exchanges that began at or before `limit` as `Outcome::InFlight`. Their responses are
    /// still recognised, and dropped, so that later ones find their requests.
    pub fn expire(&mut self, limit: Timestamp, now: Timestamp, sink: &mut dyn Sink) {
        self.in_flight.expire(limit, now, sink);
    }

    /// True once the connection has left HTTP/1 (upgrade, tunnel, or it never was HTTP/1).
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// Heap bytes held.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.in_flight
            .footprint()
            .saturating_add(self.request.footprint())
            .saturating_add(self.response.footprint())
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    fn bytes(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        label: Option<Label>,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        let mut rest = bytes;
        if !rest.is_empty() && self.half(direction).phase == Phase::Lost {
            if !half::begins_message(direction, bytes) {
                self.skip(direction, at, sink);
                return;
            }
            self.half(direction).phase = Phase::Head;
        }
        while !rest.is_empty() && !self.opaque {
            let piece = Piece {
                bytes: rest,
                inner: rest.len() < bytes.len(),
                label,
                at,
            };
            let used = match self.half(direction).phase {
                Phase::Head => self.head(direction, piece, sink),
                // Lost on the way: the next chunk may begin with a start line.
                Phase::Lost | Phase::Ended => {
                    self.skip(direction, at, sink);
                    return;
                }
                _ => self.body(direction, rest, at, sink),
            };
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// Bytes are passed over in search of a start line.
    fn skip(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
        if direction == Direction::Request {
            self.drift(at, sink);
        }
        if self.proven || self.joined_late {
            return;
        }
        self.strangers = self.strangers.saturating_add(1);
        if self.strangers >= STRANGERS {
            self.leave(at, sink);
        }
    }

    /// Takes body bytes; how many.
    fn body(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> usize {
        let progress = self.half(direction).body(bytes);
        self.content(direction, progress.content);
        if progress.end {
            self.message_end(direction, at, sink);
        }
        if progress.malformed {
            sink.anomaly(Anomaly::MalformedChunk);
            self.lose(direction, at, sink);
        }
        progress.used
    }

    fn elided(&mut self, direction: Direction, elided: Elided, at: Timestamp, sink: &mut dyn Sink) {
        let half = self.half(direction);
        if half.phase == Phase::Lost {
            return;
        }
        if half.phase == Phase::Head {
            if elided.bytes > 0 || half.has_partial_head() {
                sink.anomaly(Anomaly::MalformedFraming);
                self.lose(direction, at, sink);
            }
            return;
        }
        let (content, end, conflict) = half.elided(elided);
        self.content(direction, content);
        if conflict {
            sink.anomaly(Anomaly::MalformedFraming);
        }
        // The capture side's word on an end is taken; its going on after ours leaves no footing.
        if conflict && !elided.end {
            self.lose(direction, at, sink);
        } else if end {
            self.message_end(direction, at, sink);
        }
    }

    fn gap(&mut self, direction: Direction, bytes: u64, at: Timestamp, sink: &mut dyn Sink) {
        sink.anomaly(Anomaly::Gap);
        self.joined_late |= !self.proven;
        match self.half(direction).hole(bytes) {
            Hole::Content { end } => {
                self.content(direction, bytes);
                if end {
                    self.message_end(direction, at, sink);
                }
            }
            Hole::Footing => self.lose(direction, at, sink),
        }
    }

    fn content(&mut self, direction: Direction, bytes: u64) {
        match direction {
            Direction::Request => self.in_flight.request_content(bytes),
            Direction::Response => self.in_flight.response_content(bytes),
        }
    }

    fn message_end(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
        match direction {
            Direction::Request => self.in_flight.request_end(at),
            Direction::Response => self.in_flight.response_end(Outcome::Complete, at, sink),
        }
    }
}

#[cfg(test)]
mod tests;
