//! One connection: who holds it, what it speaks, and what became of its exchanges.

use sonde_common::connection::role;
use sonde_common::record::{Closed, DataHeader, TENTATIVE, flag};
use sonde_protocols::exchange::{Exchange, Field, Outcome};
use sonde_protocols::{Close, Direction, Timestamp};

use super::machine::{Machine, MachineLimits, opposite};
use super::output::Output;
use crate::capture::{Data, OpenFacts, Protocol};
use crate::spans::Role;

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
    /// The end that was the first to end it (FIN, reset, close).
    pub ended_by: Option<Direction>,
    /// The handshake's last packet brought data, and it is not certain yet that it was accepted.
    pub(super) tentative: bool,
    /// When something was last seen of it.
    pub(super) used: u64,
    machine: Machine,
    /// What asked for HTTP/2 and was granted it, until that begins.
    upgrading: Option<Box<Exchange>>,
}

impl Connection {
    /// One of which nothing was seen yet.
    pub(super) fn new(cookie: u64, limits: &MachineLimits) -> Self {
        Self {
            facts: None,
            tgid: 0,
            previous_tgid: 0,
            ended_by: None,
            tentative: cookie & TENTATIVE != 0,
            used: 0,
            machine: Machine::new(Protocol::Http1, limits),
            upgrading: None,
        }
    }

    /// What it speaks, as far as is known.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.machine.protocol()
    }

    /// It was announced, maybe for the second time.
    pub(super) fn opened(&mut self, facts: OpenFacts, limits: &MachineLimits, output: &mut Output) {
        self.facts = Some(facts);
        self.own(facts.tgid);
        self.speak(facts.protocol, limits, output);
    }

    /// Takes a record of its bytes.
    pub(super) fn data(&mut self, data: &Data<'_>, limits: &MachineLimits, output: &mut Output) {
        let header = &data.header;
        let at = Timestamp(header.at);
        self.own(header.tgid);
        // Records of different processors may change places: this one comes before its announcement.
        if header.flags & flag::FRAME_START != 0 {
            self.speak(Protocol::Http2, limits, output);
        }
        let direction = direction(header);
        if header.read_at != 0 && self.machine.is_told_of_reads_by(direction) {
            self.machine.request_read(Timestamp(header.read_at));
        }
        self.machine.push(direction, header, data.bytes, output);
        if header.flags & (flag::RESET | flag::FIN) != 0 {
            self.ended_by.get_or_insert(direction);
        }
        if header.flags & flag::RESET != 0 {
            self.machine.close(Close::Reset, at, output);
        } else if header.flags & flag::FIN != 0 {
            self.machine.finish(direction, at, output);
        }
        self.hold_upgrade(output);
        if header.flags & (flag::RESET | flag::FIN) != 0 {
            self.release_upgrade(output);
        }
    }

    /// It is gone.
    pub(super) fn closed(&mut self, closed: &Closed, output: &mut Output) {
        self.own(closed.tgid);
        if closed.read_at != 0 {
            self.machine.request_read(Timestamp(closed.read_at));
        }
        let client = self.facts.is_some_and(|facts| facts.role == Role::Client);
        let ingress = if client {
            Direction::Response
        } else {
            Direction::Request
        };
        if closed.local == 1 {
            self.ended_by.get_or_insert(opposite(ingress));
        }
        self.machine.rest(closed, ingress, output);
        self.close(Close::Finished, Timestamp(closed.at), output);
    }

    /// Nothing more will be seen of it.
    pub(super) fn close(&mut self, why: Close, at: Timestamp, output: &mut Output) {
        self.machine.close(why, at, output);
        self.release_upgrade(output);
    }

    /// Hands over exchanges that began at or before `limit`. False if there are none.
    pub(super) fn expire(&mut self, limit: Timestamp, now: Timestamp, output: &mut Output) -> bool {
        let is_old = |began: Timestamp| began <= limit;
        let upgrading = self.upgrading.as_ref();
        if upgrading.is_some_and(|exchange| is_old(exchange.request_started)) {
            self.release_upgrade(output);
        }
        if self.machine.oldest().is_some_and(is_old) {
            self.machine.expire(limit, now, output);
        }
        !output.exchanges.is_empty()
    }

    /// Changes the protocol, if it is another one. There is no way back.
    fn speak(&mut self, protocol: Protocol, limits: &MachineLimits, output: &mut Output) {
        if protocol == Protocol::Http1 || self.protocol() == protocol {
            return;
        }
        let now = Timestamp(self.used);
        self.machine.close(Close::Unwatched, now, output);
        self.machine = match self.upgrading.take() {
            Some(exchange) => Machine::upgraded(*exchange, limits),
            None => Machine::new(protocol, limits),
        };
    }

    /// Keeps back an exchange that goes on as HTTP/2.
    fn hold_upgrade(&mut self, output: &mut Output) {
        let goes_on = |exchange: &Exchange| {
            exchange.outcome == Outcome::Upgraded
                && exchange.response.as_ref().is_some_and(|response| {
                    response.status == Some(101)
                        && response
                            .field(Field::Upgrade)
                            .is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"h2c"))
                })
        };
        if output.exchanges.last().is_some_and(goes_on) {
            self.upgrading = output.exchanges.pop().map(Box::new);
        }
    }

    /// It does not go on.
    fn release_upgrade(&mut self, output: &mut Output) {
        output
            .exchanges
            .extend(self.upgrading.take().map(|exchange| *exchange));
    }

    fn own(&mut self, tgid: u32) {
        if tgid != 0 && tgid != self.tgid {
            self.previous_tgid = self.tgid;
            self.tgid = tgid;
        }
    }
}

fn direction(header: &DataHeader) -> Direction {
    let egress = header.flags & flag::EGRESS != 0;
    let client = header.role == u32::from(role::CLIENT);
    if egress == client {
        Direction::Request
    } else {
        Direction::Response
    }
}
