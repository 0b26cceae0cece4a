//! The header of the PROXY protocol, versions 1 and 2: what a proxy puts in front of a connection's first bytes to say
//! whose connection it passes on.
//!
//! [`HeaderScan::step`] takes one byte, so that a BPF program can run it from `bpf_loop`, and a header may be cut anywhere. As
//! receivers must, it refuses what is no valid header. TLVs are passed over unread.

mod binary;
mod text;

const START: u8 = 0;
const TEXT_NAME: u8 = 1;
const TEXT_FAMILY: u8 = 2;
const TEXT_UNKNOWN: u8 = 3;
const TEXT_SOURCE: u8 = 4;
const TEXT_DESTINATION: u8 = 5;
const TEXT_SOURCE_PORT: u8 = 6;
const TEXT_DESTINATION_PORT: u8 = 7;
const TEXT_REST: u8 = 8;
const TEXT_END: u8 = 9;
const SIGNATURE: u8 = 10;
const BINARY: u8 = 11;
const REST: u8 = 12;
const END: u8 = 13;
const FAILED: u8 = 14;
const OTHER: u8 = 15;

const NO_FAMILY: u8 = 0;
const IPV4: u8 = 4;
const IPV6: u8 = 6;

/// No `::` in the source address.
const NO_GAP: u8 = 0xff;
/// Longest header of version 1, its end of line included.
const MAX_TEXT: u16 = 107;
/// Longest header of version 2 that is taken for one: as long as the widespread servers take at most.
const MAX_BINARY: u16 = 4096;
/// Bytes in which a header may still be another protocol's first: `PROXY` could be a method, and empty lines may go before
/// a request (RFC 9112 section 2.2).
const AMBIGUOUS_TEXT: u16 = 5;
const AMBIGUOUS_BINARY: u16 = 4;

/// Where a reader is within a header, and what it has learnt. 32 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderScan {
    /// The source address as it is read; IPv4 mapped into IPv6.
    address: [u8; 16],
    /// The number that is being read.
    value: u32,
    /// Bytes of the header so far.
    bytes: u16,
    /// Version 2: bytes of the whole header, once known.
    length: u16,
    /// The source port.
    port: u16,
    state: u8,
    family: u8,
    /// Bytes of `address` that are filled.
    filled: u8,
    /// Digits of the number that is being read.
    digits: u8,
    /// Where in `address` the `::` stands.
    gap: u8,
    /// Version 1: dots of the address (low half), and colons that came last (high half). Version 2: the command.
    marks: u8,
}

const _: () = assert!(size_of::<HeaderScan>() == 32);

impl HeaderScan {
    /// No byte was seen.
    #[inline(always)]
    #[must_use]
    pub const fn is_start(&self) -> bool {
        self.state == START
    }

    /// The header has ended.
    #[inline(always)]
    #[must_use]
    pub const fn is_end(&self) -> bool {
        self.state == END
    }

    /// It began as a header and is none: nothing can be said of what follows.
    #[inline(always)]
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        self.state == FAILED
    }

    /// Another protocol speaks, from the first byte on.
    #[inline(always)]
    #[must_use]
    pub const fn is_other(&self) -> bool {
        self.state == OTHER
    }

    /// More bytes of the header are to come.
    #[inline(always)]
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.state != START && self.state < END
    }

    /// What came so far could begin something else as well.
    #[inline(always)]
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        match self.state {
            START => true,
            TEXT_NAME => self.bytes <= AMBIGUOUS_TEXT,
            SIGNATURE => self.bytes <= AMBIGUOUS_BINARY,
            _ => false,
        }
    }

    /// Bytes of the header so far.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes as u32
    }

    /// How many bytes come next that may be passed over with [`Self::skip`].
    #[inline(always)]
    #[must_use]
    pub const fn rest(&self) -> u32 {
        if self.state != REST {
            return 0;
        }
        self.length.saturating_sub(self.bytes) as u32
    }

    /// Passes over `bytes`, at most [`Self::rest`].
    #[inline(always)]
    pub const fn skip(&mut self, bytes: u32) {
        self.bytes = self.bytes.wrapping_add(bytes as u16);
        if self.bytes >= self.length {
            self.state = END;
        }
    }

    /// Takes the next byte. What [`Self::is_end`], [`Self::is_failed`] or [`Self::is_other`] takes no more.
    #[inline(always)]
    pub const fn step(&mut self, byte: u8) {
        if self.state == START {
            self.begin(byte);
        }
        match self.state {
            TEXT_NAME => self.name(byte),
            SIGNATURE => self.signature(byte),
            BINARY => self.binary(byte),
            REST => {}
            END | FAILED | OTHER => return,
            _ => self.text(byte),
        }
        if self.state == OTHER {
            return;
        }
        self.bytes = self.bytes.wrapping_add(1);
        match self.state {
            BINARY | REST => self.conclude(),
            TEXT_FAMILY..=TEXT_END if self.bytes >= MAX_TEXT => self.state = FAILED,
            _ => {}
        }
    }

    /// What the first byte says.
    #[inline(always)]
    const fn begin(&mut self, byte: u8) {
        self.state = match byte {
            b'P' => TEXT_NAME,
            b'\r' => SIGNATURE,
            _ => OTHER,
        };
    }

    /// What came is no header, for whatever reason: no more is taken.
    #[inline(always)]
    pub const fn refuse(&mut self) {
        self.state = OTHER;
    }

    /// Address and port of the client, where the header has ended and tells them; an IPv4 address mapped into IPv6.
    #[must_use]
    pub fn source(&self) -> Option<([u8; 16], u16)> {
        if !self.is_end() || self.family == NO_FAMILY {
            return None;
        }
        let filled = usize::from(self.filled).min(16);
        let mut address = self.address;
        if self.gap != NO_GAP {
            let gap = usize::from(self.gap).min(filled);
            address = [0; 16];
            address[..gap].copy_from_slice(&self.address[..gap]);
            address[16 - (filled - gap)..].copy_from_slice(&self.address[gap..filled]);
        }
        Some((address, self.port))
    }

    /// Begins with the source address.
    #[inline(always)]
    const fn begin_source(&mut self, family: u8) {
        self.family = family;
        self.gap = NO_GAP;
        self.value = 0;
        self.digits = 0;
        self.marks = 0;
        self.filled = 0;
        if family == IPV4 {
            self.address[10] = 0xff;
            self.address[11] = 0xff;
            self.filled = 12;
        }
    }

    /// Adds a byte to the source address.
    #[inline(always)]
    const fn put(&mut self, byte: u8) {
        let at = self.filled as usize;
        if at >= 16 {
            self.state = FAILED;
            return;
        }
        self.address[at & 15] = byte;
        self.filled = at as u8 + 1;
    }
}

/// Byte `at` of a word that was made of a text.
#[inline(always)]
const fn byte_of(word: u64, at: u16) -> u8 {
    (word >> ((at & 7) * 8)) as u8
}

#[cfg(test)]
#[path = "proxy_protocol/tests.rs"]
mod tests;
