//! `tracestate` (W3C Trace Context section 3.3), made into the one line that goes into the requests which a service sends for
//! the one that had it.
//!
//! The lines of a head are one list (RFC 9110 section 5.3), taken byte by byte and checked against the rules of Level 2,
//! which allow all that Level 1 does. Blanks around members and empty members are left out; a key that repeats is
//! passed on, as the specification lets anyone do who did not write it. A list that breaks the rules, or has more than 32 members, is
//! discarded. One of more than [`MAX`] bytes is shortened by whole members: those of more than 128 bytes,
//! then the last. That takes a second pass over the lines, as only then is known that it must be.

use core::hint::black_box;

/// Bytes of the longest value that is carried.
pub const MAX: usize = 512;
/// What the line begins with.
pub const NAME: &[u8; 12] = b"tracestate: ";
/// Bytes of the longest line, line end included, and what fills the last words.
pub const LINE: usize = NAME.len() + MAX + 4;
/// Most list-members.
const MEMBERS: u8 = 32;
/// Most bytes of a key, and of a value.
const PART: u32 = 256;
/// Members longer than this go first (section 3.3.1.5).
const LONG_MEMBER: u32 = 128;

/// Where in a list the reader is.
mod place {
    /// Before a member.
    pub(super) const BETWEEN: u8 = 0;
    /// In a key.
    pub(super) const KEY: u8 = 1;
    /// In a value.
    pub(super) const VALUE: u8 = 2;
    /// Behind a value's tab: only blanks may follow.
    pub(super) const BEHIND: u8 = 3;
    /// It is no list.
    pub(super) const FAILED: u8 = 4;
}

/// How long lists are dealt with.
mod pass {
    /// Nothing is known yet.
    pub(super) const FIRST: u8 = 0;
    /// There are too many bytes.
    pub(super) const TOO_LONG: u8 = 1;
    /// Members are left out.
    pub(super) const SHORTEN: u8 = 2;
    /// The first of the last members that are left out has come.
    pub(super) const FULL: u8 = 3;
}

/// A list as it is read, and the line as it will be written.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Bytes of the list so far, more of which may be counted than kept.
    at: u32,
    /// Those without blanks at the end.
    solid: u32,
    /// Those before the member at hand.
    before: u32,
    /// Bytes of the key or value at hand.
    part: u32,
    place: u8,
    members: u8,
    pass: u8,
    reserved: [u8; 5],
    /// The line.
    pub line: [u8; LINE],
}

impl List {
    /// Without a line.
    pub const EMPTY: Self = Self {
        at: 0,
        solid: 0,
        before: 0,
        part: 0,
        place: place::BETWEEN,
        members: 0,
        pass: pass::FIRST,
        reserved: [0; 5],
        line: [0; LINE],
    };

    /// Before the first line. What the line holds does not matter.
    #[inline(always)]
    pub fn start(&mut self) {
        self.pass = pass::FIRST;
        self.rewind();
    }

    /// Before the first line once more, to take less of it.
    #[inline(always)]
    pub fn shorten(&mut self) {
        self.pass = pass::SHORTEN;
        self.rewind();
    }

    #[inline(always)]
    fn rewind(&mut self) {
        self.at = 0;
        self.solid = 0;
        self.before = 0;
        self.part = 0;
        self.place = place::BETWEEN;
        self.members = 0;
    }

    /// The list is valid so far, but too long: it must be read again.
    #[inline(always)]
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        self.pass == pass::TOO_LONG && self.place == place::BETWEEN
    }

    /// It is no list.
    #[inline(always)]
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        self.place == place::FAILED
    }

    /// One byte of a value. The carriage return at its end counts as a blank.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        let blank = byte == b' ' || byte == b'\t' || byte == b'\r';
        let fits = match self.place {
            place::BETWEEN => blank || byte == b',' || self.begin(byte),
            place::KEY => self.key(byte),
            place::VALUE | place::BEHIND if byte == b',' => self.end_member(),
            place::VALUE | place::BEHIND => self.value(byte, blank),
            _ => false,
        };
        if !fits {
            self.place = place::FAILED;
        }
    }

    /// A line has ended, which separates members as a comma does.
    #[inline(always)]
    pub fn end_line(&mut self) {
        let fits = match self.place {
            place::BETWEEN => true,
            place::VALUE | place::BEHIND => self.end_member(),
            _ => false,
        };
        if !fits {
            self.place = place::FAILED;
        }
    }

    /// Completes the line; gives its bytes, or 0 if nothing is to be written.
    #[inline(always)]
    pub fn finish(&mut self) -> u32 {
        let length = self.at as usize;
        if self.place != place::BETWEEN || length == 0 || length > MAX {
            return 0;
        }
        let (name, rest) = self.line.split_at_mut(NAME.len());
        name.copy_from_slice(NAME);
        // As in `put`.
        let end = (black_box(length - 1) & (MAX - 1)) + 1;
        rest[end] = b'\r';
        rest[end + 1] = b'\n';
        length as u32 + NAME.len() as u32 + 2
    }

    #[inline(always)]
    fn begin(&mut self, byte: u8) -> bool {
        self.before = self.at;
        if self.at != 0 {
            self.put(b',');
        }
        self.put(byte);
        self.place = place::KEY;
        self.part = 1;
        self.members += 1;
        matches!(byte, b'a'..=b'z' | b'0'..=b'9') && self.members <= MEMBERS
    }

    #[inline(always)]
    fn key(&mut self, byte: u8) -> bool {
        self.put(byte);
        if byte == b'=' {
            self.place = place::VALUE;
            self.part = 0;
            self.solid = 0;
            return true;
        }
        self.part += 1;
        let fits = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
        fits && self.part <= PART
    }

    #[inline(always)]
    fn value(&mut self, byte: u8, blank: bool) -> bool {
        if blank && byte != b' ' {
            self.place = place::BEHIND;
            return true;
        }
        self.part += 1;
        self.put(byte);
        if blank {
            return true;
        }
        self.solid = self.at;
        let fits = matches!(byte, 0x21..=0x7e if byte != b'=');
        fits && self.place == place::VALUE && self.part <= PART
    }

    #[inline(always)]
    fn end_member(&mut self) -> bool {
        if self.solid == 0 {
            return false;
        }
        self.place = place::BETWEEN;
        self.at = self.solid;
        let comma = (self.before != 0) as u32;
        let bytes = self.solid - self.before - comma;
        let over = self.solid > MAX as u32;
        if self.pass == pass::FIRST && over {
            self.pass = pass::TOO_LONG;
        } else if self.pass == pass::FULL || (self.pass == pass::SHORTEN && bytes > LONG_MEMBER) {
            self.at = self.before;
        } else if self.pass == pass::SHORTEN && over {
            self.pass = pass::FULL;
            self.at = self.before;
        }
        true
    }

    /// Bytes beyond the longest line are only counted.
    #[inline(always)]
    fn put(&mut self, byte: u8) {
        let at = self.at as usize;
        if at < MAX {
            // The verifier wants the mask, which the compiler would drop as redundant.
            self.line[NAME.len() + (black_box(at) & (MAX - 1))] = byte;
        }
        self.at += 1;
    }
}

#[cfg(test)]
#[path = "tracestate_tests.rs"]
mod tests;
