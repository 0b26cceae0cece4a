//! Frames out of the chunks of one direction: in place where a chunk holds the whole frame, else put together.

use super::frame::{HEADER, Header};
use crate::Timestamp;

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'r> {
    /// A frame, whole.
    Frame {
        header: Header,
        payload: &'r [u8],
        /// When its first byte came.
        started: Timestamp,
    },
    /// A frame that is too large to be kept; it is passed over.
    TooLarge { header: Header, started: Timestamp },
    /// A type that is never in a digest: what follows is not known.
    Foreign,
}

/// One direction's place in its frames.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Beginning of a frame whose end has not come; holds no memory otherwise.
    partial: Vec<u8>,
    /// `partial` is whole and was given out.
    done: bool,
    /// Bytes to pass over.
    skip: usize,
    /// When the first byte of `partial` came.
    started: Timestamp,
}

impl Reader {
    /// The next frame that ends in `rest`, of which it takes away what it has read; no payload is kept beyond `limit`.
    pub(super) fn next<'r, 'b: 'r>(
        &'r mut self,
        rest: &mut &'b [u8],
        at: Timestamp,
        limit: usize,
    ) -> Option<Read<'r>> {
        if self.done {
            self.done = false;
            self.partial = Vec::new();
        }
        let skipped = self.skip.min(rest.len());
        self.skip = self.skip.saturating_sub(skipped);
        *rest = rest.get(skipped..).unwrap_or_default();
        if rest.is_empty() {
            return None;
        }
        if !self.partial.is_empty() {
            return self.continued(rest, limit);
        }
        self.started = at;
        let Some(&bytes) = rest.first_chunk::<HEADER>() else {
            return self.continued(rest, limit);
        };
        let header = Header::parse(bytes);
        let length = match self.payload(header, limit) {
            Ok(length) => length,
            Err(read) => {
                *rest = rest.get(HEADER..).unwrap_or_default();
                return Some(read);
            }
        };
        let whole = HEADER.saturating_add(length);
        let Some((frame, after)) = rest.split_at_checked(whole) else {
            return self.continued(rest, limit);
        };
        *rest = after;
        Some(Read::Frame {
            header,
            payload: frame.get(HEADER..).unwrap_or_default(),
            started: self.started,
        })
    }

    /// Heap bytes held.
    pub(super) fn footprint(&self) -> usize {
        self.partial.capacity()
    }

    /// Adds to the frame that did not come in one piece.
    fn continued<'r>(&'r mut self, rest: &mut &[u8], limit: usize) -> Option<Read<'r>> {
        self.fill(rest, HEADER);
        let header = Header::parse(*self.partial.first_chunk()?);
        let length = match self.payload(header, limit) {
            Ok(length) => length,
            Err(read) => {
                self.partial = Vec::new();
                return Some(read);
            }
        };
        let whole = HEADER.saturating_add(length);
        self.fill(rest, whole);
        if self.partial.len() < whole {
            return None;
        }
        self.done = true;
        Some(Read::Frame {
            header,
            payload: self.partial.get(HEADER..).unwrap_or_default(),
            started: self.started,
        })
    }

    /// Bytes of the payload that follow the header, if they are to be kept.
    fn payload(&mut self, header: Header, limit: usize) -> Result<usize, Read<'static>> {
        let length = header.follows().ok_or(Read::Foreign)?;
        if length <= limit {
            return Ok(length);
        }
        self.skip = length;
        Err(Read::TooLarge {
            header,
            started: self.started,
        })
    }

    fn fill(&mut self, rest: &mut &[u8], length: usize) {
        let missing = length.saturating_sub(self.partial.len());
        let (taken, after) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
        self.partial.extend_from_slice(taken);
        *rest = after;
    }
}
