//! Datadog: `x-datadog-trace-id` and `x-datadog-parent-id` in decimal digits, the upper half of the trace id in
//! `x-datadog-tags` as `_dd.p.tid=` and 16 hexadecimal digits, and `x-datadog-sampling-priority`.

use super::number::Hex;
use super::{Parent, Propagator, Told, decision, state};
use crate::field::Name;

const TRACE_ID: u8 = 0;
const PARENT_ID: u8 = 1;
const PRIORITY: u8 = 2;

/// The tag's key, its bytes from the lowest on.
const KEY: [u64; 2] = [
    u64::from_le_bytes(*b"_dd.p.ti"),
    u64::from_le_bytes(*b"d=\0\0\0\0\0\0"),
];
const KEY_LENGTH: u8 = 10;
/// In a tag with another key.
const OTHER: u8 = 0xff;

/// The fields.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datadog {
    /// Value of the tag at hand.
    tag: Hex,
    /// The decimal number at hand.
    number: u64,
    high: u64,
    low: u64,
    parent_id: u64,
    /// Bit for each field that was there.
    seen: u8,
    state: u8,
    decision: u8,
    /// Digits of the decimal number at hand.
    digits: u8,
    /// Bytes of the tag's key that were read.
    matched: u8,
    negative: u8,
    reserved: [u8; 2],
}

impl Propagator for Datadog {
    const START: Self = Self {
        tag: Hex::START,
        number: 0,
        high: 0,
        low: 0,
        parent_id: 0,
        seen: 0,
        state: state::NOTHING,
        decision: decision::DEFERRED,
        digits: 0,
        matched: 0,
        negative: 0,
        reserved: [0; 2],
    };
    const FIELDS: &'static [Name] = &[
        Name::new("x-datadog-trace-id"),
        Name::new("x-datadog-parent-id"),
        Name::new("x-datadog-sampling-priority"),
        Name::new("x-datadog-tags"),
    ];

    #[inline(always)]
    fn begin(&mut self, field: u8) {
        let bit = 1 << (field & 7);
        if self.seen & bit != 0 && field <= PRIORITY {
            self.state = state::INVALID;
        } else if self.state == state::NOTHING && field <= PARENT_ID {
            self.state = state::VALID;
        }
        self.seen |= bit;
        self.number = 0;
        self.digits = 0;
        self.negative = 0;
        self.matched = 0;
        self.tag = Hex::START;
    }

    #[inline(always)]
    fn byte(&mut self, field: u8, byte: u8) {
        if field > PRIORITY {
            return self.tags(byte);
        }
        let sign = field == PRIORITY && self.digits == 0 && self.negative == 0 && byte == b'-';
        if sign {
            self.negative = 1;
        } else if !self.digit(byte) {
            self.state = state::INVALID;
        }
    }

    #[inline(always)]
    fn end(&mut self, field: u8) {
        let fits = self.digits != 0;
        match field {
            TRACE_ID => self.low = self.number,
            PARENT_ID => self.parent_id = self.number,
            PRIORITY => {
                let keep = self.negative == 0 && self.number > 0;
                self.decision = if keep { decision::KEEP } else { decision::DROP };
            }
            _ => return self.tag_end(),
        }
        if !fits {
            self.state = state::INVALID;
        }
    }

    #[inline(always)]
    fn told(&self) -> Told {
        match self.state {
            state::NOTHING => Told::Nothing,
            state::VALID if self.low != 0 && self.parent_id != 0 => Told::Parent(Parent::new(
                [self.high, self.low],
                self.parent_id,
                self.decision,
            )),
            _ => Told::Invalid,
        }
    }
}

impl Datadog {
    /// False if it is no digit, or makes the number too large.
    #[inline(always)]
    fn digit(&mut self, byte: u8) -> bool {
        const LARGEST: u64 = u64::MAX / 10;
        let digit = byte.wrapping_sub(b'0') as u64;
        let fits = self.number < LARGEST || (self.number == LARGEST && digit <= 5);
        if digit > 9 || !fits {
            return false;
        }
        self.number = self.number * 10 + digit;
        self.digits = 1;
        true
    }

    /// One byte of the list of tags.
    #[inline(always)]
    fn tags(&mut self, byte: u8) {
        if byte == b',' {
            self.tag_end();
            self.matched = 0;
            self.tag = Hex::START;
        } else if self.matched == KEY_LENGTH {
            if !self.tag.push(byte) {
                self.matched = OTHER;
            }
        } else if self.matched < KEY_LENGTH {
            let word = KEY[(self.matched >> 3) as usize & 1];
            let expected = (word >> ((self.matched & 7) * 8)) as u8;
            self.matched = if byte == expected {
                self.matched + 1
            } else {
                OTHER
            };
        }
    }

    /// A tag that is not as it should be leaves the upper half zero, as Datadog's tracers do.
    #[inline(always)]
    fn tag_end(&mut self) {
        if self.matched == KEY_LENGTH && self.tag.digits == 16 {
            self.high = self.tag.low();
        }
    }
}
