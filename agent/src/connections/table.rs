//! All connections at hand.

use rustc_hash::FxHashMap;
use sonde_common::connection::role;
use sonde_common::context::SpanContext;
use sonde_common::record::{Closed, TENTATIVE, flag};
use sonde_protocols::exchange::{Exchange, Label, Sink};
use sonde_protocols::{Anomaly, Close, Direction, Timestamp, http1};

use super::Stream;
use crate::capture::{Data, OpenFacts};
use crate::spans::Role;

/// An accepted connection is confirmed within the same run of the kernel's softirq; the rest is stray
/// packets to a listening port.
const TENTATIVE_NANOSECONDS: u64 = 5_000_000_000;

/// Bounds of what is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections.
    pub connections: usize,
    /// Bounds of each.
    pub http1: http1::Limits,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Addresses and role; `None` until they are told (or if that was lost).
    pub facts: Option<OpenFacts>,
    /// Current owner, 0: unknown.
    pub tgid: u32,
    /// Owner before that: a server that forks for each connection hands it to a child that may be gone
    /// before anyone has looked at it.
    pub previous_tgid: u32,
    /// The handshake's last packet brought data, and it is not certain yet that it was accepted.
    tentative: bool,
    http: http1::Connection,
    ingress: Stream,
    egress: Stream,
    used: u64,
}

/// A finished exchange and where it took place.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The connection.
    pub connection: &'a mut Connection,
    /// What happened on it.
    pub exchange: Exchange,
}

/// What a record led to; reused from record to record.
#[derive(Debug, Default)]
pub struct Output {
    exchanges: Vec<Exchange>,
    /// Odd things, in order.
    pub anomalies: Vec<Anomaly>,
}

impl Sink for Output {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }
    fn anomaly(&mut self, anomaly: Anomaly) {
        self.anomalies.push(anomaly);
    }
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

    /// A connection was announced.
    pub fn opened(&mut self, facts: OpenFacts, at: Timestamp) {
        let connection = self.entry(facts.cookie, at);
        connection.facts = Some(facts);
        connection.own(facts.tgid);
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
        odd: impl FnMut(Anomaly),
    ) {
        let header = &data.header;
        let at = Timestamp(header.at);
        let mut output = std::mem::take(&mut self.output);
        let connection = self.entry(header.cookie, at);
        connection.own(header.tgid);
        let egress = header.flags & flag::EGRESS != 0;
        let client = header.role == u32::from(role::CLIENT);
        let direction = if egress == client {
            Direction::Request
        } else {
            Direction::Response
        };
        if direction == Direction::Response && header.read_at != 0 {
            connection.http.request_read(Timestamp(header.read_at));
        }
        let stream = if egress {
            &mut connection.egress
        } else {
            &mut connection.ingress
        };
        let http = &mut connection.http;
        stream.push(header, data.bytes, |chunk| {
            http.push(direction, chunk, at, &mut output);
        });
        if header.span.is_some() {
            connection.http.label(label(&header.span));
        }
        if header.flags & flag::RESET != 0 {
            connection.http.close(Close::Reset, at, &mut output);
        } else if header.flags & flag::FIN != 0 {
            connection.http.finish(direction, at, &mut output);
        }
        self.output = settle(connection, output, &mut take, odd);
    }

    /// A connection is gone.
    pub fn closed(
        &mut self,
        closed: &Closed,
        mut take: impl FnMut(Finished<'_>),
        odd: impl FnMut(Anomaly),
    ) {
        let Some(mut connection) = self.table.remove(&closed.cookie) else {
            return;
        };
        let at = Timestamp(closed.at);
        let mut output = std::mem::take(&mut self.output);
        connection.own(closed.tgid);
        if closed.read_at != 0 {
            connection.http.request_read(Timestamp(closed.read_at));
        }
        let client = connection
            .facts
            .is_some_and(|facts| facts.role == Role::Client);
        for (counted, outgoing) in [(closed.ingress_elided, false), (closed.egress_elided, true)] {
            let direction = if outgoing == client {
                Direction::Request
            } else {
                Direction::Response
            };
            if let Some(chunk) = Stream::rest(counted) {
                connection.http.push(direction, chunk, at, &mut output);
            }
        }
        connection.http.close(Close::Finished, at, &mut output);
        self.output = settle(&mut connection, output, &mut take, odd);
    }

    /// Hands over exchanges that began at or before `limit`, and forgets connections that never came to be.
    pub fn expire(&mut self, limit: Timestamp, now: Timestamp, mut take: impl FnMut(Finished<'_>)) {
        let stale = now.0.saturating_sub(TENTATIVE_NANOSECONDS);
        self.table
            .retain(|_, connection| !connection.tentative || connection.used > stale);
        let mut output = std::mem::take(&mut self.output);
        for connection in self.table.values_mut() {
            if connection.http.oldest().is_none_or(|oldest| oldest > limit) {
                continue;
            }
            connection.http.expire(limit, now, &mut output);
            output = settle(connection, output, &mut take, |_| ());
        }
        self.output = output;
    }

    /// Hands over everything in flight and forgets all connections.
    pub fn unwatch(&mut self, now: Timestamp, mut take: impl FnMut(Finished<'_>)) {
        let mut output = std::mem::take(&mut self.output);
        for (_, mut connection) in self.table.drain() {
            connection.http.close(Close::Unwatched, now, &mut output);
            output = settle(&mut connection, output, &mut take, |_| ());
        }
        self.output = output;
    }

    fn entry(&mut self, cookie: u64, at: Timestamp) -> &mut Connection {
        if self.table.len() >= self.limits.connections && !self.table.contains_key(&cookie) {
            self.evict();
        }
        let limits = self.limits.http1;
        let connection = self.table.entry(cookie).or_insert_with(|| Connection {
            facts: None,
            tgid: 0,
            previous_tgid: 0,
            tentative: cookie & TENTATIVE != 0,
            http: http1::Connection::new(limits),
            ingress: Stream::default(),
            egress: Stream::default(),
            used: 0,
        });
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

impl Connection {
    fn own(&mut self, tgid: u32) {
        if tgid != 0 && tgid != self.tgid {
            self.previous_tgid = self.tgid;
            self.tgid = tgid;
        }
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

fn settle(
    connection: &mut Connection,
    mut output: Output,
    take: &mut impl FnMut(Finished<'_>),
    mut odd: impl FnMut(Anomaly),
) -> Output {
    output.anomalies.drain(..).for_each(&mut odd);
    if connection.tentative {
        output.exchanges.clear();
    }
    for exchange in output.exchanges.drain(..) {
        take(Finished {
            connection: &mut *connection,
            exchange,
        });
    }
    output
}
