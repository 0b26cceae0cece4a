//! One direction of a connection: turns records into the chunks a parser takes.

use sonde_common::context::SpanContext;
use sonde_common::record::{DataHeader, flag};
use sonde_protocols::{Chunk, Elided, Label};

/// Records kept until the bytes before them come; more is a gap.
const MOST_HELD: usize = 64;

/// Position in one direction's stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Stream {
    next: u64,
    /// Captured early, by offset; none in all but a few streams.
    early: Option<Box<Early>>,
}

type Early = Vec<(u64, Box<[u8]>)>;

impl Stream {
    /// Puts a record in its place and hands on the chunks that are in order now: what was missed, what
    /// was captured, what was counted. A record behind the position has been seen and yields nothing.
    pub(super) fn push(
        &mut self,
        header: &DataHeader,
        bytes: &[u8],
        mut feed: impl FnMut(Chunk<'_>),
    ) {
        if header.flags & flag::OUT_OF_ORDER != 0 && header.offset > self.next {
            self.keep(header.offset, bytes);
            return;
        }
        // What was kept and lies before this record will get no company any more.
        self.release(header.offset, &mut feed);
        self.take(header, bytes, &mut feed);
        self.release(self.next.saturating_add(1), &mut feed);
    }

    fn take(&mut self, header: &DataHeader, bytes: &[u8], feed: &mut impl FnMut(Chunk<'_>)) {
        if !self.reach(header.offset, feed) {
            return;
        }
        self.next = header.offset + u64::from(header.captured) + header.elided;
        if !bytes.is_empty() {
            feed(captured(header, bytes));
        }
        let end = header.flags & flag::END_OF_MESSAGE != 0;
        if header.elided > 0 || (header.captured == 0 && end) {
            feed(Chunk::Elided(Elided {
                bytes: header.elided,
                content: header.content,
                end,
            }));
        }
    }

    /// Goes to `offset`, over a gap if need be. False if that lies behind.
    fn reach(&mut self, offset: u64, feed: &mut impl FnMut(Chunk<'_>)) -> bool {
        if offset < self.next {
            return false;
        }
        if offset > self.next {
            feed(Chunk::Gap(offset - self.next));
        }
        true
    }

    fn keep(&mut self, offset: u64, bytes: &[u8]) {
        let early = self.early.get_or_insert_default();
        if early.len() < MOST_HELD {
            let place = early.partition_point(|(other, _)| *other <= offset);
            early.insert(place, (offset, bytes.into()));
        }
    }

    /// Hands on what was kept and begins before `limit`.
    fn release(&mut self, limit: u64, feed: &mut impl FnMut(Chunk<'_>)) {
        let Some(mut early) = self.early.take() else {
            return;
        };
        let mut limit = limit;
        while early.first().is_some_and(|(offset, _)| *offset < limit) {
            let (offset, bytes) = early.remove(0);
            if self.reach(offset, feed) {
                self.next = offset + bytes.len() as u64;
                feed(Chunk::Bytes(&bytes));
                limit = limit.max(self.next.saturating_add(1));
            }
        }
        if !early.is_empty() {
            self.early = Some(early);
        }
    }

    /// Bytes counted at the end of the connection that no record told of.
    #[must_use]
    pub(super) fn rest(counted: [u64; 2]) -> Option<Chunk<'static>> {
        let [bytes, content] = counted;
        (bytes > 0).then_some(Chunk::Elided(Elided {
            bytes,
            content,
            end: false,
        }))
    }
}

/// The captured bytes of a record, with the span of the request whose head ends with them.
fn captured<'a>(header: &DataHeader, bytes: &'a [u8]) -> Chunk<'a> {
    if header.span.is_some() {
        Chunk::Head(bytes, label(&header.span))
    } else {
        Chunk::Bytes(bytes)
    }
}

/// A span as bytes.
fn label(span: &SpanContext) -> Label {
    let mut label = [0; 40];
    label[..16].copy_from_slice(&span.trace_id);
    label[16..24].copy_from_slice(&span.span_id);
    label[24..32].copy_from_slice(&span.parent_id);
    label[32] = span.flags;
    label[33] = span.origin;
    label[34] = span.at_work;
    label
}

#[cfg(test)]
mod tests {
    use super::Stream;
    use sonde_common::record::{DataHeader, flag};

    /// Pushes records `(offset, captured, elided, flags)` and gives the chunks as text.
    fn chunks(records: &[(u64, u16, u64, u16)]) -> Vec<String> {
        let mut stream = Stream::default();
        let mut seen = Vec::new();
        for (offset, captured, elided, flags) in records {
            let header = DataHeader {
                offset: *offset,
                captured: *captured,
                elided: *elided,
                content: *elided,
                flags: *flags,
                ..DataHeader::default()
            };
            let bytes = vec![b'x'; usize::from(*captured)];
            stream.push(&header, &bytes, |chunk| {
                seen.push(match chunk {
                    sonde_protocols::Chunk::Bytes(bytes) => format!("bytes {}", bytes.len()),
                    sonde_protocols::Chunk::Elided(elided) if elided.end => {
                        format!("end {}", elided.bytes)
                    }
                    sonde_protocols::Chunk::Elided(elided) => format!("elided {}", elided.bytes),
                    sonde_protocols::Chunk::Head(bytes, label) => {
                        format!("head {} {}", bytes.len(), label[0])
                    }
                    sonde_protocols::Chunk::Gap(missed) => format!("gap {missed}"),
                });
            });
        }
        seen
    }

    #[test]
    fn records_become_chunks_in_order() {
        const END: u16 = flag::END_OF_MESSAGE;
        const EARLY: u16 = flag::OUT_OF_ORDER;
        let check = |records: &[(u64, u16, u64, u16)], expected: &[&str]| {
            assert_eq!(chunks(records), expected, "{records:?}");
        };
        check(
            &[(0, 4, 0, 0), (4, 2, 7, END)],
            &["bytes 4", "bytes 2", "end 7"],
        );
        check(&[(0, 4, 0, 0), (0, 4, 0, 0)], &["bytes 4"]);
        check(&[(0, 0, 5, 0), (5, 0, 0, flag::FIN)], &["elided 5"]);
        check(
            &[(0, 4, 0, 0), (9, 1, 0, 0)],
            &["bytes 4", "gap 5", "bytes 1"],
        );
        check(&[(4, 3, 0, EARLY), (0, 4, 0, 0)], &["bytes 4", "bytes 3"]);
        check(
            &[
                (7, 1, 0, EARLY),
                (4, 3, 0, EARLY),
                (0, 4, 0, 0),
                (8, 2, 0, 0),
            ],
            &["bytes 4", "bytes 3", "bytes 1", "bytes 2"],
        );
        check(
            &[(4, 3, 0, EARLY), (20, 1, 0, 0)],
            &["gap 4", "bytes 3", "gap 13", "bytes 1"],
        );
        check(
            &[(4, 3, 0, EARLY), (0, 4, 0, 0), (9, 1, 0, 0)],
            &["bytes 4", "bytes 3", "gap 2", "bytes 1"],
        );
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let records: Vec<_> = (1..1000)
            .map(|at| (at * 10, 1, 0, flag::OUT_OF_ORDER))
            .collect();
        assert!(chunks(&records).is_empty());
    }
}
