//! For tests: exchanges out of the digest of an HTTP/2 connection.

use sonde_common::http2::{flag, frame};
use sonde_protocols::exchange::{Exchange, Sink};
use sonde_protocols::{Anomaly, Chunk, Close, Direction, Timestamp, http2};

/// What comes out.
#[derive(Default)]
pub(crate) struct Exchanges(pub(crate) Vec<Exchange>);

impl Sink for Exchanges {
    fn exchange(&mut self, exchange: Exchange) {
        self.0.push(exchange);
    }
    fn anomaly(&mut self, _: Anomaly) {}
}

/// One stream in the making, of a connection seen from its beginning or not.
pub(crate) struct Stream {
    connection: http2::Connection,
    done: Exchanges,
    at: u64,
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self {
            connection: http2::Connection::new(http2::Limits {
                head_bytes: 4096,
                table_bytes: 4096,
                streams: 8,
            }),
            done: Exchanges::default(),
            at: 0,
        }
    }

    /// On a connection that is older than who watches it.
    pub(crate) fn joined_late() -> Self {
        let mut stream = Self::new();
        for direction in [Direction::Request, Direction::Response] {
            stream.push(direction, Chunk::Gap(0));
        }
        stream
    }

    /// The time of what comes next, in nanoseconds.
    pub(crate) fn at(mut self, at: u64) -> Self {
        self.at = at;
        self
    }

    /// HEADERS with these lines; one that begins with a byte of 0x80 or more is an indexed field.
    pub(crate) fn headers(mut self, direction: Direction, end: bool, lines: &[&[u8]]) -> Self {
        let end = if end { flag::END_STREAM } else { 0 };
        let block: Vec<u8> = lines.iter().flat_map(|line| field(line)).collect();
        self.frame(
            direction,
            frame::HEADERS,
            flag::END_HEADERS | end,
            &block,
            None,
        );
        self
    }

    /// DATA of this length with so many messages in it.
    pub(crate) fn data(
        mut self,
        direction: Direction,
        end: bool,
        length: u16,
        messages: u8,
    ) -> Self {
        let end = if end { flag::END_STREAM } else { 0 };
        self.frame(
            direction,
            frame::DATA,
            end,
            &[messages, 0, 0, 0],
            Some(length),
        );
        self
    }

    pub(crate) fn reset(mut self, by: Direction, code: u32) -> Exchange {
        self.frame(by, frame::RST_STREAM, 0, &code.to_be_bytes(), None);
        self.end()
    }

    /// The exchange; if it is not over, the connection ends.
    pub(crate) fn end(mut self) -> Exchange {
        let at = Timestamp(self.at);
        self.connection.close(Close::Finished, at, &mut self.done);
        assert_eq!(self.done.0.len(), 1);
        self.done.0.remove(0)
    }

    fn frame(
        &mut self,
        direction: Direction,
        kind: u8,
        flags: u8,
        payload: &[u8],
        length: Option<u16>,
    ) {
        let length = length.unwrap_or_else(|| payload.len().try_into().unwrap());
        let [high, low] = length.to_be_bytes();
        let mut bytes = vec![0, high, low, kind, flags, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        self.push(direction, Chunk::Bytes(&bytes));
    }

    fn push(&mut self, direction: Direction, chunk: Chunk<'_>) {
        let at = Timestamp(self.at);
        self.connection.push(direction, chunk, at, &mut self.done);
    }
}

/// `name: value` as a literal without indexing (RFC 7541 section 6.2.2).
fn field(line: &[u8]) -> Vec<u8> {
    if line[0] >= 0x80 {
        return line.to_vec();
    }
    let split = line.windows(2).position(|pair| pair == b": ").unwrap();
    let string = |text: &[u8]| {
        let mut bytes = vec![u8::try_from(text.len()).unwrap()];
        assert!(bytes[0] < 127);
        bytes.extend_from_slice(text);
        bytes
    };
    [
        &[0][..],
        &string(&line[..split]),
        &string(&line[split + 2..]),
    ]
    .concat()
}
