//! The state machine of one connection.
//!
//! A request begins with the first HEADERS frame of a stream and its exchange is handed over when both sides have ended it,
//! or one has reset it. What an observer missed costs no more than it has to: a stream that began before it came gives no
//! exchange, as nobody could tell when it started; fields that refer to what it has not seen are unknown; after a gap the
//! streams that are open go on, with counts that are no longer said to be whole, and those that are never heard of again
//! are [`Outcome::Lost`].
//!
//! A connection that is watched from its middle should begin with `Chunk::Gap(0)` in both directions; without it the header
//! tables are taken to be empty.
//!
//! Pushed streams (RFC 9113 section 8.4) give no exchange: there is no request of which it could be told who caused it.

use super::reader::{Read, Reader};
use super::section::Section;
use super::settings::TableLimit;
use super::stream::Stream;
use crate::exchange::{Exchange, Outcome, Sink};
use crate::hpack::Decoder;
use crate::{Anomaly, Chunk, Close, Direction, Timestamp};
use std::collections::BTreeMap;

mod frames;
mod messages;

/// Bounds of one connection's memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest frame, header block and list of kept fields that are kept.
    pub head_bytes: usize,
    /// Most bytes of a header table, of which there are two.
    pub table_bytes: usize,
    /// Most streams.
    pub streams: usize,
}

/// A header block that goes on in CONTINUATION frames.
#[derive(Debug)]
struct Block {
    stream: u32,
    /// Of PUSH_PROMISE.
    promise: bool,
    end_stream: bool,
    started: Timestamp,
    /// `None` if it became too large, or its beginning was malformed.
    bytes: Option<Vec<u8>>,
}

/// One direction.
#[derive(Debug)]
struct Half {
    reader: Reader,
    decoder: Decoder,
    limit: TableLimit,
    block: Option<Box<Block>>,
    /// Nothing is understood until the next gap.
    lost: bool,
    /// Nothing more comes (FIN).
    ended: bool,
}

impl Half {
    fn new(limits: Limits) -> Self {
        Self {
            reader: Reader::default(),
            decoder: Decoder::new(limits.table_bytes),
            limit: TableLimit::new(),
            block: None,
            lost: false,
            ended: false,
        }
    }

    fn footprint(&self) -> usize {
        let block = self.block.as_ref().map_or(0, |block| {
            block.bytes.as_ref().map_or(0, Vec::capacity) + size_of::<Block>()
        });
        self.reader
            .footprint()
            .saturating_add(self.decoder.footprint())
            .saturating_add(block)
    }
}

/// One HTTP/2 connection, watched from the outside.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    request: Half,
    response: Half,
    streams: BTreeMap<u32, Stream>,
    /// Streams whose request nobody was seen to have read.
    unread: Vec<u32>,
    /// The first stream that was seen to begin, and the last; 0: none.
    first: u32,
    newest: u32,
    /// Streams above `newest` may have begun in a gap.
    unseen: bool,
    /// The last stream that the server will look at (GOAWAY).
    last: Option<u32>,
    section: Section,
}

impl Connection {
    /// A connection of which nothing was seen yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            request: Half::new(limits),
            response: Half::new(limits),
            streams: BTreeMap::new(),
            unread: Vec::new(),
            first: 0,
            newest: 0,
            unseen: false,
            last: None,
            section: Section::default(),
        }
    }

    /// The connection began as HTTP/1.1 and was upgraded to `h2c` by this exchange, of which 101 is the response: its
    /// request is stream 1, and the response is yet to come (RFC 7540 section 3.2).
    pub fn upgraded(&mut self, upgrade: Exchange) {
        let exchange = Exchange {
            stream: Some(1),
            response: None,
            response_started: None,
            outcome: Outcome::InFlight,
            ..upgrade
        };
        let mut stream = Stream::new(exchange);
        stream.request.closed = true;
        self.first = 1;
        self.newest = 1;
        self.streams.insert(1, stream);
        // The client's first settings are in a field of the request.
        self.response.limit.forget();
        self.response.decoder.set_limit(self.response.limit.get());
    }

    /// The next bytes of one direction's digest.
    pub fn push(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        if self.half(direction).ended {
            return;
        }
        match chunk {
            Chunk::Bytes(bytes) | Chunk::Head(bytes, _) => self.bytes(direction, bytes, at, sink),
            Chunk::Gap(_) => {
                sink.anomaly(Anomaly::Gap);
                self.gap(direction, at, sink);
                self.half(direction).lost = false;
            }
            // A digest counts nothing: what it leaves out is told by its entries.
            Chunk::Elided(_) => {}
        }
    }

    /// The receiving process has read from the connection: marks the requests that had come by then and were not read before.
    pub fn request_read(&mut self, at: Timestamp) {
        let streams = &mut self.streams;
        self.unread.retain(|id| {
            let Some(stream) = streams.get_mut(id) else {
                return false;
            };
            let exchange = &mut stream.exchange;
            let had_come = exchange.request_started <= at;
            if had_come {
                exchange.request_read.get_or_insert(at);
            }
            !had_come
        });
    }

    /// One direction has ended (FIN): no more bytes will come there.
    ///
    /// The end of the request direction leaves what is in flight waiting for its response; that of the response direction
    /// closes everything.
    pub fn finish(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
        self.end(direction);
        if direction == Direction::Response {
            self.hand_over_all(Outcome::Closed, at, sink);
            return;
        }
        for stream in self.streams.values_mut() {
            stream.request.closed = true;
        }
        self.hand_over_where(Outcome::Complete, at, sink, Stream::is_over);
    }

    /// The connection has ended; exchanges in flight are handed over as they are.
    pub fn close(&mut self, why: Close, at: Timestamp, sink: &mut dyn Sink) {
        let outcome = match why {
            Close::Finished => Outcome::Closed,
            Close::Reset => Outcome::Reset,
            Close::Unwatched => Outcome::InFlight,
        };
        self.end(Direction::Request);
        self.end(Direction::Response);
        self.hand_over_all(outcome, at, sink);
        self.section = Section::default();
    }

    /// When the oldest exchange in flight began: lets the owner find the ones to expire.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        let streams = self.streams.values();
        streams.map(|stream| stream.exchange.request_started).min()
    }

    /// Hands over exchanges that began at or before `limit` as `Outcome::InFlight`. What comes of their streams later is
    /// passed over.
    pub fn expire(&mut self, limit: Timestamp, now: Timestamp, sink: &mut dyn Sink) {
        self.hand_over_where(Outcome::InFlight, now, sink, |stream| {
            stream.exchange.request_started <= limit
        });
    }

    /// Heap bytes held.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let unread = self.unread.capacity().saturating_mul(size_of::<u32>());
        let parts = [
            self.request.footprint(),
            self.response.footprint(),
            self.section.footprint(),
            unread,
        ];
        let streams = self.streams.values().map(Stream::footprint);
        streams.chain(parts).fold(0, usize::saturating_add)
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    fn end(&mut self, direction: Direction) {
        let limits = self.limits;
        let half = self.half(direction);
        *half = Half::new(limits);
        half.ended = true;
    }

    fn bytes(&mut self, direction: Direction, bytes: &[u8], at: Timestamp, sink: &mut dyn Sink) {
        let limit = self.limits.head_bytes;
        let mut rest = bytes;
        let mut reader = std::mem::take(&mut self.half(direction).reader);
        while !self.half(direction).lost {
            let Some(read) = reader.next(&mut rest, at, limit) else {
                break;
            };
            match read {
                Read::Frame {
                    header,
                    payload,
                    started,
                } => self.frame(direction, header, payload, (started, at), sink),
                Read::TooLarge { header, started } => {
                    self.too_large(direction, header, (started, at), sink);
                }
                Read::Foreign => {
                    sink.anomaly(Anomaly::MalformedFrame);
                    self.gap(direction, at, sink);
                    self.half(direction).lost = true;
                }
            }
        }
        if !self.half(direction).lost {
            self.half(direction).reader = reader;
        }
    }

    /// Frames of one direction were missed.
    fn gap(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
        for affected in [Direction::Request, Direction::Response] {
            // Settings of one direction are in force in the other, acknowledgements in their own.
            let half = self.half(affected);
            half.limit.forget();
            half.decoder.set_limit(half.limit.get());
        }
        let half = self.half(direction);
        half.reader = Reader::default();
        half.decoder.forget();
        half.block = None;
        for stream in self.streams.values_mut() {
            let side = stream.side(direction);
            side.hole |= side.ended.is_none();
        }
        if direction == Direction::Request {
            self.unseen = true;
            self.hand_over_where(Outcome::Complete, at, sink, Stream::is_over);
        }
    }

    /// Hands over a stream if there is nothing more to come of it.
    fn settle(&mut self, id: u32, at: Timestamp, sink: &mut dyn Sink) {
        if self.streams.get(&id).is_some_and(Stream::is_over) {
            self.hand_over(id, Outcome::Complete, at, sink);
        }
    }

    fn hand_over(&mut self, id: u32, outcome: Outcome, at: Timestamp, sink: &mut dyn Sink) {
        if let Some(stream) = self.streams.remove(&id) {
            let outcome = stream.left(outcome);
            sink.exchange(stream.into_exchange(outcome, at));
        }
    }

    fn hand_over_where(
        &mut self,
        outcome: Outcome,
        at: Timestamp,
        sink: &mut dyn Sink,
        wanted: impl Fn(&Stream) -> bool,
    ) {
        let streams = self.streams.iter();
        let ids: Vec<u32> = streams
            .filter(|(_, stream)| wanted(stream))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.hand_over(id, outcome, at, sink);
        }
    }

    fn hand_over_all(&mut self, outcome: Outcome, at: Timestamp, sink: &mut dyn Sink) {
        self.unread = Vec::new();
        for stream in std::mem::take(&mut self.streams).into_values() {
            let outcome = stream.left(outcome);
            sink.exchange(stream.into_exchange(outcome, at));
        }
    }
}

#[cfg(test)]
mod tests;
