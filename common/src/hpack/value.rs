//! Values that may be those of `traceparent`.

use super::{
    NOTHING, Scan,
    field::{CODED, INCREMENTAL},
    name, parent, state,
};
use crate::{
    http1::Window,
    traceparent::{self, Traceparent},
};

/// Bytes of a value of version 00.
const VALUE: u32 = traceparent::VALUE as u32;
/// What an entry of it takes of the dynamic table.
const SIZE: u32 = 32 + 11 + VALUE;
/// Bytes of that in Huffman code, at least and at most.
const SHORTEST: u32 = 35;
const LONGEST: u32 = 42;
/// Bytes that are looked at: the last decides whether a later version may go on.
const ENOUGH: u8 = 56;

/// The text of a value. Places are constants, so are the shifts.
struct Text<'a>(&'a [u64; 8]);

impl Window for Text<'_> {
    #[inline(always)]
    fn word(&self, at: u32) -> u64 {
        let (word, shift) = (((at / 8) & 7) as usize, at % 8 * 8);
        if shift == 0 {
            return self.0[word];
        }
        (self.0[word] >> shift) | (self.0[(word + 1) & 7] << (64 - shift))
    }
}

impl Scan {
    /// A value of `length` bytes begins behind this byte.
    #[inline(always)]
    pub(super) fn value(&mut self, length: u32, coded: bool) {
        self.state = state::SKIP;
        self.resume = state::VALUE_LENGTH;
        let fits = match coded {
            true => (SHORTEST..=LONGEST).contains(&length),
            false => length == VALUE,
        };
        if self.name == name::UNSEEN && !fits {
            self.name = name::OTHER;
        }
        if self.name == name::OTHER {
            return;
        }
        self.text = [0; 8];
        self.taken = 0;
        self.bits = 0;
        self.pending = 0;
        self.state = if coded { state::HUFFMAN } else { state::RAW };
    }

    /// Where the value begins.
    #[inline(always)]
    pub(super) fn note(&mut self, at: u32) {
        if self.taken == 0 && self.pending == 0 {
            self.integer = self.bytes.wrapping_add(at);
        }
    }

    /// Up to eight bytes of a value as it is.
    #[inline(always)]
    pub(super) fn raw(&mut self, word: u64, at: u32, end: u32) -> u32 {
        self.note(at);
        let taken = self.taken;
        let there = end.wrapping_sub(at);
        let mut length = 8 - (taken & 7) as u32;
        length = if there < length { there } else { length };
        length = if self.left < length {
            self.left
        } else {
            length
        };
        // 1..=8
        let unused = (64 - length * 8) & 63;
        let word = word << unused >> unused;
        self.text[((taken >> 3) & 7) as usize] |= word << ((taken & 7) * 8);
        self.left -= length;
        self.taken = taken + length as u8;
        if self.taken >= ENOUGH {
            self.rest();
        }
        at.wrapping_add(length)
    }

    /// What follows does not matter.
    #[inline(always)]
    pub(super) fn rest(&mut self) {
        self.state = state::SKIP;
        self.resume = state::VALUE_LENGTH;
    }

    /// This is no such value.
    #[inline(always)]
    pub(super) fn spoil(&mut self) {
        self.text[0] = 0;
        self.rest();
    }

    /// A field is complete.
    #[inline(always)]
    pub(super) fn value_ends(&mut self) {
        let mut told = None;
        if self.name != name::OTHER {
            if self.taken as u32 == VALUE {
                self.text[6] |= (b' ' as u64) << 56;
            }
            told = traceparent::parse(&Text(&self.text), 0);
            if told.is_none() && self.name == name::UNSEEN {
                self.name = name::OTHER;
            }
        }
        let found = self.name != name::OTHER;
        let guessed = self.name == name::UNSEEN;
        let value = told.unwrap_or(NOTHING);
        let incremental = self.representation & INCREMENTAL != 0;
        if found {
            self.value_at = self.integer;
            self.open = (!incremental && self.coding & CODED == 0) as u8;
            self.settle(&value, guessed);
        }
        if incremental {
            if told.is_some_and(|told| told.version == 0) {
                self.least = SIZE;
                self.most = SIZE;
            }
            self.insert(found, &value, guessed);
        }
    }

    /// There is a `traceparent`; zeros are an invalid one.
    #[inline(always)]
    pub(super) fn settle(&mut self, value: &Traceparent, guessed: bool) {
        if self.parent != parent::NONE {
            self.open = 0;
        }
        let same =
            self.told.parent_id == value.parent_id && self.told.is_of_same_trace(Some(value));
        self.parent = match self.parent {
            parent::NONE if guessed => parent::GUESSED,
            parent::NONE if !value.is_valid() => parent::INVALID,
            parent::NONE => parent::VALID,
            // A copy under another name.
            parent::GUESSED if same && guessed => parent::GUESSED,
            parent::GUESSED if same => parent::VALID,
            parent::VALID if same && guessed => parent::VALID,
            _ => parent::SEVERAL,
        };
        self.told = *value;
    }
}
