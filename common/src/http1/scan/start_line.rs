//! The beginning of a message up to the request's target or through the status code (RFC 9112 sections 2.2, 3 and 4).

use super::{
    CONNECT, FAILED, HEAD, HTTP_1, HeadScan, LOW_SEVEN, METHOD, RESPONSE, SKIP, TARGET, VERSION,
    Window,
};

/// Longest method token that is taken for one (RFC 9110 section 9.1 sets no bound).
const MAX_METHOD: u8 = 32;
/// Empty lines that may come before a start line (RFC 9112 section 2.2).
const MAX_LEADING: u8 = 8;
const GET_: u32 = u32::from_le_bytes(*b"GET ");
const PUT_: u32 = u32::from_le_bytes(*b"PUT ");
const POST: u32 = u32::from_le_bytes(*b"POST");
const HEAD_: u32 = u32::from_le_bytes(*b"HEAD");
const HEAD_NAME: u64 = 0x4845_4144;
const CONNECT_NAME: u64 = 0x0043_4f4e_4e45_4354;
const HTTP_NAME: u64 = 0x4854_5450;
const TCHAR_LOW: u64 = 0x03ff6cfa00000000;
const TCHAR_HIGH: u64 = 0x57ffffffc7fffffe;

impl HeadScan {
    #[inline(always)]
    pub(super) fn start(&mut self, window: &impl Window, word: u64, at: u32, end: u32) -> u32 {
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
    pub(super) fn method(&mut self, byte: u8, at: u32) -> u32 {
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
    pub(super) fn version(&mut self, byte: u8, at: u32) -> u32 {
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
}

/// RFC 9110 section 5.6.2.
#[inline(always)]
const fn is_tchar(byte: u8) -> bool {
    let mask = if byte < 64 { TCHAR_LOW } else { TCHAR_HIGH };
    byte < 128 && (mask >> (byte & 63)) & 1 == 1
}
