//! What is said on one connection, by both ends, made from a seed: exchanges of a message and its reply, and how it ends.
//!
//! Client and server make the same plan for themselves, so each knows every byte it must receive. How the bytes are cut into
//! system calls is not planned here (`sender`, `receiver`).

mod http;
mod raw;

use crate::pool::{self, Pool};
use crate::rng::Rng;

/// Bytes of a message.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// As they are.
    Text(Vec<u8>),
    /// A range of the pool.
    Pool {
        /// First byte.
        at: usize,
        /// Count.
        length: usize,
    },
}

impl Part {
    /// The bytes.
    pub(crate) fn bytes<'a>(&'a self, pool: &'a Pool) -> &'a [u8] {
        match self {
            Self::Text(text) => text,
            Self::Pool { at, length } => &pool.bytes[*at..at + length],
        }
    }

    /// How many bytes.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Pool { length, .. } => *length,
        }
    }

    /// A random range of the pool.
    fn from_pool(rng: &mut Rng, length: usize) -> Self {
        let length = length.min(pool::SIZE);
        let at = rng.below(pool::SIZE - length + 1);
        Self::Pool { at, length }
    }
}

/// What one end sends before the other has its turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// Its bytes in order.
    pub(crate) parts: Vec<Part>,
    /// Where one `traceparent` field may be added on the way: before the empty line of a request that has none.
    pub(crate) insert_at: Option<usize>,
}

impl Message {
    /// A message that nothing may be added to.
    pub(crate) fn fixed(parts: Vec<Part>) -> Self {
        Self {
            parts,
            insert_at: None,
        }
    }

    /// How many bytes.
    pub(crate) fn length(&self) -> usize {
        self.parts.iter().map(Part::length).sum()
    }

    /// Only the first `length` bytes. A head that is cut can have no field added.
    pub(crate) fn truncated(mut self, length: usize) -> Self {
        let mut left = length;
        for part in &mut self.parts {
            let keep = part.length().min(left);
            left -= keep;
            match part {
                Part::Text(text) => text.truncate(keep),
                Part::Pool { length, .. } => *length = keep,
            }
        }
        self.insert_at = self.insert_at.filter(|at| at + 2 <= length);
        self
    }
}

/// A message and its reply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    /// From the client.
    pub(crate) out: Message,
    /// From the server, when all of `out` has come.
    pub(crate) reply: Message,
    /// The client says nothing more before the reply has come.
    pub(crate) wait: bool,
}

/// How the connection ends, after all exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client closes when it has all replies.
    Close,
    /// The client ends its direction after its last byte and reads on; the server closes then.
    HalfClose,
    /// The server closes after its last reply.
    ServerClose,
    /// The client resets when it has all replies and has sent the tail.
    ClientReset,
    /// The server resets after its last reply.
    ServerReset,
}

/// What kind of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// HTTP/1 requests and responses.
    Http,
    /// HTTP/1 until the reply to CONNECT or an upgrade, then anything.
    Tunnel,
    /// No HTTP.
    Raw(raw::Protocol),
}

/// Which kinds of connections a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only those that begin with HTTP.
    Http,
    /// Only others.
    Raw,
    /// All.
    Both,
}

/// The plan of one connection; each end iterates over a copy of its own.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What it carries.
    pub(crate) kind: Kind,
    /// How it ends.
    pub(crate) end: End,
    /// Sent by the server before anything else.
    pub(crate) banner: Message,
    /// Sent by the client after the last exchange, without a reply.
    pub(crate) tail: Message,
    rng: Rng,
    left: usize,
    told: usize,
}

impl Plan {
    /// The plan of a connection.
    pub(crate) fn new(seed: u64, mode: Mode) -> Self {
        let mut rng = Rng::new(seed);
        let kind = match (mode, rng.below(10)) {
            (Mode::Raw, _) | (Mode::Both, 0..3) => Kind::Raw(rng.pick(&raw::PROTOCOLS)),
            (_, 3) => Kind::Tunnel,
            _ => Kind::Http,
        };
        let end = rng.pick(&[
            End::Close,
            End::Close,
            End::HalfClose,
            End::ServerClose,
            End::ClientReset,
            End::ServerReset,
        ]);
        let left = rng.magnitude(1, 60);
        let mut plan = Self {
            kind,
            end,
            banner: Message::default(),
            tail: Message::default(),
            rng: rng.clone(),
            left,
            told: 0,
        };
        if let Kind::Raw(protocol) = kind {
            plan.banner = raw::banner(&mut rng, protocol);
        }
        if matches!(end, End::HalfClose | End::ClientReset) && rng.once_in(2) {
            let whole = plan.exchange_of(&mut rng, false, false).out;
            let length = rng.below(whole.length().min(40_000) + 1);
            plan.tail = whole.truncated(length);
        }
        plan
    }

    fn exchange_of(&self, rng: &mut Rng, first: bool, last: bool) -> Exchange {
        match self.kind {
            Kind::Http => http::exchange(rng, last && self.end == End::ServerClose),
            Kind::Tunnel if first => http::opening(rng),
            Kind::Tunnel => raw::in_tunnel(rng),
            Kind::Raw(protocol) => raw::exchange(rng, protocol, first),
        }
    }
}

impl Iterator for Plan {
    type Item = Exchange;

    fn next(&mut self) -> Option<Exchange> {
        self.left = self.left.checked_sub(1)?;
        let mut rng = self.rng.clone();
        let mut exchange = self.exchange_of(&mut rng, self.told == 0, self.left == 0);
        if self.left == 0 && self.end == End::ServerReset {
            let length = rng.below(exchange.reply.length() + 1);
            exchange.reply = exchange.reply.truncated(length);
        }
        self.rng = rng;
        self.told += 1;
        Some(exchange)
    }
}
