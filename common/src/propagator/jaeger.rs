//! Jaeger (<https://www.jaegertracing.io/sdk-migration/#propagation-format>):
//! `uber-trace-id: {trace-id}:{span-id}:{parent-span-id}:{flags}`, leading zeros left out, and the colons perhaps as `%3A`.

use super::number::Hex;
use super::{Parent, Propagator, Told, decision, state};
use crate::field::Name;

/// Flags: sampled, and debug, which implies it.
const KEEP: u64 = 3;

/// Bytes of an encoded colon that were read.
mod escape {
    pub(super) const NONE: u8 = 0;
    pub(super) const PERCENT: u8 = 1;
    pub(super) const THREE: u8 = 2;
}

/// The field.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jaeger {
    /// The part at hand.
    number: Hex,
    trace_id: [u64; 2],
    span_id: u64,
    part: u8,
    escape: u8,
    state: u8,
    decision: u8,
    reserved: [u8; 4],
}

impl Propagator for Jaeger {
    const START: Self = Self {
        number: Hex::START,
        trace_id: [0; 2],
        span_id: 0,
        part: 0,
        escape: escape::NONE,
        state: state::NOTHING,
        decision: decision::DEFERRED,
        reserved: [0; 4],
    };
    const FIELDS: &'static [Name] = &[Name::new("uber-trace-id")];

    #[inline(always)]
    fn begin(&mut self, _field: u8) {
        self.state = state::only(self.state);
    }

    #[inline(always)]
    fn byte(&mut self, _field: u8, byte: u8) {
        let fits = match (self.escape, byte) {
            (escape::NONE, b':') | (escape::THREE, b'a' | b'A') => {
                self.escape = escape::NONE;
                self.next()
            }
            (escape::NONE, b'%') => {
                self.escape = escape::PERCENT;
                true
            }
            (escape::PERCENT, b'3') => {
                self.escape = escape::THREE;
                true
            }
            (escape::NONE, b'A'..=b'F') => self.number.push(byte | 0x20),
            (escape::NONE, _) => self.number.push(byte),
            _ => false,
        };
        if !fits {
            self.state = state::INVALID;
        }
    }

    #[inline(always)]
    fn end(&mut self, _field: u8) {
        let fits = self.part == 3 && self.escape == escape::NONE && self.next();
        if !fits {
            self.state = state::INVALID;
        }
    }

    #[inline(always)]
    fn told(&self) -> Told {
        match self.state {
            state::NOTHING => Told::Nothing,
            state::VALID => Told::Parent(Parent::new(self.trace_id, self.span_id, self.decision)),
            _ => Told::Invalid,
        }
    }
}

impl Jaeger {
    /// A part has ended. The parent's parent does not matter, and may be missing.
    #[inline(always)]
    fn next(&mut self) -> bool {
        let digits = self.number.digits;
        let fits = match self.part {
            0 => {
                self.trace_id = self.number.halves;
                !self.number.is_zero()
            }
            1 => {
                self.span_id = self.number.low();
                digits <= 16 && !self.number.is_zero()
            }
            2 => digits <= 16,
            3 => {
                self.decision = if self.number.low() & KEEP == 0 {
                    decision::DROP
                } else {
                    decision::KEEP
                };
                matches!(digits, 1 | 2)
            }
            _ => false,
        };
        self.number = Hex::START;
        self.part += 1;
        fits
    }
}
