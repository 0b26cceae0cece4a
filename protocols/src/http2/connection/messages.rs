//! What a header block does: it begins a request or a response, or ends one with its trailers (RFC 9113 section 8.1).

use super::{Block, Connection};
use crate::exchange::{Exchange, Outcome, Sink};
use crate::http2::section::Section;
use crate::http2::stream::Stream;
use crate::{Anomaly, Direction, Timestamp};

impl Connection {
    /// Decodes a block and acts on it; `None` if it cannot be decoded as a whole.
    pub(super) fn section_of(
        &mut self,
        direction: Direction,
        block: &Block,
        bytes: Option<&[u8]>,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        let mut section = std::mem::take(&mut self.section);
        section.clear();
        let limit = self.limits.head_bytes;
        let decoder = &mut self.half(direction).decoder;
        match bytes.map(|bytes| decoder.decode(bytes, |line| section.take(line, direction, limit)))
        {
            Some(Ok(())) => {}
            Some(Err(_)) => {
                sink.anomaly(Anomaly::MalformedHeaderBlock);
                section.unknown = true;
            }
            None => {
                decoder.forget();
                section.unknown = true;
            }
        }
        if section.too_large {
            sink.anomaly(Anomaly::HeadTooLarge);
        } else if section.unknown {
            sink.anomaly(Anomaly::UnknownField);
        }
        let even = block.stream.is_multiple_of(2);
        match direction {
            _ if block.promise => {}
            // Also stream 0, which the frame was already found to be malformed for.
            Direction::Request if even => sink.anomaly(Anomaly::UnexpectedFrame),
            Direction::Request => self.request_section(&section, block, at, sink),
            // A pushed response.
            Direction::Response if even => {}
            Direction::Response => self.response_section(&section, block, at, sink),
        }
        self.section = section;
    }

    fn request_section(
        &mut self,
        section: &Section,
        block: &Block,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        let id = block.stream;
        if let Some(stream) = self.streams.get_mut(&id) {
            if stream.request.closed {
                sink.anomaly(Anomaly::UnexpectedFrame);
            } else if block.end_stream {
                stream.request.end(at);
                self.settle(id, at, sink);
            }
            return;
        }
        // Numbers only rise (section 5.1.1): these are the trailers of a stream that was handed over, or not seen.
        if id <= self.newest {
            return;
        }
        if self.unseen && !section.begins_message && block.end_stream {
            // It may be the trailers of a stream that was not seen to begin.
            return;
        }
        let Some(head) = section.request() else {
            sink.anomaly(Anomaly::MalformedHead);
            return;
        };
        self.begin(id, Exchange::begin(head, block.started), block, at, sink);
    }

    fn begin(
        &mut self,
        id: u32,
        mut exchange: Exchange,
        block: &Block,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        if self.first == 0 {
            self.first = id;
        }
        self.newest = id;
        self.unseen = false;
        self.make_room(at, sink);
        exchange.stream = Some(id);
        let mut stream = Stream::new(exchange);
        if block.end_stream {
            stream.request.end(at);
        }
        stream.refused = self.last.is_some_and(|last| id > last);
        self.streams.insert(id, stream);
        self.unread.push(id);
    }

    /// The oldest stream gives way.
    fn make_room(&mut self, at: Timestamp, sink: &mut dyn Sink) {
        let most = self.limits.streams.max(1);
        while self.streams.len() >= most {
            sink.anomaly(Anomaly::TooManyInFlight);
            let Some((&oldest, _)) = self.streams.first_key_value() else {
                return;
            };
            self.hand_over(oldest, Outcome::Lost, at, sink);
        }
        if self.unread.len() >= most {
            let streams = &self.streams;
            self.unread.retain(|id| streams.contains_key(id));
        }
    }

    fn response_section(
        &mut self,
        section: &Section,
        block: &Block,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        let id = block.stream;
        let Some(stream) = self.streams.get_mut(&id) else {
            let seen = (self.first..=self.newest).contains(&id);
            if !seen && section.status.is_some_and(|status| status >= 200) {
                sink.anomaly(Anomaly::ResponseWithoutRequest);
            }
            return;
        };
        if stream.response.ended.is_some() {
            sink.anomaly(Anomaly::UnexpectedFrame);
            return;
        }
        let hole = stream.response.hole;
        let exchange = &mut stream.exchange;
        let known = exchange.response.as_ref().map(|head| head.status.is_some());
        match (known, section.status) {
            // Interim (RFC 9110 section 15.2).
            (_, Some(100..=199)) => {}
            (None | Some(false), Some(_)) => respond(exchange, section, block),
            (Some(true), Some(_)) => sink.anomaly(Anomaly::UnexpectedFrame),
            // One of an unknown status that was no trailer section: what came before it was interim.
            (Some(false), None) if !block.end_stream && section.unknown => {
                respond(exchange, section, block);
            }
            (Some(_), None) => exchange.trailers = Some(section.trailers()),
            // The head may be in the hole.
            (None, None) if hole && block.end_stream && !section.begins_message => {
                exchange.trailers = Some(section.trailers());
            }
            (None, None) if section.unknown => respond(exchange, section, block),
            (None, None) => sink.anomaly(Anomaly::MalformedHead),
        }
        if block.end_stream {
            stream.response.end(at);
            self.settle(id, at, sink);
        }
    }
}

fn respond(exchange: &mut Exchange, section: &Section, block: &Block) {
    exchange.response = Some(section.response());
    exchange.response_started = Some(block.started);
}
