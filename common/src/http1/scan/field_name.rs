//! The names of the fields that count: by words where a line is whole in the window, else byte by byte.

use super::{
    BAGGAGE, CODING, END, HeadScan, LENGTH, LINE_END, LOW_SEVEN, NAME_BAGGAGE, NAME_CODING,
    NAME_LENGTH, NAME_PARENT, NAME_STATE, SKIP, Window,
};

const LOWER: u64 = 0x2020_2020_2020_2020;
/// "content-length:" and "transfer-encoding:" in words, for the quick and for the byte-wise compare.
const CONTENT_: u64 = u64::from_le_bytes(*b"content-");
const LENGTH_: u64 = u64::from_le_bytes(*b"length:\0");
const TRANSFER: u64 = u64::from_le_bytes(*b"transfer");
const ENCODING: u64 = u64::from_le_bytes(*b"-encodin");
const G_: u64 = u64::from_le_bytes(*b"g:\0\0\0\0\0\0");
/// "baggage:", "traceparent:" and "tracestate:" the same way. The lower-case mask turns ':' into itself.
const BAGGAGE_: u64 = u64::from_le_bytes(*b"baggage:");
const TRACEPAR: u64 = u64::from_le_bytes(*b"tracepar");
const ENT_: u32 = u32::from_le_bytes(*b"ent:");
const TRACESTA: u64 = u64::from_le_bytes(*b"tracesta");
const TE_: u32 = u32::from_le_bytes(*b"te:\0");
const LOW_THREE: u32 = 0x00ff_ffff;
const LOWER_THREE: u32 = 0x0020_2020;

impl HeadScan {
    #[inline(always)]
    pub(super) fn line(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
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
        if !matches!(letter, b'b' | b'c' | b't') {
            self.state = SKIP;
            return at;
        }
        if end - at < 24 {
            self.state = match letter {
                b'b' => NAME_BAGGAGE,
                b'c' => NAME_LENGTH,
                _ => NAME_CODING,
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
        if word | LOWER == BAGGAGE_ {
            return self.baggage(at + 8);
        }
        let third = window.word(at + 16) & 0xffff;
        if word | LOWER == TRANSFER && second | LOWER == ENCODING && third | 0x20 == G_ {
            return self.enter(CODING, at + 18);
        }
        self.state = SKIP;
        at
    }

    #[inline(always)]
    fn baggage(&mut self, at: u32) -> u32 {
        self.flags |= BAGGAGE;
        self.state = SKIP;
        at
    }

    #[inline(always)]
    pub(super) fn enter(&mut self, state: u8, at: u32) -> u32 {
        self.state = state;
        self.register = 0;
        self.matched = 0;
        at
    }

    /// A field name that is cut by the end of the window, byte by byte.
    #[inline(always)]
    pub(super) fn name(&mut self, byte: u8, at: u32) -> u32 {
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
            (0, NAME_BAGGAGE) => BAGGAGE_,
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
            NAME_BAGGAGE => self.baggage(at + 1),
            _ => self.state_value(at + 1),
        }
    }
}
