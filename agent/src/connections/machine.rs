//! The protocol of a connection: the machine that parses it, and how its records become what the machine takes.
//!
//! Whoever adds a protocol adds it here.

use sonde_common::record::{Closed, DataHeader};
use sonde_protocols::exchange::Sink;
use sonde_protocols::{Close, Direction, Exchange, Timestamp, http1, http2};

use super::digest::Digest;
use super::stream::Stream;
use crate::capture::Protocol;

/// Bounds of a machine.
#[derive(Clone, Copy, Debug)]
pub struct MachineLimits {
    /// Of one that speaks HTTP/1.
    pub http1: http1::Limits,
    /// Of one that speaks HTTP/2.
    pub http2: http2::Limits,
}

/// A machine with the place in each of its directions, requests first.
#[derive(Debug)]
pub(super) enum Machine {
    Http1(http1::Connection, [Stream; 2]),
    /// In a box, as most connections speak HTTP/1.
    Http2(Box<(http2::Connection, [Digest; 2])>),
}

impl Machine {
    /// At the beginning of a connection, or joined to it in its middle.
    pub(super) fn new(protocol: Protocol, limits: &MachineLimits) -> Self {
        match protocol {
            Protocol::Http1 => Self::Http1(
                http1::Connection::new(limits.http1),
                <[Stream; 2]>::default(),
            ),
            Protocol::Http2 => Self::Http2(Box::new((
                http2::Connection::new(limits.http2),
                <[Digest; 2]>::default(),
            ))),
        }
    }

    /// HTTP/2 whose first stream goes on with a request that was sent as HTTP/1 (RFC 7540 section 3.2).
    pub(super) fn upgraded(exchange: Exchange, limits: &MachineLimits) -> Self {
        let mut machine = http2::Connection::new(limits.http2);
        machine.upgraded(exchange);
        Self::Http2(Box::new((machine, <[Digest; 2]>::default())))
    }

    /// What it speaks.
    pub(super) fn protocol(&self) -> Protocol {
        match self {
            Self::Http1(..) => Protocol::Http1,
            Self::Http2(_) => Protocol::Http2,
        }
    }

    /// Takes the bytes of a record.
    pub(super) fn push(
        &mut self,
        direction: Direction,
        header: &DataHeader,
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) {
        let at = Timestamp(header.at);
        match self {
            Self::Http1(machine, streams) => {
                let [request, response] = streams;
                let stream = either(direction, request, response);
                stream.push(header, bytes, |chunk| {
                    machine.push(direction, chunk, at, sink);
                });
            }
            Self::Http2(parts) => {
                let (machine, [request, response]) = &mut **parts;
                let digest = either(direction, request, response);
                digest.push(header, bytes, |chunk| {
                    machine.push(direction, chunk, at, sink);
                });
            }
        }
    }

    /// Bytes that were counted and not told of before the end.
    pub(super) fn rest(&mut self, closed: &Closed, ingress: Direction, sink: &mut dyn Sink) {
        // A digest has none.
        let Self::Http1(machine, _) = self else {
            return;
        };
        for (counted, direction) in [
            (closed.ingress_elided, ingress),
            (closed.egress_elided, opposite(ingress)),
        ] {
            if let Some(chunk) = Stream::rest(counted) {
                machine.push(direction, chunk, Timestamp(closed.at), sink);
            }
        }
    }

    /// Whether records of this direction tell of reads. Where requests do not wait for each other, the next one's record tells
    /// when those before it were read; the newest read alone is known by the time of a response.
    pub(super) fn is_told_of_reads_by(&self, direction: Direction) -> bool {
        direction == Direction::Response || matches!(self, Self::Http2(_))
    }

    /// The receiving process has read.
    pub(super) fn request_read(&mut self, at: Timestamp) {
        match self {
            Self::Http1(machine, _) => machine.request_read(at),
            Self::Http2(parts) => parts.0.request_read(at),
        }
    }

    /// One direction has ended.
    pub(super) fn finish(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
        match self {
            Self::Http1(machine, _) => machine.finish(direction, at, sink),
            Self::Http2(parts) => parts.0.finish(direction, at, sink),
        }
    }

    /// The connection has ended.
    pub(super) fn close(&mut self, why: Close, at: Timestamp, sink: &mut dyn Sink) {
        match self {
            Self::Http1(machine, _) => machine.close(why, at, sink),
            Self::Http2(parts) => parts.0.close(why, at, sink),
        }
    }

    /// When the oldest exchange in flight began.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        match self {
            Self::Http1(machine, _) => machine.oldest(),
            Self::Http2(parts) => parts.0.oldest(),
        }
    }

    /// Hands over exchanges that began at or before `limit`.
    pub(super) fn expire(&mut self, limit: Timestamp, now: Timestamp, sink: &mut dyn Sink) {
        match self {
            Self::Http1(machine, _) => machine.expire(limit, now, sink),
            Self::Http2(parts) => parts.0.expire(limit, now, sink),
        }
    }
}

fn either<'m, T>(direction: Direction, request: &'m mut T, response: &'m mut T) -> &'m mut T {
    match direction {
        Direction::Request => request,
        Direction::Response => response,
    }
}

/// The other direction.
pub(super) fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Request => Direction::Response,
        Direction::Response => Direction::Request,
    }
}
