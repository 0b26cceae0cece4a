//! The `traceparent` field (W3C Trace Context section 3.2) by machine words: for the kernel side, which
//! reads and writes it on every request.
//!
//! Numbers are kept in memory order: the first hex digit of the text is in the lowest byte.

use crate::context::{KNOWN_FLAGS, SpanContext};
use crate::http1::Window;

/// Bytes of a value of version 00.
pub const VALUE: usize = 55;
/// Bytes of the whole field line as it is written, line end included.
pub const LINE: usize = 70;
/// Where the value begins in the line.
pub const VALUE_AT: usize = 13;

const ONES: u64 = 0x0101_0101_0101_0101;
const DASH: u64 = b'-' as u64;

/// What a value says. 32 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traceparent {
    /// trace-id.
    pub trace_id: [u64; 2],
    /// parent-id.
    pub parent_id: u64,
    /// Known bits of trace-flags.
    pub flags: u8,
    /// version.
    pub version: u8,
    /// Padding.
    pub reserved: [u8; 6],
}

impl Traceparent {
    /// Does the other, if there is one, name the same trace?
    #[inline(always)]
    #[must_use]
    pub const fn is_of_same_trace(&self, other: Option<&Self>) -> bool {
        match other {
            None => true,
            Some(other) => {
                self.trace_id[0] == other.trace_id[0] && self.trace_id[1] == other.trace_id[1]
            }
        }
    }
}

/// Eight lower-case hex digits as four bytes; `None` if one is not.
#[inline(always)]
#[must_use]
pub const fn decode(text: u64) -> Option<u32> {
    let (value, bad) = decoded(text);
    if bad != 0 { None } else { Some(value) }
}

/// The same, and what is not zero if one is none.
#[inline(always)]
const fn decoded(text: u64) -> (u32, u64) {
    let letters = (text >> 6) & ONES;
    let nibbles = (text & (ONES * 0x0f)) + letters * 9;
    let bad = (nibbles & (ONES * 0xf0)) | (encode_nibbles(nibbles) ^ text);
    let pairs = ((nibbles << 4) | (nibbles >> 8)) & 0x00ff_00ff_00ff_00ff;
    let halves = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    ((halves | (halves >> 16)) as u32, bad)
}

/// Four bytes as eight hex digits.
#[inline(always)]
#[must_use]
pub const fn encode(bytes: u32) -> u64 {
    let halves = (bytes as u64 | ((bytes as u64) << 16)) & 0x0000_ffff_0000_ffff;
    let pairs = (halves | (halves << 8)) & 0x00ff_00ff_00ff_00ff;
    encode_nibbles(
        ((pairs >> 4) & (ONES * 0x0f)) & 0x000f_000f_000f_000f
            | ((pairs & 0x000f_000f_000f_000f) << 8),
    )
}

#[inline(always)]
const fn encode_nibbles(nibbles: u64) -> u64 {
    let letters = ((nibbles + ONES * 6) >> 4) & ONES;
    nibbles + ONES * 0x30 + letters * 0x27
}

/// Reads a value at `at`, of which at least [`VALUE`] bytes and the one behind must be there. That one
/// decides for versions: 00 ends there, later ones may go on behind a dash.
#[inline(always)]
#[must_use]
pub fn parse(window: &impl Window, at: u32) -> Option<Traceparent> {
    let start = window.word(at);
    let middle = window.word(at + 35);
    let last = window.word(at + 47);
    let (version, mut bad) = decoded(start & 0xffff | 0x3030_3030_3030_0000);
    bad |= ((start >> 16) & 0xff ^ DASH) | (middle & 0xff ^ DASH) | ((last >> 40) & 0xff ^ DASH);
    let mut numbers = [0_u64; 3];
    let places = [3, 19, 36];
    let mut index = 0;
    while index < 3 {
        let (low, one) = decoded(window.word(at + places[index]));
        let (high, other) = decoded(window.word(at + places[index] + 8));
        bad |= one | other;
        numbers[index] = low as u64 | (high as u64) << 32;
        index += 1;
    }
    let (flags, wrong) = decoded((last >> 48) & 0xffff | 0x3030_3030_3030_0000);
    bad |= wrong;
    if bad != 0 {
        return None;
    }
    let (version, flags) = (version as u8, flags as u8);
    let after = (window.word(at + 48) >> 56) as u8;
    let ends = after == b'\r' || after == b'\n' || after == b' ' || after == b'\t';
    let fits = if version == 0 {
        ends
    } else {
        version != 0xff && (ends || after == b'-')
    };
    if !fits {
        return None;
    }
    let told = Traceparent {
        trace_id: [numbers[0], numbers[1]],
        parent_id: numbers[2],
        flags: flags & KNOWN_FLAGS,
        version,
        reserved: [0; 6],
    };
    told.is_valid().then_some(told)
}

impl Traceparent {
    /// Neither id is all zero.
    #[inline(always)]
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.trace_id[0] | self.trace_id[1] != 0 && self.parent_id != 0
    }
}

/// The words of the line `traceparent: 00-...-..\r\n`; the last two bytes of the ninth are meaningless.
/// `to` takes a word for each multiple of eight below [`LINE`].
#[inline(always)]
pub fn line(span: &SpanContext, mut to: impl FnMut(usize, u64)) {
    let part = |bytes: &[u8], at: usize| {
        encode(u32::from_le_bytes([
            bytes[at],
            bytes[at + 1],
            bytes[at + 2],
            bytes[at + 3],
        ]))
    };
    let trace = [
        part(&span.trace_id, 0),
        part(&span.trace_id, 4),
        part(&span.trace_id, 8),
        part(&span.trace_id, 12),
    ];
    let parent = [part(&span.span_id, 0), part(&span.span_id, 4)];
    let flags = encode(span.flags as u32) & 0xffff;
    to(0, u64::from_le_bytes(*b"tracepar"));
    to(8, u64::from_le_bytes(*b"ent: 00-"));
    to(16, trace[0]);
    to(24, trace[1]);
    to(32, trace[2]);
    to(40, trace[3]);
    to(48, DASH | parent[0] << 8);
    to(56, parent[0] >> 56 | parent[1] << 8);
    to(
        64,
        parent[1] >> 56 | DASH << 8 | flags << 16 | (0x0a0d << 32),
    );
}

#[cfg(test)]
#[path = "traceparent_tests.rs"]
mod tests;
