//! Passes over a field line that does not count, by words.

use super::{HeadScan, LINE, ODD, Window, first};

impl HeadScan {
    /// Up to the next line feed, or 32 bytes on.
    #[inline(always)]
    pub(super) fn skip(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        let mut from = at;
        for _ in 0..4 {
            let word = window.word(from);
            let found = line_feeds(word);
            let inside = match found {
                0 if from + 8 <= end => u64::MAX,
                0 => below_end(from, end),
                _ => (found & found.wrapping_neg()).wrapping_sub(1),
            };
            if odd(word) & inside != 0 {
                self.flags |= ODD;
            }
            if found != 0 {
                return self.line_feed(from + first(found), end);
            }
            from += 8;
        }
        if from < end { from } else { end }
    }

    #[inline(always)]
    fn line_feed(&mut self, line_feed: u32, end: u32) -> u32 {
        if line_feed >= end {
            return end;
        }
        self.state = LINE;
        line_feed + 1
    }
}

/// 0x80 in the byte of each line feed; exact up to and with the lowest.
#[inline(always)]
pub(crate) const fn line_feeds(word: u64) -> u64 {
    let x = word ^ 0x0a0a_0a0a_0a0a_0a0a;
    x.wrapping_sub(0x0101_0101_0101_0101) & !x & 0x8080_8080_8080_8080
}

/// 0x80 in each byte that is a control character; of those near the line's end and the tab, none. Exact up
/// to and with the lowest.
#[inline(always)]
const fn odd(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let second = (word & (ONES * 0xf0)) ^ (ONES * 0x10);
    let below_tab = word.wrapping_sub(ONES * 9) & !word;
    let from_16_to_31 = second.wrapping_sub(ONES) & !second;
    (below_tab | from_16_to_31) & (ONES * 0x80)
}

/// The bits of a word at `from` that lie before `end`, which is less than eight bytes on.
#[inline(always)]
const fn below_end(from: u32, end: u32) -> u64 {
    if from >= end {
        return 0;
    }
    (1 << ((end - from) * 8)) - 1
}
