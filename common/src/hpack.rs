//! Finds `traceparent` in the header blocks of HTTP/2 (HPACK, RFC 7541).
//!
//! [`Scan::step`] does one bounded piece of work, so that a BPF program can run it from `bpf_loop`, and keeps
//! all it knows in [`Scan`], so that a block may be cut anywhere. Of the dynamic table it keeps how many
//! entries were inserted, and those that are named `traceparent`: an index counts back from the newest entry, so
//! neither the other entries nor what is evicted matter. Every other string is skipped by its length.
//!
//! It does not validate a block, and it does not decode the other fields: the agent does.

use crate::traceparent::Traceparent;

mod field;
mod huffman;
mod table;
mod value;

pub use huffman::NAME as HUFFMAN_NAME;

/// Entries of the dynamic table that are kept.
const KEPT: usize = 4;
/// Entries of which it is known whether they are named `traceparent`: more than a table of the default size holds.
const NEWEST: u32 = 128;
/// Size of the dynamic table until an update says otherwise (RFC 9113 section 6.5.2).
const DEFAULT_LIMIT: u32 = 4096;
/// The limit after a gap.
const UNKNOWN: u32 = u32::MAX;

/// What the next byte is.
mod state {
    /// The first of a representation (section 6).
    pub(super) const FIELD: u8 = 0;
    /// More of an integer (section 5.1).
    pub(super) const INTEGER: u8 = 1;
    /// The first of a string's length (section 5.2).
    pub(super) const NAME_LENGTH: u8 = 2;
    /// The same.
    pub(super) const VALUE_LENGTH: u8 = 3;
    /// Part of a name that may be `traceparent`.
    pub(super) const NAME: u8 = 4;
    /// Part of a string that does not matter.
    pub(super) const SKIP: u8 = 5;
    /// Part of a value as it is.
    pub(super) const RAW: u8 = 6;
    /// Part of a value in Huffman code.
    pub(super) const HUFFMAN: u8 = 7;
    /// This is no header block.
    pub(super) const FAILED: u8 = 8;
}

/// Whose value follows.
mod name {
    /// Another field's.
    pub(super) const OTHER: u8 = 0;
    /// That of `traceparent`.
    pub(super) const PARENT: u8 = 1;
    /// That of a field whose name was inserted before anything was seen.
    pub(super) const UNSEEN: u8 = 2;
}

/// What is known of `traceparent` in a block.
mod parent {
    /// No such field.
    pub(super) const NONE: u8 = 0;
    /// One field of an unseen name whose value can only be that.
    pub(super) const GUESSED: u8 = 1;
    /// One, and it is valid.
    pub(super) const VALID: u8 = 2;
    /// An invalid one: as if there were none (W3C Trace Context section 4.3).
    pub(super) const INVALID: u8 = 3;
    /// Several: the same.
    pub(super) const SEVERAL: u8 = 4;
    /// One, whose value is not known any more.
    pub(super) const UNKNOWN: u8 = 5;
}

/// Where a reader is within the header blocks of one direction, and what it has learnt. 312 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Values of the entries that are named `traceparent`.
    values: [Traceparent; KEPT],
    /// The value at hand, decoded.
    text: [u64; 8],
    told: Traceparent,
    /// Bit for each of the newest [`NEWEST`] entries, by their numbers: it is named `traceparent`.
    named: [u64; 2],
    /// Numbers of the entries, counted from 1; 0: none.
    numbers: [u32; KEPT],
    /// Entries inserted so far.
    inserted: u32,
    /// Number of the last entry that was not seen.
    unseen: u32,
    /// Most that the dynamic table may hold.
    limit: u32,
    /// The entry at hand takes so much of the table, at least and at most.
    least: u32,
    most: u32,
    /// The integer at hand.
    integer: u32,
    /// Bytes of the string at hand that are still to come.
    left: u32,
    /// Bytes before the window at hand, from wherever the caller counts.
    pub bytes: u32,
    /// Where the value of `traceparent` begins, counted likewise; 0: it has none of its own in this block.
    pub value_at: u32,
    /// Bits that are not decoded yet, and how many.
    bits: u16,
    pending: u8,
    /// Digits decoded; or bytes of the name that are right.
    taken: u8,
    state: u8,
    /// The state whose integer goes on.
    resume: u8,
    shift: u8,
    /// First byte of the representation.
    representation: u8,
    /// First byte of the string's length.
    coding: u8,
    /// A value of [`name`].
    name: u8,
    /// A value of [`parent`].
    parent: u8,
    /// 1: `value_at` is that of digits that may be written over.
    open: u8,
    /// 1: an entry was referred to that nobody has seen.
    unsure: u8,
    /// Which entry is replaced next.
    next: u8,
    /// Bit for each entry: its name was guessed.
    guessed: u8,
    /// 1: there was a `:method`.
    method: u8,
}

const _: () = assert!(size_of::<Scan>() == 4 * 32 + 64 + 32 + 16 + 16 + 9 * 4 + 16 + 4);

impl Scan {
    /// Before the first block of a connection.
    pub const START: Self = Self {
        values: [NOTHING; KEPT],
        text: [0; 8],
        told: NOTHING,
        named: [0; 2],
        numbers: [0; KEPT],
        inserted: 0,
        unseen: 0,
        limit: DEFAULT_LIMIT,
        least: 0,
        most: 0,
        integer: 0,
        left: 0,
        bytes: 0,
        value_at: 0,
        bits: 0,
        pending: 0,
        taken: 0,
        state: state::FIELD,
        resume: 0,
        shift: 0,
        representation: 0,
        coding: 0,
        name: 0,
        parent: parent::NONE,
        open: 0,
        unsure: 0,
        next: 0,
        guessed: 0,
        method: 0,
    };

    /// A block begins.
    #[inline(always)]
    pub fn begin(&mut self) {
        self.state = state::FIELD;
        self.parent = parent::NONE;
        self.told = NOTHING;
        self.bytes = 0;
        self.value_at = 0;
        self.open = 0;
        self.unsure = 0;
        self.method = 0;
    }

    /// The block has ended. False if it cannot end here; then nothing more is known of the table.
    #[inline(always)]
    pub fn finish(&mut self) -> bool {
        if self.state == state::FIELD {
            return true;
        }
        self.forget();
        self.state = state::FAILED;
        false
    }

    /// Blocks were missed, or this is not the first of a connection: all entries so far are unseen.
    #[inline(always)]
    pub fn forget(&mut self) {
        self.numbers = [0; KEPT];
        self.unseen = self.inserted;
        self.limit = UNKNOWN;
    }

    /// Not a header block.
    #[inline(always)]
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        self.state == state::FAILED
    }

    /// The one valid `traceparent` of the block.
    #[inline(always)]
    #[must_use]
    pub const fn traceparent(&self) -> Option<&Traceparent> {
        if self.parent == parent::VALID || self.parent == parent::GUESSED {
            Some(&self.told)
        } else {
            None
        }
    }

    /// There is a `traceparent`, valid or not.
    #[inline(always)]
    #[must_use]
    pub const fn has_traceparent(&self) -> bool {
        self.parent != parent::NONE
    }

    /// There is one `traceparent`, and it is invalid.
    #[inline(always)]
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        self.parent == parent::INVALID
    }

    /// There is more than one `traceparent`.
    #[inline(always)]
    #[must_use]
    pub const fn has_several(&self) -> bool {
        self.parent == parent::SEVERAL
    }

    /// There is a `:method` by its entry in the static table: this is a request, and no trailer section.
    #[inline(always)]
    #[must_use]
    pub const fn has_method(&self) -> bool {
        self.method != 0
    }

    /// A whole field was an entry that nobody has seen: it may have been any.
    #[inline(always)]
    #[must_use]
    pub const fn is_unsure(&self) -> bool {
        self.unsure != 0
    }

    /// Where the value of the one valid `traceparent` begins, if it is as it is (not in Huffman code) and in no
    /// dynamic table: its digits may be changed on the way.
    #[inline(always)]
    #[must_use]
    pub const fn open_value(&self) -> Option<u32> {
        if self.open != 0 && self.traceparent().is_some() {
            Some(self.value_at)
        } else {
            None
        }
    }
}

/// No value.
const NOTHING: Traceparent = Traceparent {
    trace_id: [0; 2],
    parent_id: 0,
    flags: 0,
    version: 0,
    reserved: [0; 6],
};

#[cfg(test)]
mod encoder;
#[cfg(test)]
#[path = "hpack/scan_tests.rs"]
mod tests;
