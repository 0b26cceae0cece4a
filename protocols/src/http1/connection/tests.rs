mod labels;
mod properties;
mod scenarios;

use super::*;
use crate::exchange::{Body, Exchange, RequestHead};

/// Everything a connection said.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) anomalies: Vec<Anomaly>,
}

impl Sink for Heard {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }
    fn anomaly(&mut self, anomaly: Anomaly) {
        self.anomalies.push(anomaly);
    }
}

pub(super) const LIMITS: Limits = Limits {
    head_bytes: 4096,
    in_flight: 8,
};

/// A connection with a clock that ticks once a call.
pub(super) struct Watched {
    pub(super) connection: Connection,
    pub(super) heard: Heard,
    pub(super) now: u64,
}

impl Watched {
    pub(super) fn new() -> Self {
        Self {
            connection: Connection::new(LIMITS),
            heard: Heard::default(),
            now: 0,
        }
    }

    pub(super) fn push(&mut self, direction: Direction, chunk: Chunk<'_>) -> &mut Self {
        self.now += 1;
        let at = Timestamp(self.now);
        self.connection.push(direction, chunk, at, &mut self.heard);
        self
    }

    /// Request bytes.
    pub(super) fn ask(&mut self, bytes: &str) -> &mut Self {
        self.push(Direction::Request, Chunk::Bytes(bytes.as_bytes()))
    }

    /// Request bytes with which a head ends, and its label.
    pub(super) fn ask_labelled(&mut self, bytes: &str, label: u8) -> &mut Self {
        let chunk = Chunk::Head(bytes.as_bytes(), [label; 40]);
        self.push(Direction::Request, chunk)
    }

    /// Response bytes.
    pub(super) fn answer(&mut self, bytes: &str) -> &mut Self {
        self.push(Direction::Response, Chunk::Bytes(bytes.as_bytes()))
    }

    pub(super) fn finish(&mut self, direction: Direction) -> &mut Self {
        self.now += 1;
        let at = Timestamp(self.now);
        self.connection.finish(direction, at, &mut self.heard);
        self
    }

    pub(super) fn close(&mut self, why: Close) -> &mut Self {
        self.now += 1;
        let at = Timestamp(self.now);
        self.connection.close(why, at, &mut self.heard);
        self
    }

    /// `target status request-size response-size outcome`, a `+` after a size that is incomplete.
    pub(super) fn summary(&self) -> Vec<String> {
        self.heard.exchanges.iter().map(line).collect()
    }
}

fn line(exchange: &Exchange) -> String {
    let size = |body: Body| {
        let more = if body.complete { "" } else { "+" };
        format!("{}{more}", body.size)
    };
    format!(
        "{} {} {} {} {:?}",
        target(&exchange.request),
        exchange
            .response
            .as_ref()
            .map_or(0, |response| response.status.unwrap()),
        size(exchange.request_body),
        size(exchange.response_body),
        exchange.outcome
    )
}

pub(super) fn target(head: &RequestHead) -> String {
    String::from_utf8_lossy(head.target().unwrap()).into_owned()
}
