//! Finds the end of a message head and the two fields that frame the body, eight bytes at a time.
//!
//! [`HeadScan::step`] does one bounded piece of work, so that a BPF program can run it from
//! `bpf_loop`, and keeps all it knows in [`HeadScan`], so that a head may be cut anywhere. It does not
//! validate a head: the agent does. It is strict only where another protocol must be told apart.

use crate::traceparent::{self, Traceparent};

mod field_name;
mod framing;
mod parent;
mod skip;
mod start_line;
mod target;

pub(crate) use skip::line_feeds;
pub use target::line_end;

/// Random access to the bytes that are scanned.
pub trait Window {
    /// Eight bytes from `at`, little-endian. What lies beyond the valid bytes may be anything.
    fn word(&self, at: u32) -> u64;
}

const START: u8 = 0;
const METHOD: u8 = 1;
const VERSION: u8 = 2;
const TARGET: u8 = 3;
const LINE: u8 = 4;
const LINE_END: u8 = 5;
const SKIP: u8 = 6;
const NAME_LENGTH: u8 = 7;
const NAME_CODING: u8 = 8;
const LENGTH: u8 = 9;
const CODING: u8 = 10;
const NAME_PARENT: u8 = 11;
const NAME_STATE: u8 = 12;
const PARENT: u8 = 13;
const NAME_BAGGAGE: u8 = 14;
const END: u8 = 15;
const FAILED: u8 = 16;

const RESPONSE: u8 = 1;
const HEAD: u8 = 2;
const CONNECT: u8 = 4;
const CHUNKED: u8 = 8;
const HAS_LENGTH: u8 = 16;
const SEVERAL_STATES: u8 = 32;
const ODD: u8 = 64;
const BAGGAGE: u8 = 128;

const HTTP_1: u64 = u64::from_le_bytes(*b"HTTP/1.\0");
const LOW_SEVEN: u64 = 0x00ff_ffff_ffff_ffff;

/// Where a reader is within a head, and what it has learnt. 72 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadScan {
    register: u64,
    /// Value of Content-Length; 0 without one.
    pub content_length: u64,
    told: Traceparent,
    /// Bytes of this head before the window at hand.
    pub bytes: u32,
    /// Where the value of `traceparent` begins in the head; 0: there is none.
    pub parent_at: u32,
    /// Where the value of `tracestate` begins in the head; 0: there is none.
    pub state_at: u32,
    /// Status code of a response.
    pub status: u16,
    state: u8,
    matched: u8,
    flags: u8,
    /// A value of [`parent`].
    parent: u8,
    reserved: [u8; 6],
}

const _: () = assert!(size_of::<HeadScan>() == 72);

impl HeadScan {
    /// Before the first byte of a message.
    pub const START: Self = Self {
        register: 0,
        content_length: 0,
        told: Traceparent {
            trace_id: [0; 2],
            parent_id: 0,
            flags: 0,
            version: 0,
            reserved: [0; 6],
        },
        bytes: 0,
        parent_at: 0,
        state_at: 0,
        status: 0,
        state: START,
        matched: 0,
        flags: 0,
        parent: parent::NONE,
        reserved: [0; 6],
    };

    /// The empty line is through.
    #[inline(always)]
    #[must_use]
    pub const fn is_end(&self) -> bool {
        self.state == END
    }
    /// Not an HTTP/1.x head.
    #[inline(always)]
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        self.state == FAILED
    }
    /// Nothing but white space was seen of the message.
    #[inline(always)]
    #[must_use]
    pub const fn is_start(&self) -> bool {
        self.state == START
    }
    /// The start line is through and was HTTP/1.x.
    #[inline(always)]
    #[must_use]
    pub const fn is_recognised(&self) -> bool {
        self.state >= LINE && self.state != FAILED
    }
    /// It is a response.
    #[inline(always)]
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags & RESPONSE != 0
    }
    /// It is a response, and none of the interim ones that go before it (RFC 9110 section 15.2).
    #[inline(always)]
    #[must_use]
    pub const fn is_final_response(&self) -> bool {
        self.is_response() && (self.status >= 200 || self.status == 101)
    }
    /// The method is HEAD.
    #[inline(always)]
    #[must_use]
    pub const fn is_head_request(&self) -> bool {
        self.flags & HEAD != 0
    }
    /// The method is CONNECT.
    #[inline(always)]
    #[must_use]
    pub const fn is_connect_request(&self) -> bool {
        self.flags & CONNECT != 0
    }
    /// The last transfer coding is chunked.
    #[inline(always)]
    #[must_use]
    pub const fn is_chunked(&self) -> bool {
        self.flags & CHUNKED != 0
    }
    /// A field line holds control characters that no sender may put there (RFC 9110 section 5.5).
    #[inline(always)]
    #[must_use]
    pub const fn is_odd(&self) -> bool {
        self.flags & ODD != 0
    }
    /// There was a Content-Length.
    #[inline(always)]
    #[must_use]
    pub const fn has_length(&self) -> bool {
        self.flags & HAS_LENGTH != 0
    }

    /// One piece of work on the bytes `at..end` of the window (`at < end`); gives the next position,
    /// which never lies beyond `end`. An ordinary field line takes one step.
    #[inline(always)]
    pub fn step(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let at = match self.state {
            TARGET => self.target(window, at, end),
            SKIP => self.skip(window, at, end),
            LINE => at,
            _ => self.other(window, at, end),
        };
        if self.state == LINE && at < end {
            self.line(window, at, end)
        } else {
            at
        }
    }

    /// The states in which a byte counts.
    #[inline(always)]
    fn other(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let word = window.word(at);
        let byte = word as u8;
        match self.state {
            START => self.start(window, word, at, end),
            METHOD => self.method(byte, at),
            VERSION => self.version(byte, at),
            LINE_END => {
                self.state = if byte == b'\n' { END } else { SKIP };
                if byte == b'\n' { at + 1 } else { at }
            }
            NAME_LENGTH | NAME_CODING | NAME_PARENT | NAME_STATE | NAME_BAGGAGE => {
                self.name(byte, at)
            }
            PARENT => self.parent(byte, at),
            LENGTH => self.length(byte, at),
            CODING => self.coding(byte, at),
            _ => end,
        }
    }
}

/// Index of the lowest marked byte; by multiplication, since BPF cannot count zeros.
#[inline(always)]
pub(crate) const fn first(found: u64) -> u32 {
    let lowest = (found & found.wrapping_neg()) >> 7;
    (lowest.wrapping_mul(0x0001_0203_0405_0607) >> 56) as u32
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
