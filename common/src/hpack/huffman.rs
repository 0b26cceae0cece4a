//! The digits and dashes of a value in Huffman code (RFC 7541 appendix B): the codes of 5 bits begin with those of
//! 0, 1, 2, a, c, e, those of 6 bits that may occur lie between that of the dash and that of f.

use super::{Scan, state};

/// `traceparent` in Huffman code, eight bytes in memory order.
pub const NAME: u64 = u64::from_le_bytes([0x4d, 0x83, 0x21, 0x6b, 0x1d, 0x85, 0xa9, 0x3f]);

const FIVE: u64 = u64::from_le_bytes(*b"012ace\0\0");
const SIX: [u64; 2] = [
    u64::from_le_bytes(*b"-\0\x0034567"),
    u64::from_le_bytes(*b"89\0\0\0bdf"),
];
const FIRST_SIX: u32 = 0x16;
/// Six bits of padding (section 5.2).
const PADDING: u32 = 0x3f;
/// Digits that are looked at: a value of version 00, and the one behind.
const ENOUGH: u8 = 56;

impl Scan {
    /// A byte of a value in Huffman code: two symbols at most, for fewer than six bits wait.
    #[inline(always)]
    pub(super) fn huffman(&mut self, byte: u8, at: u32) -> u32 {
        self.note(at);
        self.left -= 1;
        self.bits = (self.bits << 8) | byte as u16;
        self.pending = (self.pending & 7) + 8;
        self.symbol();
        self.symbol();
        at + 1
    }

    #[inline(always)]
    fn symbol(&mut self) {
        let pending = self.pending;
        if pending < 5 || self.state != state::HUFFMAN {
            return;
        }
        let bits = self.bits as u32;
        let five = (bits >> (pending - 5)) & 0x1f;
        let mut length = 5;
        let mut digit = FIVE >> ((five & 7) * 8);
        if five >= 8 {
            if pending < 6 {
                return;
            }
            length = 6;
            let six = (bits >> (pending - 6)) & 0x3f;
            if six == PADDING && self.left == 0 {
                return;
            }
            let place = six.wrapping_sub(FIRST_SIX);
            let word = if place < 8 { SIX[0] } else { SIX[1] };
            digit = word >> ((place & 7) * 8);
            if place > 15 {
                digit = 0;
            }
        }
        let digit = digit & 0xff;
        self.pending = pending - length;
        if digit == 0 {
            return self.spoil();
        }
        let taken = self.taken;
        self.text[((taken >> 3) & 7) as usize] |= digit << ((taken & 7) * 8);
        self.taken = taken + 1;
        if taken + 1 == ENOUGH {
            self.rest();
        }
    }
}
