//! Representations, integers and lengths (RFC 7541 sections 5 and 6).

use super::{HUFFMAN_NAME, Scan, name, state};
use crate::http1::Window;

/// Bits of a representation's first byte.
const INDEXED: u8 = 0x80;
pub(super) const INCREMENTAL: u8 = 0x40;
const SIZE_UPDATE: u8 = 0x20;
/// The bit of a length's first byte: the string is in Huffman code.
pub(super) const CODED: u8 = 0x80;
/// Entries of the static table.
const STATIC: u32 = 61;
/// Those of them that are named `:method`.
const METHOD_GET: u32 = 2;
const METHOD_POST: u32 = 3;
/// Bytes of the longest name in it.
const STATIC_NAME: u32 = 27;
/// Bytes that a name is taken to have at most of which only the index is known.
const UNKNOWN_NAME: u32 = 256;
/// What an entry takes beside its strings (section 4.1).
const OVERHEAD: u32 = 32;
/// Shift of the last byte that an integer may go on with.
const LAST_SHIFT: u8 = 21;
/// Most bytes of a string: what 28 bits hold.
const LONGEST: u32 = 1 << 28;

const RAW_NAME: [u64; 2] = [
    u64::from_le_bytes(*b"tracepar"),
    u64::from_le_bytes(*b"ent\0\0\0\0\0"),
];
const RAW_LENGTH: u32 = 11;
const HUFFMAN_LENGTH: u32 = 8;

impl Scan {
    /// One piece of work on the bytes `at..end` of the window (`at < end`); gives the next position, which lies
    /// behind `at` and never beyond `end`. An ordinary field takes up to five steps.
    #[inline(always)]
    pub fn step(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let word = window.word(at);
        let at = match self.state {
            state::SKIP => self.skip(at, end),
            state::NAME => self.matches(word as u8, at),
            state::RAW => self.raw(word, at, end),
            state::HUFFMAN => self.huffman(word as u8, at),
            state::FAILED => end,
            _ => self.octet(word as u8, at),
        };
        if self.left == 0 && (state::NAME..state::FAILED).contains(&self.state) {
            self.string_ends();
        }
        at
    }

    #[inline(always)]
    fn skip(&mut self, at: u32, end: u32) -> u32 {
        let there = end.wrapping_sub(at);
        let taken = if self.left < there { self.left } else { there };
        self.left -= taken;
        at.wrapping_add(taken)
    }

    /// A byte of anything but a string.
    #[inline(always)]
    fn octet(&mut self, byte: u8, at: u32) -> u32 {
        if self.state == state::INTEGER {
            if self.shift > LAST_SHIFT {
                self.state = state::FAILED;
                return at + 1;
            }
            self.integer = self
                .integer
                .wrapping_add(((byte & 0x7f) as u32) << (self.shift & 31));
            self.shift += 7;
            if byte & 0x80 != 0 {
                return at + 1;
            }
            self.state = self.resume;
        } else {
            let most = self.first(byte);
            self.integer = (byte & most) as u32;
            if byte & most == most {
                self.resume = self.state;
                self.state = state::INTEGER;
                self.shift = 0;
                return at + 1;
            }
        }
        match self.state {
            state::FIELD => self.field(),
            _ => self.string(),
        }
        at + 1
    }

    /// Notes the first byte of a representation or a length; gives the bits that belong to the integer.
    #[inline(always)]
    fn first(&mut self, byte: u8) -> u8 {
        if self.state != state::FIELD {
            self.coding = byte;
            return 0x7f;
        }
        self.representation = byte;
        match byte {
            _ if byte & INDEXED != 0 => 0x7f,
            _ if byte & INCREMENTAL != 0 => 0x3f,
            _ if byte & SIZE_UPDATE != 0 => 0x1f,
            _ => 0x0f,
        }
    }

    /// The integer of a representation is complete.
    #[inline(always)]
    fn field(&mut self) {
        let (first, index) = (self.representation, self.integer);
        let update = first & (INDEXED | INCREMENTAL | SIZE_UPDATE) == SIZE_UPDATE;
        if !update && (index == METHOD_GET || index == METHOD_POST) {
            self.method = 1;
        }
        if first & INDEXED != 0 {
            return self.indexed(index);
        }
        if update {
            self.limit = index;
            return;
        }
        self.least = OVERHEAD;
        self.most = OVERHEAD;
        self.name = name::OTHER;
        self.state = state::VALUE_LENGTH;
        if index == 0 {
            self.state = state::NAME_LENGTH;
        } else if index <= STATIC {
            self.most += STATIC_NAME;
        } else {
            self.most += UNKNOWN_NAME;
            self.name = self.name_of(index);
        }
    }

    /// A whole field out of the tables.
    #[inline(always)]
    fn indexed(&mut self, index: u32) {
        if index == 0 {
            self.state = state::FAILED;
        } else if index > STATIC {
            self.refer(index);
        }
    }

    /// Number of the entry that an index of the dynamic table means; 0: one from before the first.
    #[inline(always)]
    pub(super) fn number(&self, index: u32) -> u32 {
        let back = index.wrapping_sub(STATIC + 1);
        self.inserted.saturating_sub(back)
    }

    /// The length of a string is complete.
    #[inline(always)]
    fn string(&mut self) {
        let length = self.integer;
        if length >= LONGEST {
            self.state = state::FAILED;
            return;
        }
        self.left = length;
        let coded = self.coding & CODED != 0;
        // The shortest code has 5 bits, the longest 30.
        self.least += if coded { length / 4 } else { length };
        self.most += if coded { length * 2 } else { length };
        let wanted = if coded { HUFFMAN_LENGTH } else { RAW_LENGTH };
        if self.state == state::VALUE_LENGTH {
            self.value(length, coded);
        } else if length == wanted {
            self.state = state::NAME;
            self.taken = 0;
        } else {
            self.state = state::SKIP;
            self.resume = state::NAME_LENGTH;
        }
    }

    /// A byte of a name as long as `traceparent`.
    #[inline(always)]
    fn matches(&mut self, byte: u8, at: u32) -> u32 {
        let coded = self.coding & CODED != 0;
        let word = match self.taken {
            0..8 if coded => HUFFMAN_NAME,
            0..8 => RAW_NAME[0],
            _ => RAW_NAME[1],
        };
        let wanted = (word >> ((self.taken & 7) * 8)) as u8;
        self.taken += 1;
        self.left -= 1;
        if byte != wanted {
            self.state = state::SKIP;
            self.resume = state::NAME_LENGTH;
        }
        at + 1
    }

    #[inline(always)]
    fn string_ends(&mut self) {
        let named = self.state == state::NAME;
        if named || (self.state == state::SKIP && self.resume == state::NAME_LENGTH) {
            self.name = if named { name::PARENT } else { name::OTHER };
            self.state = state::VALUE_LENGTH;
            return;
        }
        self.state = state::FIELD;
        self.value_ends();
    }
}
