//! From bytes to heads: in place where a chunk holds the whole head, else put together.

use super::Connection;
use crate::exchange::Sink;
use crate::http1::HeadError;
use crate::http1::half::{self, Assembly};
use crate::http1::head::{parse_request, parse_response};
use crate::{Anomaly, Direction, Timestamp};

impl Connection {
    /// Takes bytes of a head; how many.
    pub(super) fn head(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        inner: bool,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> usize {
        let limit = self.limits.head_bytes;
        if self.half(direction).has_partial_head() {
            return self.head_continued(direction, bytes, at, sink);
        }
        // Empty lines before a start line are passed over (RFC 9112 section 2.2).
        let line_ends = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let blank = line_ends.count();
        let bytes = bytes.get(blank..).unwrap_or_default();
        if bytes.is_empty() {
            return blank;
        }
        self.half(direction).started = at;
        let start = bytes.get(..limit).unwrap_or(bytes);
        let used = match self.whole_head(direction, start, inner, at, sink) {
            Ok(length) => length,
            Err(HeadError::Malformed) => {
                self.malformed(direction, start, at, sink);
                bytes.len()
            }
            Err(HeadError::Incomplete) => self.head_continued(direction, bytes, at, sink),
        };
        blank.saturating_add(used)
    }

    /// Adds to a head that did not come in one piece.
    pub(super) fn head_continued(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> usize {
        let limit = self.limits.head_bytes;
        match self.half(direction).assemble(bytes, limit) {
            Assembly::Complete(head, used) => {
                if self.whole_head(direction, &head, false, at, sink).is_ok() {
                    return used;
                }
                self.malformed(direction, &head, at, sink);
            }
            Assembly::TooLarge => {
                sink.anomaly(Anomaly::HeadTooLarge);
                self.lose(direction, at, sink);
            }
            Assembly::Incomplete => {
                if self
                    .half(direction)
                    .start_line_is_bad(direction, bytes.len())
                {
                    let start = self.half(direction).partial().to_vec();
                    self.malformed(direction, &start, at, sink);
                }
            }
        }
        bytes.len()
    }

    /// Parses a head where it lies; its length.
    pub(super) fn whole_head(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        inner: bool,
        at: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<usize, HeadError> {
        match direction {
            Direction::Request => {
                let request = parse_request(bytes)?;
                let length = request.length;
                self.proven = true;
                self.request_head(request, inner, at, sink);
                Ok(length)
            }
            Direction::Response => {
                let response = parse_response(bytes)?;
                self.proven = true;
                let length = response.length;
                self.response_head(response, at, sink);
                Ok(length)
            }
        }
    }

    /// Bytes where a head was due are none.
    pub(super) fn malformed(
        &mut self,
        direction: Direction,
        start: &[u8],
        at: Timestamp,
        sink: &mut dyn Sink,
    ) {
        sink.anomaly(Anomaly::MalformedHead);
        if !self.proven && !self.joined_late && half::is_foreign(start) {
            self.leave(at, sink);
        } else {
            self.lose(direction, at, sink);
        }
    }
}
