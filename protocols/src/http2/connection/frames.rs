//! What each frame does (RFC 9113 section 6).

use super::{Block, Connection};
use crate::exchange::{Outcome, Reset, Sink};
use crate::http2::frame::{self, Header};
use crate::http2::stream::Stream;
use crate::{Anomaly, Direction, Timestamp};

/// When a frame began and ended.
pub(super) type Times = (Timestamp, Timestamp);

impl Connection {
    /// Takes a whole frame.
    pub(super) fn frame(
        &mut self,
        direction: Direction,
        header: Header,
        payload: &[u8],
        times: Times,
        sink: &mut dyn Sink,
    ) {
        self.broken_block(direction, header, times, sink);
        let at = times.1;
        let sound = match header.kind {
            frame::HEADERS | frame::PUSH_PROMISE => {
                self.block(direction, header, payload, times, sink)
            }
            frame::CONTINUATION => self.continuation(direction, header, payload, at, sink),
            frame::DATA => self.data(direction, header, payload, at, sink),
            frame::RST_STREAM => self.reset(direction, header, payload, at, sink),
            frame::SETTINGS => self.settings(direction, header, payload),
            frame::GOAWAY => self.goaway(direction, header, payload, at, sink),
            _ => self.label(header, payload, at, sink),
        };
        if !sound {
            sink.anomaly(Anomaly::MalformedFrame);
        }
    }

    /// A frame whose payload was passed over.
    pub(super) fn too_large(
        &mut self,
        direction: Direction,
        header: Header,
        times: Times,
        sink: &mut dyn Sink,
    ) {
        sink.anomaly(Anomaly::HeadTooLarge);
        self.broken_block(direction, header, times, sink);
        match header.kind {
            frame::HEADERS | frame::PUSH_PROMISE => {
                self.begin_block(direction, header, None, times, sink);
            }
            frame::CONTINUATION => {
                if let Some(block) = &mut self.half(direction).block {
                    block.bytes = None;
                }
                self.end_block(direction, header, times.1, sink);
            }
            frame::SETTINGS => self.other(direction).limit.forget(),
            _ => {}
        }
    }

    fn other(&mut self, direction: Direction) -> &mut super::Half {
        match direction {
            Direction::Request => &mut self.response,
            Direction::Response => &mut self.request,
        }
    }

    /// Nothing but its CONTINUATION frames may follow the beginning of a header block (section 6.2).
    fn broken_block(
        &mut self,
        direction: Direction,
        header: Header,
        (_, at): Times,
        sink: &mut dyn Sink,
    ) {
        let stray = |block: &mut Box<Block>| {
            header.kind != frame::CONTINUATION || header.stream != block.stream
        };
        let Some(mut block) = self.half(direction).block.take_if(stray) else {
            return;
        };
        sink.anomaly(Anomaly::UnexpectedFrame);
        block.bytes = None;
        self.section(direction, *block, at, sink);
    }

    /// HEADERS or PUSH_PROMISE.
    fn block(
        &mut self,
        direction: Direction,
        header: Header,
        payload: &[u8],
        times: Times,
        sink: &mut dyn Sink,
    ) -> bool {
        let fragment = header.fragment(payload);
        self.begin_block(direction, header, fragment, times, sink);
        fragment.is_some() && header.stream != 0
    }

    fn begin_block(
        &mut self,
        direction: Direction,
        header: Header,
        fragment: Option<&[u8]>,
        (started, at): Times,
        sink: &mut dyn Sink,
    ) {
        let promise = header.kind == frame::PUSH_PROMISE;
        let mut block = Block {
            stream: header.stream,
            promise,
            end_stream: !promise && header.has(frame::END_STREAM),
            started,
            bytes: None,
        };
        if header.has(frame::END_HEADERS) {
            self.section_of(direction, &block, fragment, at, sink);
            return;
        }
        block.bytes = fragment.map(<[u8]>::to_vec);
        self.half(direction).block = Some(Box::new(block));
    }

    fn continuation(
        &mut self,
        direction: Direction,
        header: Header,
        payload: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> bool {
        let limit = self.limits.head_bytes;
        let Some(block) = &mut self.half(direction).block else {
            // Fields were in what it goes on from.
            self.half(direction).decoder.forget();
            return false;
        };
        if let Some(bytes) = &mut block.bytes {
            bytes.extend_from_slice(payload);
            if bytes.len() > limit {
                block.bytes = None;
                sink.anomaly(Anomaly::HeadTooLarge);
            }
        }
        self.end_block(direction, header, at, sink);
        true
    }

    fn end_block(
        &mut self,
        direction: Direction,
        header: Header,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        if !header.has(frame::END_HEADERS) {
            return;
        }
        if let Some(block) = self.half(direction).block.take() {
            self.section(direction, *block, at, sink);
        }
    }

    fn section(
        &mut self,
        direction: Direction,
        mut block: Block,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        let bytes = block.bytes.take();
        self.section_of(direction, &block, bytes.as_deref(), at, sink);
    }

    fn data(
        &mut self,
        direction: Direction,
        header: Header,
        payload: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> bool {
        let &[low, high, unsure, padding] = payload else {
            return false;
        };
        let content = header.length.checked_sub(padding.into());
        let Some(stream) = self.streams.get_mut(&header.stream) else {
            return header.stream != 0;
        };
        let side = stream.side(direction);
        if side.ended.is_some() {
            sink.anomaly(Anomaly::UnexpectedFrame);
            return true;
        }
        let messages = u16::from_le_bytes([low, high]);
        side.content(content.unwrap_or_default(), messages, unsure != 0);
        if header.has(frame::END_STREAM) {
            side.end(at);
            self.settle(header.stream, at, sink);
        }
        content.is_some()
    }

    fn reset(
        &mut self,
        direction: Direction,
        header: Header,
        payload: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> bool {
        let Ok(code) = payload.try_into().map(u32::from_be_bytes) else {
            return false;
        };
        if let Some(stream) = self.streams.remove(&header.stream) {
            let by = direction;
            sink.exchange(stream.reset(Reset { by, code }, at));
        }
        header.stream != 0
    }

    fn settings(&mut self, direction: Direction, header: Header, payload: &[u8]) -> bool {
        let acknowledges = header.has(frame::ACK);
        if header.stream != 0
            || !payload.len().is_multiple_of(6)
            || (acknowledges && !payload.is_empty())
        {
            return false;
        }
        let half = if acknowledges {
            let half = self.half(direction);
            half.limit.acknowledge();
            half
        } else {
            let half = self.other(direction);
            half.limit.announce(payload);
            half
        };
        half.decoder.set_limit(half.limit.get());
        true
    }

    /// The client's is about pushed streams and of no interest.
    fn goaway(
        &mut self,
        direction: Direction,
        header: Header,
        payload: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> bool {
        let Some((last, _)) = payload
            .split_first_chunk::<4>()
            .filter(|(_, code)| code.len() == 4 && header.stream == 0)
        else {
            return false;
        };
        if direction == Direction::Request {
            return true;
        }
        // The first bit is reserved. A later frame may lower the number, not raise it (section 6.8).
        let last = u32::from_be_bytes(*last) & (u32::MAX >> 1);
        let last = self.last.map_or(last, |before| before.min(last));
        self.last = Some(last);
        let behind = |stream: &Stream| {
            stream.exchange.stream.is_some_and(|id| id > last) && stream.exchange.response.is_none()
        };
        self.hand_over_where(Outcome::Refused, at, sink, behind);
        true
    }

    fn label(
        &mut self,
        header: Header,
        payload: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> bool {
        let Ok(label) = payload.try_into() else {
            return false;
        };
        let Some(stream) = self.streams.get_mut(&header.stream) else {
            return true;
        };
        stream.exchange.label.get_or_insert(label);
        if stream.refused {
            self.hand_over(header.stream, Outcome::Refused, at, sink);
        }
        true
    }
}
