mod odd;
mod properties;
mod scenarios;
mod wire;

use fluke_hpack::Encoder;

use self::wire::{Digester, frame};
use super::*;
use crate::exchange::{Body, Field, RequestHead, Version};
use crate::http2::frame::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, RST_STREAM,
};

/// Everything a connection said.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    exchanges: Vec<Exchange>,
    anomalies: Vec<Anomaly>,
}

impl Sink for Heard {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }
    fn anomaly(&mut self, anomaly: Anomaly) {
        self.anomalies.push(anomaly);
    }
}

const LIMITS: Limits = Limits {
    head_bytes: 8192,
    table_bytes: 65_536,
    streams: 2048,
};

const POST: &[(&str, &str)] = &[
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/pkg.Service/Method"),
    (":authority", "shop:50051"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
];
const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/orders"),
    (":authority", "shop"),
];
const OK: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];
const TRAILERS: &[(&str, &str)] = &[("grpc-status", "0")];

/// A connection with both ends' encoders and a clock that ticks once a push.
struct Watched {
    connection: Connection,
    heard: Heard,
    now: u64,
    encoders: [Encoder<'static>; 2],
    digesters: [Digester; 2],
}

impl Watched {
    fn new() -> Self {
        Self::within(LIMITS)
    }

    fn within(limits: Limits) -> Self {
        Self {
            connection: Connection::new(limits),
            heard: Heard::default(),
            now: 0,
            encoders: [Encoder::new(), Encoder::new()],
            digesters: [Digester::default(), Digester::default()],
        }
    }

    fn push(&mut self, direction: Direction, chunk: Chunk<'_>) -> &mut Self {
        self.now += 1;
        let at = Timestamp(self.now);
        self.connection.push(direction, chunk, at, &mut self.heard);
        self
    }

    /// Frames of the wire.
    fn wire(&mut self, direction: Direction, wire: &[u8]) -> &mut Self {
        let digest = self.digesters[direction as usize].digest(wire);
        self.push(direction, Chunk::Bytes(&digest))
    }

    fn block(&mut self, direction: Direction, fields: &[(&str, &str)]) -> Vec<u8> {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.encoders[direction as usize].encode(fields)
    }

    fn headers(
        &mut self,
        direction: Direction,
        stream: u32,
        flags: u8,
        fields: &[(&str, &str)],
    ) -> &mut Self {
        let block = self.block(direction, fields);
        self.wire(
            direction,
            &frame(HEADERS, flags | END_HEADERS, stream, &block),
        )
    }

    fn ask(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) -> &mut Self {
        self.headers(Direction::Request, stream, flags, fields)
    }

    fn answer(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) -> &mut Self {
        self.headers(Direction::Response, stream, flags, fields)
    }

    fn ask_data(&mut self, stream: u32, flags: u8, content: &[u8]) -> &mut Self {
        self.wire(Direction::Request, &frame(DATA, flags, stream, content))
    }

    fn answer_data(&mut self, stream: u32, flags: u8, content: &[u8]) -> &mut Self {
        self.wire(Direction::Response, &frame(DATA, flags, stream, content))
    }

    fn reset(&mut self, by: Direction, stream: u32, code: u32) -> &mut Self {
        self.wire(by, &frame(RST_STREAM, 0, stream, &code.to_be_bytes()))
    }

    fn goaway(&mut self, last: u32) -> &mut Self {
        let payload = [last.to_be_bytes(), [0; 4]].concat();
        self.wire(Direction::Response, &frame(GOAWAY, 0, 0, &payload))
    }

    fn gap(&mut self, direction: Direction) -> &mut Self {
        self.push(direction, Chunk::Gap(0))
    }

    fn close(&mut self, why: Close) -> &mut Self {
        self.now += 1;
        self.connection
            .close(why, Timestamp(self.now), &mut self.heard);
        assert_eq!(self.connection.footprint(), 0);
        assert_eq!(self.connection.oldest(), None);
        self
    }

    fn summary(&self) -> Vec<String> {
        self.heard.exchanges.iter().map(line).collect()
    }
}

/// `stream target status request response outcome`; sizes with their messages, a `+` where they are not whole.
fn line(exchange: &Exchange) -> String {
    let body = |body: Body| {
        let more = if body.complete { "" } else { "+" };
        let messages = body
            .messages
            .map_or(String::new(), |count| format!("/{count}"));
        format!("{}{messages}{more}", body.size)
    };
    let target = exchange.request.target().map(String::from_utf8_lossy);
    let status = match &exchange.response {
        None => "-".to_owned(),
        Some(head) => head
            .status
            .map_or("?".to_owned(), |status| status.to_string()),
    };
    format!(
        "{} {} {status} {} {} {:?}",
        exchange.stream.unwrap(),
        target.unwrap_or("?".into()),
        body(exchange.request_body),
        body(exchange.response_body),
        exchange.outcome
    )
}
