//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 198.51.100.2 4000 80`, or `PROXY UNKNOWN` and whatever else.

use super::{
    FAILED, HeaderScan, IPV4, IPV6, NO_GAP, OTHER, TEXT_DESTINATION, TEXT_DESTINATION_PORT,
    TEXT_END, TEXT_FAMILY, TEXT_REST, TEXT_SOURCE, TEXT_SOURCE_PORT, TEXT_UNKNOWN, byte_of,
};

/// What the line begins with.
const NAME: u64 = u64::from_le_bytes(*b"PROXY \0\0");
const NAME_LENGTH: u16 = 6;
const TCP: u64 = u64::from_le_bytes(*b"TCP\0\0\0\0\0");
const UNKNOWN: u64 = u64::from_le_bytes(*b"UNKNOWN\0");
const UNKNOWN_LENGTH: u16 = 7;

/// A colon that begins the address or stands behind a group, and the second of two.
const ONE_COLON: u8 = 0x10;
const TWO_COLONS: u8 = 0x20;
const DOTS: u8 = 0x0f;

impl HeaderScan {
    #[inline(always)]
    pub(super) const fn name(&mut self, byte: u8) {
        if byte != byte_of(NAME, self.bytes) {
            self.state = OTHER;
        } else if self.bytes + 1 == NAME_LENGTH {
            self.state = TEXT_FAMILY;
        }
    }

    /// What follows the name.
    #[inline(always)]
    pub(super) const fn text(&mut self, byte: u8) {
        match self.state {
            TEXT_FAMILY => self.family(byte),
            TEXT_UNKNOWN => self.unknown(byte),
            TEXT_SOURCE => self.source_address(byte),
            TEXT_DESTINATION => self.destination(byte),
            TEXT_SOURCE_PORT => self.number(byte, b' '),
            TEXT_DESTINATION_PORT => self.number(byte, b'\r'),
            TEXT_REST if byte == b'\r' => self.state = TEXT_END,
            TEXT_REST => {}
            _ => {
                self.state = if byte == b'\n' { super::END } else { FAILED };
            }
        }
    }

    #[inline(always)]
    const fn family(&mut self, byte: u8) {
        match self.bytes - NAME_LENGTH {
            0 if byte == b'U' => self.state = TEXT_UNKNOWN,
            at @ 0..3 if byte == byte_of(TCP, at) => {}
            3 if byte == b'4' => self.begin_source(IPV4),
            3 if byte == b'6' => self.begin_source(IPV6),
            4 if byte == b' ' => self.state = TEXT_SOURCE,
            _ => self.state = FAILED,
        }
    }

    /// The rest of the line says nothing.
    #[inline(always)]
    const fn unknown(&mut self, byte: u8) {
        let at = self.bytes - NAME_LENGTH;
        self.state = match byte {
            b' ' if at == UNKNOWN_LENGTH => TEXT_REST,
            b'\r' if at == UNKNOWN_LENGTH => TEXT_END,
            _ if at < UNKNOWN_LENGTH && byte == byte_of(UNKNOWN, at) => TEXT_UNKNOWN,
            _ => FAILED,
        };
    }

    #[inline(always)]
    const fn source_address(&mut self, byte: u8) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'.' => return self.dot(),
            b':' => return self.colon(),
            b' ' => return self.end_source(),
            _ => {
                self.state = FAILED;
                return;
            }
        };
        let only_one = self.marks == ONE_COLON && self.filled == 0;
        if self.digits == 4 || only_one {
            self.state = FAILED;
            return;
        }
        self.marks &= DOTS;
        self.value = self.value << 4 | digit as u32;
        self.digits += 1;
    }

    #[inline(always)]
    const fn dot(&mut self) {
        if self.marks & DOTS == 3 {
            self.state = FAILED;
            return;
        }
        self.marks += 1;
        self.octet();
    }

    #[inline(always)]
    const fn colon(&mut self) {
        if self.family != IPV6 || self.marks & DOTS != 0 {
            self.state = FAILED;
            return;
        }
        if self.digits > 0 {
            self.group();
            self.marks = ONE_COLON;
            return;
        }
        let second = self.marks == ONE_COLON;
        let leading = self.marks == 0 && self.filled == 0;
        match (second, leading) {
            (true, _) if self.gap == NO_GAP => {
                self.gap = self.filled;
                self.marks = TWO_COLONS;
            }
            (_, true) => self.marks = ONE_COLON,
            _ => self.state = FAILED,
        }
    }

    #[inline(always)]
    const fn end_source(&mut self) {
        let dots = self.marks & DOTS;
        if self.digits > 0 {
            match dots {
                0 => self.group(),
                _ => self.octet(),
            }
        } else if self.marks != TWO_COLONS {
            self.state = FAILED;
        }
        let whole = match self.gap {
            NO_GAP => self.filled == 16,
            _ => self.filled < 16,
        };
        let dotted = if self.family == IPV4 {
            dots == 3
        } else {
            dots == 0 || dots == 3
        };
        self.value = 0;
        self.digits = 0;
        self.state = match self.state {
            TEXT_SOURCE if whole && dotted => TEXT_DESTINATION,
            _ => FAILED,
        };
    }

    /// Four hexadecimal digits at most are two bytes of an IPv6 address.
    #[inline(always)]
    const fn group(&mut self) {
        if self.family != IPV6 {
            self.state = FAILED;
            return;
        }
        let value = self.value;
        self.value = 0;
        self.digits = 0;
        self.put((value >> 8) as u8);
        self.put(value as u8);
    }

    /// Three decimal digits at most are a byte. They were read as hexadecimal ones.
    #[inline(always)]
    const fn octet(&mut self) {
        let value = self.value;
        let (high, middle, low) = (value >> 8, value >> 4 & 15, value & 15);
        let number = high * 100 + middle * 10 + low;
        let decimal = high <= 9 && middle <= 9 && low <= 9;
        let digits = 1 + (value > 0xf) as u8 + (value > 0xff) as u8;
        if self.digits != digits || !decimal || number > 255 {
            self.state = FAILED;
            return;
        }
        self.value = 0;
        self.digits = 0;
        self.put(number as u8);
    }

    /// The destination's address says nothing that the connection does not: only its end is looked for.
    #[inline(always)]
    const fn destination(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b'.' | b':' => self.digits = 1,
            b' ' if self.digits != 0 => {
                self.digits = 0;
                self.state = TEXT_SOURCE_PORT;
            }
            _ => self.state = FAILED,
        }
    }

    /// A port, up to the byte `end`.
    #[inline(always)]
    const fn number(&mut self, byte: u8, end: u8) {
        if byte == end && self.digits > 0 {
            if self.state == TEXT_SOURCE_PORT {
                self.port = self.value as u16;
                self.state = TEXT_DESTINATION_PORT;
            } else {
                self.state = TEXT_END;
            }
            self.value = 0;
            self.digits = 0;
            return;
        }
        self.value = self.value * 10 + byte.wrapping_sub(b'0') as u32;
        self.digits += 1;
        if !byte.is_ascii_digit() || self.value > 0xffff || self.digits > 5 {
            self.state = FAILED;
        }
    }
}
