//! From bytes to heads: in place where a chunk holds the whole head, else put together.

use super::Connection;
use crate::exchange::Sink;
use crate::http1::HeadError;
use crate::http1::half::{self, Assembly};
use crate::http1::head::{parse_request, parse_response};
use crate::{Anomaly, Direction, Label, Timestamp};

/// What is left of a chunk where a head is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// There were other bytes of the same chunk before these.
    pub(super) inner: bool,
    /// Of the request whose head ends with the last of these bytes.
    pub(super) label: Option<Label>,
    /// When the chunk came.
    pub(super) at: Timestamp,
}

impl<'a> Piece<'a> {
    /// Other bytes, with which the chunk ends as well or does not.
    fn of(self, bytes: &'a [u8], ends: bool) -> Self {
        let label = self.label.filter(|_| ends);
        Self {
            bytes,
            label,
            ..self
        }
    }
}

impl Connection {
    /// Takes bytes of a head; how many.
    pub(super) fn head(
        &mut self,
        direction: Direction,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) -> usize {
        let limit = self.limits.head_bytes;
        if self.half(direction).has_partial_head() {
            return self.head_continued(direction, piece, sink);
        }
        let Piece { bytes, at, .. } = piece;
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
        let ends = start.len() == bytes.len();
        let used = match self.whole_head(direction, piece.of(start, ends), sink) {
            Ok(length) => length,
            Err(HeadError::Malformed) => {
                self.malformed(direction, start, at, sink);
                bytes.len()
            }
            Err(HeadError::Incomplete) => {
                self.head_continued(direction, piece.of(bytes, true), sink)
            }
        };
        blank.saturating_add(used)
    }

    /// Adds to a head that did not come in one piece.
    pub(super) fn head_continued(
        &mut self,
        direction: Direction,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) -> usize {
        let limit = self.limits.head_bytes;
        let Piece { bytes, at, .. } = piece;
        match self.half(direction).assemble(bytes, limit) {
            Assembly::Complete(head, used) => {
                let ends = used == bytes.len();
                let whole = Piece {
                    inner: false,
                    ..piece.of(&head, ends)
                };
                if self.whole_head(direction, whole, sink).is_ok() {
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
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Result<usize, HeadError> {
        match direction {
            Direction::Request => {
                let request = parse_request(piece.bytes)?;
                let length = request.length;
                self.proven = true;
                let ends = length == piece.bytes.len();
                self.request_head(request, piece.of(piece.bytes, ends), sink);
                Ok(length)
            }
            Direction::Response => {
                let response = parse_response(piece.bytes)?;
                self.proven = true;
                let length = response.length;
                self.response_head(response, piece.at, sink);
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
