//! Finds the end of a message head and the two fields that frame the body, eight bytes at a time.
//!
//! [`HeadScan::step`] does one bounded piece of work, so that a BPF program can run it from
//! `bpf_loop`, and keeps all it knows in [`HeadScan`], so that a head may be cut anywhere. It does not
//! validate a head: the agent does. It is strict only where another protocol must be told apart.

use crate::traceparent::{self, Traceparent};

mod parent;
mod target;

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
const STATE: u8 = 14;
const END: u8 = 15;
const FAILED: u8 = 16;

const RESPONSE: u8 = 1;
const HEAD: u8 = 2;
const CONNECT: u8 = 4;
const CHUNKED: u8 = 8;
const HAS_LENGTH: u8 = 16;
const SEVERAL_STATES: u8 = 32;
const ODD: u8 = 64;

/// Longest method token that is taken for one (RFC 9110 section 9.1 sets no bound).
const MAX_METHOD: u8 = 32;
/// Empty lines that may come before a start line (RFC 9112 section 2.2).
const MAX_LEADING: u8 = 8;

const HTTP_1: u64 = u64::from_le_bytes(*b"HTTP/1.\0");
const LOW_SEVEN: u64 = 0x00ff_ffff_ffff_ffff;
const LOWER: u64 = 0x2020_2020_2020_2020;
/// "content-length:" and "transfer-encoding:" in words, for the quick and for the byte-wise compare.
const CONTENT_: u64 = u64::from_le_bytes(*b"content-");
const LENGTH_: u64 = u64::from_le_bytes(*b"length:\0");
const TRANSFER: u64 = u64::from_le_bytes(*b"transfer");
const ENCODING: u64 = u64::from_le_bytes(*b"-encodin");
const G_: u64 = u64::from_le_bytes(*b"g:\0\0\0\0\0\0");
/// "traceparent:" and "tracestate:" the same way. The lower-case mask turns ':' into itself.
const TRACEPAR: u64 = u64::from_le_bytes(*b"tracepar");
const ENT_: u32 = u32::from_le_bytes(*b"ent:");
const TRACESTA: u64 = u64::from_le_bytes(*b"tracesta");
const TE_: u32 = u32::from_le_bytes(*b"te:\0");
const LOW_THREE: u32 = 0x00ff_ffff;
const LOWER_THREE: u32 = 0x0020_2020;
const CHUNKED_NAME: u64 = 0x0063_6875_6e6b_6564;
const GET_: u32 = u32::from_le_bytes(*b"GET ");
const PUT_: u32 = u32::from_le_bytes(*b"PUT ");
const POST: u32 = u32::from_le_bytes(*b"POST");
const HEAD_: u32 = u32::from_le_bytes(*b"HEAD");
const HEAD_NAME: u64 = 0x4845_4144;
const CONNECT_NAME: u64 = 0x0043_4f4e_4e45_4354;
const HTTP_NAME: u64 = 0x4854_5450;
const TCHAR_LOW: u64 = 0x03ff6cfa00000000;
const TCHAR_HIGH: u64 = 0x57ffffffc7fffffe;

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
    /// Bytes of that value, up to the line feed.
    pub state_length: u32,
    /// Status code of a response.
    pub status: u16,
    state: u8,
    matched: u8,
    flags: u8,
    /// A value of [`parent`].
    parent: u8,
    reserved: [u8; 2],
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
        state_length: 0,
        status: 0,
        state: START,
        matched: 0,
        flags: 0,
        parent: parent::NONE,
        reserved: [0; 2],
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
            SKIP | STATE => self.skip(window, at, end),
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
            NAME_LENGTH | NAME_CODING | NAME_PARENT | NAME_STATE => self.name(byte, at),
            PARENT => self.parent(byte, at),
            LENGTH => self.length(byte, at),
            CODING => self.coding(byte, at),
            _ => end,
        }
    }

    #[inline(always)]
    fn start(&mut self, window: &impl Window, word: u64, at: u32, end: u32) -> u32 {
        let byte = word as u8;
        if byte == b'\r' || byte == b'\n' {
            self.matched += 1;
            if self.matched > MAX_LEADING {
                self.state = FAILED;
            }
            return at + 1;
        }
        self.matched = 0;
        if end - at >= 16 && word & LOW_SEVEN == HTTP_1 {
            return self.status_line(window.word(at + 8), at);
        }
        if end - at >= 8 {
            let common = self.common_method(word);
            if common > 0 {
                self.state = TARGET;
                return at + common;
            }
        }
        self.state = METHOD;
        self.method(byte, at)
    }

    /// Length of one of the common methods with its space, by one compare; 0 for any other.
    #[inline(always)]
    fn common_method(&mut self, word: u64) -> u32 {
        let four = word as u32;
        let fifth = (word >> 32) as u8;
        if four == GET_ || four == PUT_ {
            return 4;
        }
        if fifth == b' ' && four == HEAD_ {
            self.flags |= HEAD;
            return 5;
        }
        if fifth == b' ' && four == POST { 5 } else { 0 }
    }

    /// " 200" after "HTTP/1.1".
    #[inline(always)]
    fn status_line(&mut self, word: u64, at: u32) -> u32 {
        let digit = |shift: u32| ((word >> shift) as u8).wrapping_sub(b'0');
        let (hundreds, tens, ones) = (digit(8), digit(16), digit(24));
        if word as u8 != b' ' || hundreds > 9 || tens > 9 || ones > 9 {
            self.state = FAILED;
            return at;
        }
        self.flags |= RESPONSE;
        self.status = hundreds as u16 * 100 + tens as u16 * 10 + ones as u16;
        self.state = SKIP;
        at + 12
    }

    #[inline(always)]
    fn method(&mut self, byte: u8, at: u32) -> u32 {
        if byte == b' ' && self.matched > 0 {
            let connect = self.register & LOW_SEVEN == CONNECT_NAME && self.matched == 7;
            self.flags |= match () {
                () if self.register == HEAD_NAME => HEAD,
                () if connect => CONNECT,
                () => 0,
            };
            self.state = TARGET;
            self.register = 0;
            self.matched = 0;
        } else if byte == b'/' && self.register == HTTP_NAME {
            self.flags |= RESPONSE;
            self.state = VERSION;
            self.matched = 0;
        } else if is_tchar(byte) && self.matched < MAX_METHOD {
            self.register = (self.register << 8) | byte as u64;
            self.matched += 1;
        } else {
            self.state = FAILED;
        }
        at + 1
    }

    /// "1.1 200", byte by byte, where the status line is cut.
    #[inline(always)]
    fn version(&mut self, byte: u8, at: u32) -> u32 {
        let digit = byte.wrapping_sub(b'0');
        let fits = match self.matched {
            0 => byte == b'1',
            1 => byte == b'.',
            3 => byte == b' ',
            _ => digit <= 9,
        };
        if self.matched > 3 {
            self.status = self.status.wrapping_mul(10).wrapping_add(digit as u16);
        }
        self.matched += 1;
        if !fits {
            self.state = FAILED;
        } else if self.matched == 7 {
            self.state = SKIP;
        }
        at + 1
    }

    #[inline(always)]
    fn line(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let word = window.word(at);
        let byte = word as u8;
        if byte == b'\r' && end - at >= 2 && (word >> 8) as u8 == b'\n' {
            self.state = END;
            return at + 2;
        }
        if byte == b'\r' || byte == b'\n' {
            self.state = if byte == b'\n' { END } else { LINE_END };
            return at + 1;
        }
        let letter = byte | 0x20;
        if letter != b'c' && letter != b't' {
            self.state = SKIP;
            return at;
        }
        if end - at < 24 {
            self.state = if letter == b'c' {
                NAME_LENGTH
            } else {
                NAME_CODING
            };
            self.matched = 1;
            return at + 1;
        }
        let second = window.word(at + 8);
        if word | LOWER == CONTENT_ && (second | LOWER) & LOW_SEVEN == LENGTH_ {
            return self.enter(LENGTH, at + 15);
        }
        if word | LOWER == TRACEPAR && (second | LOWER) as u32 == ENT_ {
            return self.parent_value(window, at + 12, end);
        }
        if word | LOWER == TRACESTA && (second as u32 | LOWER_THREE) & LOW_THREE == TE_ {
            return self.state_value(at + 11);
        }
        let third = window.word(at + 16) & 0xffff;
        if word | LOWER == TRANSFER && second | LOWER == ENCODING && third | 0x20 == G_ {
            return self.enter(CODING, at + 18);
        }
        self.state = SKIP;
        at
    }

    #[inline(always)]
    fn enter(&mut self, state: u8, at: u32) -> u32 {
        self.state = state;
        self.register = 0;
        self.matched = 0;
        at
    }

    /// A field name that is cut by the end of the window, byte by byte.
    #[inline(always)]
    fn name(&mut self, byte: u8, at: u32) -> u32 {
        let index = self.matched & 31;
        let shift = u32::from(index & 7) * 8;
        let expected = match (index >> 3, self.state) {
            (0, NAME_LENGTH) => CONTENT_,
            (1, NAME_LENGTH) => LENGTH_,
            (0, NAME_CODING) => TRANSFER,
            (1, NAME_CODING) => ENCODING,
            (2, NAME_CODING) => G_,
            (0, NAME_PARENT) => TRACEPAR,
            (1, NAME_PARENT) => ENT_ as u64,
            (0, NAME_STATE) => TRACESTA,
            (1, NAME_STATE) => TE_ as u64,
            _ => 0,
        } >> shift;
        let lower = if byte.is_ascii_uppercase() {
            byte | 0x20
        } else {
            byte
        };
        if lower != expected as u8 {
            self.state = match (self.state, index, lower) {
                (NAME_CODING, 3, b'c') => NAME_PARENT,
                (NAME_PARENT, 5, b's') => NAME_STATE,
                _ => SKIP,
            };
            return at;
        }
        self.matched += 1;
        if byte != b':' {
            return at + 1;
        }
        match self.state {
            NAME_LENGTH => self.enter(LENGTH, at + 1),
            NAME_CODING => self.enter(CODING, at + 1),
            NAME_PARENT => self.enter_parent(at + 1),
            _ => self.state_value(at + 1),
        }
    }

    /// Digits of Content-Length. A list of equal values counts as its last member; what is not a
    /// number leaves no length, as if the field were missing.
    #[inline(always)]
    fn length(&mut self, byte: u8, at: u32) -> u32 {
        let digit = byte.wrapping_sub(b'0');
        match byte {
            b'\n' => {
                self.content_length = self.register;
                self.flags |= HAS_LENGTH;
                self.state = LINE;
            }
            b' ' | b'\t' | b'\r' => {}
            b',' => self.register = 0,
            _ if digit <= 9 && self.register <= u64::MAX >> 8 => {
                self.register = self.register * 10 + digit as u64;
            }
            _ => {
                self.state = SKIP;
                return at;
            }
        }
        at + 1
    }

    /// The last seven letters of Transfer-Encoding tell whether the last coding is chunked.
    #[inline(always)]
    fn coding(&mut self, byte: u8, at: u32) -> u32 {
        match byte {
            b'\n' => {
                if self.register & LOW_SEVEN == CHUNKED_NAME {
                    self.flags |= CHUNKED;
                }
                self.state = LINE;
            }
            b' ' | b'\t' | b'\r' => {}
            _ => self.register = (self.register << 8) | (byte | 0x20) as u64,
        }
        at + 1
    }

    /// Up to the next line feed, or 32 bytes on.
    #[inline(always)]
    fn skip(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let mut from = at;
        for _ in 0..4 {
            let word = window.word(from);
            let found = line_feeds(word);
            let inside = match found {
                0 if from + 8 <= end => u64::MAX,
                0 => below_end(from, end),
                _ => (found & found.wrapping_neg()).wrapping_sub(1),
            };
            if odd(word) & inside != 0 {
                self.flags |= ODD;
            }
            if found != 0 {
                return self.line_feed(from + first(found), end);
            }
            from += 8;
        }
        if from < end { from } else { end }
    }

    #[inline(always)]
    fn line_feed(&mut self, line_feed: u32, end: u32) -> u32 {
        if line_feed >= end {
            return end;
        }
        if self.state == STATE {
            self.state_end(line_feed);
        }
        self.state = LINE;
        line_feed + 1
    }
}

/// 0x80 in the byte of each line feed; exact up to and with the lowest.
#[inline(always)]
const fn line_feeds(word: u64) -> u64 {
    let x = word ^ 0x0a0a_0a0a_0a0a_0a0a;
    x.wrapping_sub(0x0101_0101_0101_0101) & !x & 0x8080_8080_8080_8080
}

/// 0x80 in each byte that is a control character; of those near the line's end and the tab, none. Exact up
/// to and with the lowest.
#[inline(always)]
const fn odd(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let second = (word & (ONES * 0xf0)) ^ (ONES * 0x10);
    let below_tab = word.wrapping_sub(ONES * 9) & !word;
    let from_16_to_31 = second.wrapping_sub(ONES) & !second;
    (below_tab | from_16_to_31) & (ONES * 0x80)
}

/// The bits of a word at `from` that lie before `end`, which is less than eight bytes on.
#[inline(always)]
const fn below_end(from: u32, end: u32) -> u64 {
    if from >= end {
        return 0;
    }
    (1 << ((end - from) * 8)) - 1
}

/// Index of the lowest marked byte; by multiplication, since BPF cannot count zeros.
#[inline(always)]
const fn first(found: u64) -> u32 {
    let lowest = (found & found.wrapping_neg()) >> 7;
    (lowest.wrapping_mul(0x0001_0203_0405_0607) >> 56) as u32
}

/// RFC 9110 section 5.6.2.
#[inline(always)]
const fn is_tchar(byte: u8) -> bool {
    let mask = if byte < 64 { TCHAR_LOW } else { TCHAR_HIGH };
    byte < 128 && (mask >> (byte & 63)) & 1 == 1
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
