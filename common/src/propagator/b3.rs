//! B3 (<https://github.com/openzipkin/b3-propagation>), in one field and in several.

use super::number::Hex;
use super::{Parent, Propagator, Told, decision, state};
use crate::field::Name;

/// `b3: {TraceId}-{SpanId}-{SamplingState}-{ParentSpanId}`, of which the last two, or all but the state, may be missing.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Single {
    /// The part at hand.
    number: Hex,
    trace_id: [u64; 2],
    span_id: u64,
    part: u8,
    state: u8,
    decision: u8,
    reserved: [u8; 5],
}

impl Propagator for Single {
    const START: Self = Self {
        number: Hex::START,
        trace_id: [0; 2],
        span_id: 0,
        part: 0,
        state: state::NOTHING,
        decision: decision::DEFERRED,
        reserved: [0; 5],
    };
    const FIELDS: &'static [Name] = &[Name::new("b3")];

    #[inline(always)]
    fn begin(&mut self, _field: u8) {
        self.state = state::only(self.state);
    }

    #[inline(always)]
    fn byte(&mut self, _field: u8, byte: u8) {
        let fits = if byte == b'-' {
            self.next()
        } else {
            self.number.push(byte)
        };
        if !fits {
            self.state = state::INVALID;
        }
    }

    #[inline(always)]
    fn end(&mut self, _field: u8) {
        let alone = self.part == 0;
        let fits = if alone { self.state() } else { self.next() };
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

impl Single {
    /// A part has ended.
    #[inline(always)]
    fn next(&mut self) -> bool {
        let digits = self.number.digits;
        let fits = match self.part {
            0 => {
                self.trace_id = self.number.halves;
                matches!(digits, 16 | 32) && !self.number.is_zero()
            }
            1 => {
                self.span_id = self.number.low();
                digits == 16 && !self.number.is_zero()
            }
            2 => self.state(),
            3 => digits == 16,
            _ => false,
        };
        self.number = Hex::START;
        self.part += 1;
        fits
    }

    /// `d` is the digit that it looks like.
    #[inline(always)]
    fn state(&mut self) -> bool {
        self.decision = match self.number.low() {
            0 => decision::DROP,
            1 | 0xd => decision::KEEP,
            _ => return false,
        };
        self.number.digits == 1
    }
}

const TRACE_ID: u8 = 0;
const SPAN_ID: u8 = 1;
const SAMPLED: u8 = 2;

/// `X-B3-TraceId`, `X-B3-SpanId`, `X-B3-Sampled`, `X-B3-Flags`. What the parent's parent was does not matter.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Multi {
    /// The value at hand.
    number: Hex,
    trace_id: [u64; 2],
    span_id: u64,
    /// The value at hand, if it is not a number.
    word: u64,
    /// Bit for each field that was there.
    seen: u8,
    state: u8,
    decision: u8,
    reserved: [u8; 5],
}

const TRUE: u64 = u64::from_be_bytes(*b"\0\0\0\0true");
const FALSE: u64 = u64::from_be_bytes(*b"\0\0\0false");

impl Propagator for Multi {
    const START: Self = Self {
        number: Hex::START,
        trace_id: [0; 2],
        span_id: 0,
        word: 0,
        seen: 0,
        state: state::NOTHING,
        decision: decision::DEFERRED,
        reserved: [0; 5],
    };
    const FIELDS: &'static [Name] = &[
        Name::new("x-b3-traceid"),
        Name::new("x-b3-spanid"),
        Name::new("x-b3-sampled"),
        Name::new("x-b3-flags"),
    ];

    #[inline(always)]
    fn begin(&mut self, field: u8) {
        let bit = 1 << (field & 7);
        if self.seen & bit != 0 {
            self.state = state::INVALID;
        } else if self.state == state::NOTHING {
            self.state = state::VALID;
        }
        self.seen |= bit;
        self.number = Hex::START;
        self.word = 0;
    }

    #[inline(always)]
    fn byte(&mut self, field: u8, byte: u8) {
        self.word = self.word << 8 | byte as u64;
        if field <= SPAN_ID && !self.number.push(byte) {
            self.state = state::INVALID;
        }
    }

    #[inline(always)]
    fn end(&mut self, field: u8) {
        let digits = self.number.digits;
        let fits = match field {
            TRACE_ID => {
                self.trace_id = self.number.halves;
                matches!(digits, 16 | 32) && !self.number.is_zero()
            }
            SPAN_ID => {
                self.span_id = self.number.low();
                digits == 16 && !self.number.is_zero()
            }
            SAMPLED => self.sampled(),
            _ => self.flags(),
        };
        if !fits {
            self.state = state::INVALID;
        }
    }

    #[inline(always)]
    fn told(&self) -> Told {
        let ids = self.seen & (1 << TRACE_ID | 1 << SPAN_ID);
        match self.state {
            state::NOTHING => Told::Nothing,
            state::VALID if ids == 0 => Told::Parent(Parent::decided(self.decision)),
            state::VALID if ids == 1 << TRACE_ID | 1 << SPAN_ID => {
                Told::Parent(Parent::new(self.trace_id, self.span_id, self.decision))
            }
            _ => Told::Invalid,
        }
    }
}

impl Multi {
    /// Words are what implementations sent before the specification had digits. Debug wins.
    #[inline(always)]
    fn sampled(&mut self) -> bool {
        let told = match self.word {
            0x31 | TRUE => decision::KEEP,
            0x30 | FALSE => decision::DROP,
            _ => return false,
        };
        if self.decision == decision::DEFERRED {
            self.decision = told;
        }
        true
    }

    #[inline(always)]
    fn flags(&mut self) -> bool {
        if self.word == 0x31 {
            self.decision = decision::KEEP;
        }
        matches!(self.word, 0x30 | 0x31)
    }
}
