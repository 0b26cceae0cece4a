//! One direction of an HTTP/2 connection: puts the records of its digest (see `sonde_common::http2`) in order.

use sonde_common::record::{DataHeader, flag};
use sonde_protocols::Chunk;

/// Position in the digest of one direction.
#[derive(Debug, Default)]
pub(super) struct Digest {
    next: u64,
    /// Where a frame begins is known.
    framed: bool,
}

impl Digest {
    /// Hands on what was missed and what was captured; a record without bytes may tell of a hole alone. Behind a hole
    /// nothing is handed on until a record begins with a frame. A record behind the position has been seen and yields nothing.
    pub(super) fn push(
        &mut self,
        header: &DataHeader,
        bytes: &[u8],
        mut feed: impl FnMut(Chunk<'_>),
    ) {
        if header.offset < self.next {
            return;
        }
        if header.offset > self.next {
            feed(Chunk::Gap(header.offset - self.next));
            self.framed = false;
        }
        self.next = header.offset + bytes.len() as u64;
        self.framed |= header.flags & flag::FRAME_START != 0;
        if self.framed && !bytes.is_empty() {
            feed(Chunk::Bytes(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use sonde_common::record::{DataHeader, flag};
    use sonde_protocols::Chunk;

    /// Pushes records `(offset, bytes, flags)` and gives the chunks as text.
    fn chunks(records: &[(u64, usize, u16)]) -> Vec<String> {
        let mut digest = Digest::default();
        let mut seen = Vec::new();
        for (offset, captured, flags) in records {
            let header = DataHeader {
                offset: *offset,
                flags: *flags,
                ..DataHeader::default()
            };
            digest.push(&header, &vec![0; *captured], |chunk| {
                seen.push(match chunk {
                    Chunk::Bytes(bytes) => format!("bytes {}", bytes.len()),
                    Chunk::Head(..) => "head".to_owned(),
                    Chunk::Gap(missed) => format!("gap {missed}"),
                    Chunk::Elided(_) => "elided".to_owned(),
                });
            });
        }
        seen
    }

    #[test]
    fn records_become_chunks_from_a_frame_on() {
        const START: u16 = flag::FRAME_START;
        let check = |records: &[(u64, usize, u16)], expected: &[&str]| {
            assert_eq!(chunks(records), expected, "{records:?}");
        };
        check(&[(0, 9, START), (9, 3, 0)], &["bytes 9", "bytes 3"]);
        check(&[(0, 9, START), (0, 9, START)], &["bytes 9"]);
        check(&[(0, 9, START), (9, 0, flag::FIN)], &["bytes 9"]);
        check(
            &[(0, 9, START), (10, 0, 0), (10, 3, 0), (13, 9, START)],
            &["bytes 9", "gap 1", "bytes 9"],
        );
        check(
            &[(0, 9, START), (12, 3, START), (15, 1, 0)],
            &["bytes 9", "gap 3", "bytes 3", "bytes 1"],
        );
        check(
            &[(0, 9, START), (12, 3, 0), (15, 4, 0), (19, 9, START)],
            &["bytes 9", "gap 3", "bytes 9"],
        );
        check(&[(0, 3, 0), (3, 9, START)], &["bytes 9"]);
        check(&[(7, 9, START)], &["gap 7", "bytes 9"]);
    }
}
