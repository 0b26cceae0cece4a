//! All connections at hand.

use rustc_hash::FxHashMap;
use sonde_common::record::Closed;
use sonde_protocols::{Anomaly, Close, Timestamp};

use super::{Connection, Finished, MachineLimits, output::Output};
use crate::capture::{Data, OpenFacts, Protocol};

/// An accepted connection is confirmed within the same run of the kernel's softirq; the rest is stray
/// packets to a listening port.
const TENTATIVE_NANOSECONDS: u64 = 5_000_000_000;

/// Bounds of what is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections.
    pub connections: usize,
    /// Bounds of each.
    pub machine: MachineLimits,
}

/// The table, by socket cookie.
#[derive(Debug)]
pub struct Connections {
    table: FxHashMap<u64, Connection>,
    limits: Limits,
    output: Output,
    evicted: u64,
}

impl Connections {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            table: FxHashMap::default(),
            limits,
            output: Output::default(),
            evicted: 0,
        }
    }

    /// Connections at hand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// No connection at hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Connections that had to give way so far.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// A connection was announced, or has changed its protocol.
    pub fn opened(
        &mut self,
        facts: OpenFacts,
        at: Timestamp,
        mut take: impl FnMut(Finished<'_>),
        odd: impl FnMut(Protocol, Anomaly),
    ) {
        let limits = self.limits.machine;
        let mut output = std::mem::take(&mut self.output);
        let connection = self.entry(facts.cookie, at);
        connection.opened(facts, &limits, &mut output);
        output.settle(connection, &mut take, odd);
        self.output = output;
    }

    /// A tentative connection exists.
    pub fn accepted(&mut self, cookie: u64) {
        if let Some(connection) = self.table.get_mut(&cookie) {
            connection.tentative = false;
        }
    }

    /// Bytes were seen. Hands each finished exchange to `take`.
    pub fn data(
        &mut self,
        data: &Data<'_>,
        mut take: impl FnMut(Finished<'_>),
        odd: impl FnMut(Protocol, Anomaly),
    ) {
        let limits = self.limits.machine;
        let mut output = std::mem::take(&mut self.output);
        let connection = self.entry(data.header.cookie, Timestamp(data.header.at));
        connection.data(data, &limits, &mut output);
        output.settle(connection, &mut take, odd);
        self.output = output;
    }

    /// A connection is gone.
    pub fn closed(
        &mut self,
        closed: &Closed,
        mut take: impl FnMut(Finished<'_>),
        odd: impl FnMut(Protocol, Anomaly),
    ) {
        let Some(mut connection) = self.table.remove(&closed.cookie) else {
            return;
        };
        connection.closed(closed, &mut self.output);
        self.output.settle(&mut connection, &mut take, odd);
    }

    /// Hands over exchanges that began at or before `limit`, and forgets connections that never came to be.
    pub fn expire(&mut self, limit: Timestamp, now: Timestamp, mut take: impl FnMut(Finished<'_>)) {
        let stale = now.0.saturating_sub(TENTATIVE_NANOSECONDS);
        self.table
            .retain(|_, connection| !connection.tentative || connection.used > stale);
        for connection in self.table.values_mut() {
            if connection.expire(limit, now, &mut self.output) {
                self.output.settle(connection, &mut take, |_, _| ());
            }
        }
    }

    /// Hands over everything in flight and forgets all connections.
    pub fn unwatch(&mut self, now: Timestamp, mut take: impl FnMut(Finished<'_>)) {
        for (_, mut connection) in self.table.drain() {
            connection.close(Close::Unwatched, now, &mut self.output);
            self.output.settle(&mut connection, &mut take, |_, _| ());
        }
    }

    fn entry(&mut self, cookie: u64, at: Timestamp) -> &mut Connection {
        if self.table.len() >= self.limits.connections && !self.table.contains_key(&cookie) {
            self.evict();
        }
        let limits = &self.limits.machine;
        let connection = self
            .table
            .entry(cookie)
            .or_insert_with(|| Connection::new(cookie, limits));
        connection.used = at.0;
        connection
    }

    /// Drops the least recently used sixteenth, so that the search for it is rare.
    fn evict(&mut self) {
        let mut used: Vec<u64> = self
            .table
            .values()
            .map(|connection| connection.used)
            .collect();
        let middle = used.len() / 16;
        let (_, limit, _) = used.select_nth_unstable(middle);
        let limit = *limit;
        let before = self.table.len();
        self.table.retain(|_, connection| connection.used > limit);
        self.evicted += (before - self.table.len()) as u64;
    }
}
