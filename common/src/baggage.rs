//! `baggage` (W3C Baggage), made into the one line that goes into the requests which a service sends for the one that had it.
//!
//! The lines of a head are one list (section 3.2.1.1); what their members say does not matter. Checked is only that all
//! is printable, as all that the specification allows is. What is longer than [`MAX`] is not carried.

use core::hint::black_box;

/// Bytes of the longest value that is carried.
pub const MAX: usize = 1024;
/// What the line begins with.
pub const NAME: &[u8; 9] = b"baggage: ";
/// Bytes of the longest line, line end included, and what fills the last words.
pub const LINE: usize = NAME.len() + MAX + 7;

/// A list as it is read, and the line as it will be written.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Bytes of the list so far, more of which may be counted than kept.
    at: u32,
    /// Those without blanks at the end.
    solid: u32,
    /// 1 behind the first byte of a line.
    begun: u8,
    /// 1: there was a byte that must not be there.
    failed: u8,
    reserved: [u8; 6],
    /// The line.
    pub line: [u8; LINE],
}

impl List {
    /// Without a line.
    pub const EMPTY: Self = Self {
        at: 0,
        solid: 0,
        begun: 0,
        failed: 0,
        reserved: [0; 6],
        line: [0; LINE],
    };

    /// Before the first line. What the line holds does not matter.
    #[inline(always)]
    pub fn start(&mut self) {
        self.at = 0;
        self.solid = 0;
        self.begun = 0;
        self.failed = 0;
    }

    /// Some byte cannot be part of it.
    #[inline(always)]
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        self.failed != 0
    }

    /// It has more than [`MAX`] bytes.
    #[inline(always)]
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        self.solid > MAX as u32
    }

    /// One byte of a value. The carriage return at its end counts as a blank.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        if matches!(byte, b' ' | b'\t' | b'\r') {
            if self.begun != 0 {
                self.put(b' ');
            }
            return;
        }
        if self.begun == 0 && self.at != 0 {
            self.put(b',');
        }
        self.begun = 1;
        self.put(byte);
        self.solid = self.at;
        if !matches!(byte, 0x21..=0x7e) {
            self.failed = 1;
        }
    }

    /// A line has ended.
    #[inline(always)]
    pub fn end_line(&mut self) {
        self.at = self.solid;
        self.begun = 0;
    }

    /// Completes the line; gives its bytes, or 0 if nothing is to be written.
    #[inline(always)]
    pub fn finish(&mut self) -> u32 {
        let length = self.solid as usize;
        if self.is_failed() || length == 0 || length > MAX {
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
#[path = "baggage_tests.rs"]
mod tests;
