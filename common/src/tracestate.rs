//! `tracestate` (W3C Trace Context section 3.3), carried as it came in: for the kernel side, which copies the value into
//! the requests that a service sends for the one that had it.
//!
//! The value is checked byte by byte against the list rules: keys, values, their lengths, at most 32 members. Not
//! checked is whether a key repeats, which nothing that runs in the kernel could afford. Nothing is shortened or joined:
//! what is longer than [`MAX`] or stands in several lines is not carried.

/// Bytes of the longest value that is carried.
pub const MAX: usize = 512;
/// What a line begins with.
pub const NAME: &[u8; 12] = b"tracestate: ";
/// Bytes of the longest line, line end included, and what fills the last words.
pub const LINE: usize = NAME.len() + MAX + 4;
/// Most list-members.
const MEMBERS: u8 = 32;

/// The line as it is written into requests sent for the request that a handle names.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Handle of the request; 0: there is no line.
    pub handle: u64,
    /// Bytes of the line.
    pub length: u32,
    /// Progress of the check.
    pub check: Check,
    /// The line.
    pub line: [u8; LINE],
}

const _: () = assert!(size_of::<State>() == 24 + LINE);

/// Slots for lines; a power of two. A handle's low bits are its slot.
pub const STATES: u32 = 1 << 12;

/// Slot of a handle's line.
#[inline(always)]
#[must_use]
pub const fn slot(handle: u64) -> u32 {
    handle as u32 & (STATES - 1)
}

/// Where in a list the check is.
mod place {
    /// Before a member.
    pub(super) const BETWEEN: u8 = 0;
    /// In a key that begins with a letter.
    pub(super) const KEY: u8 = 1;
    /// In a key that begins with a digit: it must have a tenant.
    pub(super) const TENANT: u8 = 2;
    /// Behind a key's `@`.
    pub(super) const SYSTEM: u8 = 3;
    /// In a value.
    pub(super) const VALUE: u8 = 4;
    /// Behind a value's tab: only blanks may follow.
    pub(super) const BEHIND: u8 = 5;
}

/// Checks a value, a byte at a time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Bytes of the key or value at hand.
    length: u16,
    /// Those up to the last that is not blank.
    solid: u16,
    place: u8,
    members: u8,
    /// Padding.
    reserved: [u8; 6],
}

impl Check {
    /// Before the first byte.
    pub const START: Self = Self {
        length: 0,
        solid: 0,
        place: place::BETWEEN,
        members: 0,
        reserved: [0; 6],
    };

    /// False if `byte` cannot come next.
    #[inline(always)]
    #[must_use]
    pub fn step(&mut self, byte: u8) -> bool {
        match self.place {
            place::BETWEEN => self.between(byte),
            place::VALUE | place::BEHIND => self.value(byte),
            _ => self.key(byte),
        }
    }

    /// May the value end here?
    #[inline(always)]
    #[must_use]
    pub const fn is_end(&self) -> bool {
        match self.place {
            place::BETWEEN => self.members != 0,
            place::VALUE | place::BEHIND => self.solid != 0,
            _ => false,
        }
    }

    #[inline(always)]
    fn between(&mut self, byte: u8) -> bool {
        match byte {
            b' ' | b'\t' | b',' => return true,
            b'a'..=b'z' => self.place = place::KEY,
            b'0'..=b'9' => self.place = place::TENANT,
            _ => return false,
        }
        self.length = 1;
        self.members += 1;
        self.members <= MEMBERS
    }

    #[inline(always)]
    fn key(&mut self, byte: u8) -> bool {
        let first = self.length == 0;
        self.length += 1;
        match byte {
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' if !first => {}
            b'@' if self.place != place::SYSTEM && self.length <= 242 => {
                self.place = place::SYSTEM;
                self.length = 0;
            }
            b'=' if !first && self.place != place::TENANT => {
                self.place = place::VALUE;
                self.length = 0;
                self.solid = 0;
            }
            _ => return false,
        }
        self.length <= if self.place == place::SYSTEM { 14 } else { 256 }
    }

    #[inline(always)]
    fn value(&mut self, byte: u8) -> bool {
        match byte {
            b',' => {
                self.place = place::BETWEEN;
                return self.solid != 0;
            }
            b' ' => {
                self.length += 1;
                return true;
            }
            b'\t' => {
                self.place = place::BEHIND;
                return true;
            }
            0x21..=0x7e if byte != b'=' && self.place == place::VALUE => {}
            _ => return false,
        }
        self.length += 1;
        self.solid = self.length;
        self.solid <= 256
    }
}

#[cfg(test)]
#[path = "tracestate_tests.rs"]
mod tests;
