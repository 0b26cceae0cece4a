//! `traceparent` and `tracestate` in a head (W3C Trace Context sections 3.2 and 3.3).
//!
//! A value that is whole in the window is read by words; one that is cut anywhere, byte by byte. Of
//! `tracestate` only the place is noted.

use super::{BAGGAGE, HeadScan, PARENT, SEVERAL_STATES, SKIP, Traceparent, Window, traceparent};
use crate::context::KNOWN_FLAGS;

/// No such field.
pub(super) const NONE: u8 = 0;
/// One, and it is valid.
const VALID: u8 = 1;
/// An invalid one: as if there were none (section 4.3).
const INVALID: u8 = 2;
/// Several: the same.
const SEVERAL: u8 = 3;

const VALUE: u32 = traceparent::VALUE as u32;

impl HeadScan {
    /// The one valid `traceparent` of the head.
    #[inline(always)]
    #[must_use]
    pub const fn traceparent(&self) -> Option<&Traceparent> {
        if self.parent == VALID {
            Some(&self.told)
        } else {
            None
        }
    }

    /// There is a `traceparent`, valid or not.
    #[inline(always)]
    #[must_use]
    pub const fn has_traceparent(&self) -> bool {
        self.parent != NONE
    }

    /// There is one `traceparent`, and it is invalid.
    #[inline(always)]
    #[must_use]
    pub const fn is_traceparent_invalid(&self) -> bool {
        self.parent == INVALID
    }

    /// There is more than one `traceparent`.
    #[inline(always)]
    #[must_use]
    pub const fn has_several_parents(&self) -> bool {
        self.parent == SEVERAL
    }

    /// There is a `baggage`.
    #[inline(always)]
    #[must_use]
    pub const fn has_baggage(&self) -> bool {
        self.flags & BAGGAGE != 0
    }

    /// More than one line of `tracestate`.
    #[inline(always)]
    #[must_use]
    pub const fn has_several_states(&self) -> bool {
        self.flags & SEVERAL_STATES != 0
    }

    /// Behind "traceparent:": the value, at one go if all of it is there.
    #[inline(always)]
    pub(super) fn parent_value(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let space = window.word(at) as u8 == b' ';
        let value = if space { at + 1 } else { at };
        if end < value + VALUE + 1 {
            return self.enter_parent(at);
        }
        self.parent_at = self.bytes + value;
        let after = (window.word(value + 48) >> 56) as u8;
        if after == b' ' || after == b'\t' || window.word(value) as u8 <= b' ' {
            return self.enter_parent(at);
        }
        let told = traceparent::parse(window, value);
        self.state = SKIP;
        self.settle(told);
        value + VALUE
    }

    /// Waits for the value byte by byte.
    #[inline(always)]
    pub(super) fn enter_parent(&mut self, at: u32) -> u32 {
        if self.parent == NONE {
            self.told = Self::START.told;
        }
        self.parent_at = self.bytes + at;
        self.enter(PARENT, at)
    }

    fn settle(&mut self, told: Option<Traceparent>) {
        let Some(told) = told.filter(|_| self.parent == NONE) else {
            return self.refuse();
        };
        self.parent = VALID;
        self.told = told;
    }

    #[inline(always)]
    fn refuse(&mut self) {
        self.parent = if self.parent == NONE {
            INVALID
        } else {
            SEVERAL
        };
    }

    /// One byte of the value; `matched` is its place.
    #[inline(always)]
    pub(super) fn parent(&mut self, byte: u8, at: u32) -> u32 {
        let place = self.matched;
        let blank = byte == b' ' || byte == b'\t';
        if place == 0 && blank {
            self.parent_at = self.bytes + at + 1;
            return at + 1;
        }
        if place as u32 >= VALUE {
            return self.parent_end(byte, blank, at);
        }
        let fits = match place {
            2 | 35 | 52 => byte == b'-',
            _ => self.digit(byte),
        };
        if !fits || !self.part(place) {
            self.refuse();
            self.state = SKIP;
            return at;
        }
        self.matched = place + 1;
        at + 1
    }

    #[inline(always)]
    fn digit(&mut self, byte: u8) -> bool {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return false,
        };
        self.register = (self.register << 4) | value as u64;
        true
    }

    /// Takes what is complete at `place`. A field after the first only has to be there to be one too many.
    #[inline(always)]
    fn part(&mut self, place: u8) -> bool {
        let number = self.register.to_be();
        let first = self.parent == NONE;
        match place {
            1 => {
                self.told.version = self.register as u8;
                return self.told.version != 0xff;
            }
            18 if first => self.told.trace_id[0] = number,
            34 if first => self.told.trace_id[1] = number,
            51 if first => self.told.parent_id = number,
            54 if first => self.told.flags = self.register as u8 & KNOWN_FLAGS,
            _ => {}
        }
        true
    }

    /// Behind the last digit: the end of the line, or more in versions to come.
    #[inline(always)]
    fn parent_end(&mut self, byte: u8, blank: bool, at: u32) -> u32 {
        let told = self.told;
        let later = byte == b'-' && told.version != 0 && self.matched as u32 == VALUE;
        if byte == b'\r' || byte == b'\n' || later {
            self.state = SKIP;
            self.settle(told.is_valid().then_some(told));
            return at;
        }
        if !blank {
            self.refuse();
            self.state = SKIP;
            return at;
        }
        self.matched = (VALUE + 1) as u8;
        at + 1
    }

    /// Behind "tracestate:".
    #[inline(always)]
    pub(super) fn state_value(&mut self, at: u32) -> u32 {
        if self.state_at == 0 {
            self.state_at = self.bytes + at;
        } else {
            self.flags |= SEVERAL_STATES;
        }
        self.state = SKIP;
        at
    }
}
