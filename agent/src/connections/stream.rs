//! One direction of a connection: turns records into the chunks a parser takes.

use sonde_common::record::{DataHeader, flag};
use sonde_protocols::{Chunk, Elided};

/// Position in one direction's stream of bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stream {
    next: u64,
}

impl Stream {
    /// The chunks of a record, in order: what was missed, what was captured, what was counted. A record
    /// that lies behind the position has been seen and yields nothing.
    pub fn chunks<'a>(
        &mut self,
        header: &DataHeader,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Chunk<'a>> {
        let seen = header.offset < self.next;
        let missed = header.offset.saturating_sub(self.next);
        let gap = missed > 0 || header.flags & flag::GAP != 0;
        if !seen {
            self.next = header.offset + header.captured as u64 + header.elided;
        }
        let end = header.flags & flag::END_OF_MESSAGE != 0;
        let counted = header.elided > 0 || (header.captured == 0 && end);
        let elided = Elided {
            bytes: header.elided,
            content: header.content,
            end,
        };
        [
            gap.then_some(Chunk::Gap(missed)),
            (!bytes.is_empty()).then_some(Chunk::Bytes(bytes)),
            counted.then_some(Chunk::Elided(elided)),
        ]
        .into_iter()
        .flatten()
        .filter(move |_| !seen)
    }

    /// Bytes counted at the end of the connection that no record told of.
    #[must_use]
    pub fn rest(counted: [u64; 2]) -> Option<Chunk<'static>> {
        let [bytes, content] = counted;
        (bytes > 0).then_some(Chunk::Elided(Elided {
            bytes,
            content,
            end: false,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;
    use sonde_common::record::{DataHeader, flag};
    use sonde_protocols::{Chunk, Elided};

    fn header(offset: u64, captured: u16, elided: u64, flags: u16) -> DataHeader {
        DataHeader {
            offset,
            captured,
            elided,
            content: elided,
            flags,
            ..DataHeader::default()
        }
    }

    #[test]
    fn records_become_chunks() {
        let mut stream = Stream::default();
        let mut check = |header: DataHeader, expected: &[Chunk<'_>]| {
            let bytes = &b"0123456789"[..header.captured.into()];
            let chunks: Vec<_> = stream.chunks(&header, bytes).collect();
            assert_eq!(chunks, expected, "{header:?}");
        };
        let elided = |bytes, end| {
            Chunk::Elided(Elided {
                bytes,
                content: bytes,
                end,
            })
        };
        check(header(0, 4, 0, 0), &[Chunk::Bytes(b"0123")]);
        check(
            header(4, 2, 7, flag::END_OF_MESSAGE),
            &[Chunk::Bytes(b"01"), elided(7, true)],
        );
        check(header(4, 2, 7, 0), &[]);
        check(header(13, 0, 5, 0), &[elided(5, false)]);
        check(header(28, 1, 0, 0), &[Chunk::Gap(10), Chunk::Bytes(b"0")]);
        check(header(29, 0, 0, flag::FIN), &[]);
    }
}
