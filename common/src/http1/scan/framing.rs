//! The values of `Content-Length` and `Transfer-Encoding`, byte by byte (RFC 9112 section 6).

use super::{CHUNKED, HAS_LENGTH, HeadScan, LINE, LOW_SEVEN, SKIP};

const CHUNKED_NAME: u64 = 0x0063_6875_6e6b_6564;

impl HeadScan {
    /// Digits of Content-Length. A list of equal values counts as its last member; what is not a
    /// number leaves no length, as if the field were missing.
    #[inline(always)]
    pub(super) fn length(&mut self, byte: u8, at: u32) -> u32 {
        let digit = byte.wrapping_sub(b'0');
        match byte {
            b'\n' => {
                self.content_length = self.register;
                self.flags |= HAS_LENGTH;
                self.state = LINE;
            }
            b' ' | b'\t' | b'\r' => {}
            b',' => self.register = 0,
            _ if digit <= 9 && self.register <= u64::MAX >> 8 => {
                self.register = self.register * 10 + digit as u64;
            }
            _ => {
                self.state = SKIP;
                return at;
            }
        }
        at + 1
    }

    /// The last seven letters of Transfer-Encoding tell whether the last coding is chunked.
    #[inline(always)]
    pub(super) fn coding(&mut self, byte: u8, at: u32) -> u32 {
        match byte {
            b'\n' => {
                if self.register & LOW_SEVEN == CHUNKED_NAME {
                    self.flags |= CHUNKED;
                }
                self.state = LINE;
            }
            b' ' | b'\t' | b'\r' => {}
            _ => self.register = (self.register << 8) | (byte | 0x20) as u64,
        }
        at + 1
    }
}
