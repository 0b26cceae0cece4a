//! The state machine of one connection.

use super::Exchange;
use crate::{Anomaly, Chunk, Close, Direction, Timestamp};

/// Bounds of one connection's memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest head that is kept while it is incomplete.
    pub head_bytes: usize,
    /// Most requests without a response.
    pub in_flight: usize,
}

/// Where a connection's results go. Both calls are infallible.
pub trait Sink {
    /// An exchange has ended.
    fn exchange(&mut self, exchange: Exchange);
    /// Something odd was seen.
    fn anomaly(&mut self, anomaly: Anomaly);
}

/// One HTTP/1.x connection, watched from the outside.
#[derive(Debug)]
pub struct Connection {}

impl Connection {
    /// A connection of which nothing was seen yet.
    #[must_use]
    pub fn new(_limits: Limits) -> Self {
        Self {}
    }
    /// The next bytes of one direction.
    pub fn push(&mut self, _: Direction, _: Chunk<'_>, _at: Timestamp, _: &mut dyn Sink) {}
    /// The receiving process has read from the connection: marks the requests not read before.
    pub fn request_read(&mut self, _at: Timestamp) {}
    /// One direction has ended (FIN): no more bytes will come there.
    pub fn finish(&mut self, _: Direction, _at: Timestamp, _: &mut dyn Sink) {}
    /// The connection has ended; exchanges in flight are handed over as they are.
    pub fn close(&mut self, _: Close, _at: Timestamp, _: &mut dyn Sink) {}
    /// When the oldest exchange in flight began: lets the owner find the ones to expire.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        None
    }
    /// Hands over exchanges that began at or before `limit` as `Outcome::InFlight`.
    pub fn expire(&mut self, _limit: Timestamp, _now: Timestamp, _: &mut dyn Sink) {}
    /// True once the connection has left HTTP/1 (upgrade, tunnel, or it never was HTTP/1).
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        false
    }
    /// Heap bytes held.
    #[must_use]
    pub fn footprint(&self) -> usize {
        0
    }
}
