//! The driver of the targets whose input is a script about one connection.
//!
//! A line begins with a letter. Each target has its own ways to say what bytes come; all have these:
//!
//! | line | meaning |
//! |---|---|
//! | `F` `f` | FIN of the request, the response direction |
//! | `R` | the process has read |
//! | `X` and a byte | expire what is older than so many ticks |
//! | `S` and a byte | from here on, bytes come in pieces of this length (0: whole) |
//!
//! Time goes on by a tick a line and a tick a piece. Nothing may be held after the end.

use sonde_protocols::exchange::Sink;
use sonde_protocols::{Chunk, Close, Direction, Label, Timestamp, http1, http2};

/// A state machine of a connection.
pub trait Machine {
    /// What its inherent method of this name does.
    fn push(&mut self, direction: Direction, chunk: Chunk<'_>, at: Timestamp, sink: &mut dyn Sink);
    /// The same.
    fn finish(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink);
    /// The same.
    fn request_read(&mut self, at: Timestamp);
    /// The same.
    fn expire(&mut self, limit: Timestamp, now: Timestamp, sink: &mut dyn Sink);
    /// The same.
    fn close(&mut self, why: Close, at: Timestamp, sink: &mut dyn Sink);
    /// The same.
    fn footprint(&self) -> usize;
    /// The same.
    fn oldest(&self) -> Option<Timestamp>;
}

macro_rules! machine {
    ($connection:ty) => {
        impl Machine for $connection {
            fn push(
                &mut self,
                direction: Direction,
                chunk: Chunk<'_>,
                at: Timestamp,
                sink: &mut dyn Sink,
            ) {
                <$connection>::push(self, direction, chunk, at, sink);
            }
            fn finish(&mut self, direction: Direction, at: Timestamp, sink: &mut dyn Sink) {
                <$connection>::finish(self, direction, at, sink);
            }
            fn request_read(&mut self, at: Timestamp) {
                <$connection>::request_read(self, at);
            }
            fn expire(&mut self, limit: Timestamp, now: Timestamp, sink: &mut dyn Sink) {
                <$connection>::expire(self, limit, now, sink);
            }
            fn close(&mut self, why: Close, at: Timestamp, sink: &mut dyn Sink) {
                <$connection>::close(self, why, at, sink);
            }
            fn footprint(&self) -> usize {
                <$connection>::footprint(self)
            }
            fn oldest(&self) -> Option<Timestamp> {
                <$connection>::oldest(self)
            }
        }
    };
}

machine!(http1::Connection);
machine!(http2::Connection);

/// A script at work.
pub struct Script<M, S> {
    /// The machine that it drives.
    pub connection: M,
    sink: S,
    now: u64,
    piece: usize,
}

/// A line of the target's own.
pub struct Line<'l> {
    /// Its first byte.
    pub verb: u8,
    /// What follows.
    pub rest: &'l [u8],
    /// A capital letter, `>` and `]` mean the request.
    pub direction: Direction,
}

impl Line<'_> {
    /// A byte behind the verb, 0 where there is none.
    #[must_use]
    pub fn argument(&self, at: usize) -> u8 {
        self.rest.get(at).copied().unwrap_or_default()
    }
}

impl<M: Machine, S: Sink> Script<M, S> {
    /// Plays a script to its end. `own` takes the lines that only this target has, `check` looks at the machine after each.
    pub fn play(
        connection: M,
        sink: S,
        input: &[u8],
        own: impl Fn(&mut Self, Line<'_>),
        check: impl Fn(&M),
    ) {
        let mut script = Self {
            connection,
            sink,
            now: 0,
            piece: 0,
        };
        for line in input.split(|&byte| byte == b'\n') {
            let Some((&verb, rest)) = line.split_first() else {
                continue;
            };
            script.line(verb, rest, &own);
            check(&script.connection);
        }
        let at = Timestamp(script.now + 1);
        script
            .connection
            .close(Close::Finished, at, &mut script.sink);
        assert_eq!(script.connection.footprint(), 0);
        assert_eq!(script.connection.oldest(), None);
    }

    fn line(&mut self, verb: u8, rest: &[u8], own: &impl Fn(&mut Self, Line<'_>)) {
        let direction = if matches!(verb, b'>' | b']') || verb.is_ascii_uppercase() {
            Direction::Request
        } else {
            Direction::Response
        };
        let line = Line {
            verb,
            rest,
            direction,
        };
        self.now += 1;
        let at = Timestamp(self.now);
        match verb {
            b'F' | b'f' => self.connection.finish(direction, at, &mut self.sink),
            b'R' => self.connection.request_read(at),
            b'X' => {
                let limit = Timestamp(self.now.saturating_sub(line.argument(0).into()));
                self.connection.expire(limit, at, &mut self.sink);
            }
            b'S' => self.piece = line.argument(0).into(),
            _ => own(self, line),
        }
    }

    /// Feeds bytes in pieces.
    pub fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let piece = if self.piece == 0 {
            usize::MAX
        } else {
            self.piece
        };
        for bytes in bytes.chunks(piece) {
            self.push(direction, Chunk::Bytes(bytes));
        }
    }

    /// Feeds bytes in pieces, the last of which ends a request's head; its label is the time.
    pub fn head(&mut self, direction: Direction, bytes: &[u8]) {
        let piece = if self.piece == 0 {
            bytes.len()
        } else {
            self.piece
        };
        let last = bytes.len().saturating_sub(piece.max(1));
        let (before, last) = bytes.split_at(last);
        self.bytes(direction, before);
        let mut label = [0; size_of::<Label>()];
        label[..8].copy_from_slice(&(self.now + 1).to_le_bytes());
        self.push(direction, Chunk::Head(last, label));
    }

    /// Feeds a chunk.
    pub fn push(&mut self, direction: Direction, chunk: Chunk<'_>) {
        self.now += 1;
        let at = Timestamp(self.now);
        self.connection.push(direction, chunk, at, &mut self.sink);
    }
}

/// When a chunk with this label came ([`Script::head`]).
#[must_use]
pub fn labelled_at(label: &Label) -> Timestamp {
    let time = label.first_chunk().copied().unwrap_or_default();
    Timestamp(u64::from_le_bytes(time))
}

/// Bytes of hexadecimal digits; what is no digit is passed over.
#[must_use]
pub fn hexadecimal(line: &[u8]) -> Vec<u8> {
    let digits = line
        .iter()
        .filter_map(|&byte| char::from(byte).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| digit as u8).collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
