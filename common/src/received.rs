//! What a request has brought beside `traceparent`: a second look at its head, taken only where there is something to be
//! found. It walks the lines, passes over most of them by words, and hands the values of the others on byte by byte.

use crate::field::Name;
use crate::http1::{Window, first, line_feeds};
use crate::propagator::{CODES, Propagators};
use crate::{baggage, tracestate};

/// What may be looked for, beside the bits of [`crate::propagator::known`].
pub mod wanted {
    /// `tracestate`.
    pub const TRACESTATE: u32 = 1 << 8;
    /// `baggage`.
    pub const BAGGAGE: u32 = 1 << 9;
}

const TRACESTATE: Name = Name::new("tracestate");
const BAGGAGE: Name = Name::new("baggage");

/// Codes of fields, above those of the propagators.
mod code {
    use super::CODES;
    pub(super) const TRACESTATE: u8 = CODES;
    pub(super) const BAGGAGE: u8 = CODES + 1;
}

/// What the next byte is.
mod place {
    /// The first of a line.
    pub(super) const LINE: u8 = 0;
    /// In a line that does not matter.
    pub(super) const SKIP: u8 = 1;
    /// In a value, before its first byte that is no blank.
    pub(super) const BEFORE: u8 = 2;
    /// In a value.
    pub(super) const VALUE: u8 = 3;
    /// In a value, behind a blank.
    pub(super) const BEHIND: u8 = 4;
}

/// The reader of a head, and what it has found.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// `tracestate`.
    pub tracestate: tracestate::List,
    /// `baggage`.
    pub baggage: baggage::List,
    /// The fields of propagators.
    pub propagators: Propagators,
    /// Bits of what is looked for.
    pub wanted: u32,
    place: u8,
    code: u8,
    reserved: [u8; 2],
}

impl Received {
    /// Before the first line, or before the value of the first `tracestate`, to look for what is `wanted`.
    #[inline(always)]
    pub fn start(&mut self, wanted: u32, in_tracestate: bool) {
        self.tracestate.start();
        self.baggage.start();
        self.propagators = Propagators::START;
        self.begin(wanted, in_tracestate);
    }

    /// The same once more, only for what of `tracestate` may be carried.
    #[inline(always)]
    pub fn shorten(&mut self, in_tracestate: bool) {
        self.tracestate.shorten();
        self.begin(wanted::TRACESTATE, in_tracestate);
    }

    #[inline(always)]
    fn begin(&mut self, wanted: u32, in_tracestate: bool) {
        self.wanted = wanted;
        self.code = code::TRACESTATE;
        self.place = if in_tracestate {
            place::BEFORE
        } else {
            place::LINE
        };
    }

    /// Must there be [`crate::field::LONGEST`] bytes for the next step, or the end of the head?
    #[inline(always)]
    #[must_use]
    pub const fn is_at_line(&self) -> bool {
        self.place == place::LINE
    }

    /// One piece of work on the bytes `at..end` of the window (`at < end`); gives the next position, which never lies
    /// beyond `end`.
    #[inline(always)]
    pub fn step(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        match self.place {
            place::LINE => self.line(window, at, end),
            place::SKIP => self.skip(window, at, end),
            _ => {
                self.value(window.word(at) as u8);
                at + 1
            }
        }
    }

    #[inline(always)]
    fn line(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let Some((code, length)) = self.field(window, at, end) else {
            self.place = place::SKIP;
            return at;
        };
        self.code = code;
        self.place = place::BEFORE;
        self.propagators.begin(code);
        at + length
    }

    #[inline(always)]
    fn field(&self, window: &impl Window, at: u32, end: u32) -> Option<(u8, u32)> {
        if self.wanted & wanted::TRACESTATE != 0
            && let Some(length) = TRACESTATE.of_line(window, at, end)
        {
            return Some((code::TRACESTATE, length));
        }
        if self.wanted & wanted::BAGGAGE != 0
            && let Some(length) = BAGGAGE.of_line(window, at, end)
        {
            return Some((code::BAGGAGE, length));
        }
        Propagators::field(self.wanted, window, at, end)
    }

    /// Up to the next line feed, or 32 bytes on.
    #[inline(always)]
    fn skip(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let mut from = at;
        for _ in 0..4 {
            let found = line_feeds(window.word(from));
            if found != 0 {
                let line_feed = from + first(found);
                if line_feed >= end {
                    return end;
                }
                self.place = place::LINE;
                return line_feed + 1;
            }
            from += 8;
        }
        if from < end { from } else { end }
    }

    #[inline(always)]
    fn value(&mut self, byte: u8) {
        match self.code {
            _ if byte == b'\n' => self.end_line(),
            code::TRACESTATE => {
                self.tracestate.byte(byte);
                self.leave(self.tracestate.is_failed());
            }
            code::BAGGAGE => {
                self.baggage.byte(byte);
                self.leave(self.baggage.is_failed() || self.baggage.is_too_long());
            }
            _ => self.propagated(byte),
        }
    }

    /// The rest of a line that is lost anyway is passed over by words.
    #[inline(always)]
    fn leave(&mut self, lost: bool) {
        if lost {
            self.place = place::SKIP;
        }
    }

    /// Blanks around the value are not part of it; within it they are one that no propagator takes.
    #[inline(always)]
    fn propagated(&mut self, byte: u8) {
        let blank = matches!(byte, b' ' | b'\t' | b'\r');
        if blank {
            self.place += (self.place == place::VALUE) as u8;
            return;
        }
        let behind = self.place == place::BEHIND;
        self.place = place::VALUE;
        self.propagators
            .byte(self.code, if behind { b' ' } else { byte });
    }

    #[inline(always)]
    fn end_line(&mut self) {
        match self.code {
            code::TRACESTATE => self.tracestate.end_line(),
            code::BAGGAGE => self.baggage.end_line(),
            _ => self.propagators.end(self.code),
        }
        self.place = place::LINE;
    }
}

#[cfg(test)]
#[path = "received_tests.rs"]
mod tests;
