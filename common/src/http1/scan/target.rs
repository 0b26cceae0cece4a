//! The rest of a request line behind the method (RFC 9112 section 3): it must end in `HTTP/1.x` and hold no
//! control characters, or this is another protocol.

use super::{FAILED, HTTP_1, HeadScan, LINE, LOW_SEVEN, ODD, Window, first};

const ONES: u64 = 0x0101_0101_0101_0101;
/// "TTP/1." in front of one digit and a carriage return.
const TTP_1: u64 = u64::from_le_bytes(*b"TTP/1.\0\0");
const LOW_SIX: u64 = 0x0000_ffff_ffff_ffff;

impl HeadScan {
    /// Up to the line feed, or 32 bytes on. `matched` is 1 behind a carriage return, 2 behind the space in front of
    /// the version; `register` holds the eight bytes before the window.
    #[inline(always)]
    pub(super) fn target(&mut self, window: &impl Window, at: u32, end: u32) -> u32 {
        if self.matched == 1 {
            return self.behind_return(window, at);
        }
        let mut from = at;
        for _ in 0..4 {
            let found = controls(window.word(from));
            if found != 0 {
                return self.control(window, from + first(found), end);
            }
            from += 8;
        }
        self.until(window, from, end)
    }

    #[inline(always)]
    fn control(&mut self, window: &impl Window, place: u32, end: u32) -> u32 {
        if place >= end {
            return self.until(window, end, end);
        }
        match window.word(place) as u8 {
            b' ' => {
                // A target with a space in it is none, though some clients send it.
                self.flags |= if self.matched == 2 { ODD } else { 0 };
                self.matched = 2;
                self.until(window, place + 1, end)
            }
            b'\n' => self.request_line(window, place, false),
            b'\r' => {
                self.matched = 1;
                self.until(window, place + 1, end)
            }
            _ => {
                self.state = FAILED;
                end
            }
        }
    }

    #[inline(always)]
    fn behind_return(&mut self, window: &impl Window, at: u32) -> u32 {
        if window.word(at) as u8 == b'\n' {
            return self.request_line(window, at, true);
        }
        self.state = FAILED;
        at
    }

    /// The line ends before `line_feed`.
    #[inline(always)]
    fn request_line(&mut self, window: &impl Window, line_feed: u32, behind_return: bool) -> u32 {
        let last = self.last_eight(window, line_feed);
        let fits = if behind_return {
            last & LOW_SIX == TTP_1
        } else {
            last & LOW_SEVEN == HTTP_1
        };
        self.matched = 0;
        self.state = if fits { LINE } else { FAILED };
        line_feed + 1
    }

    /// Goes on at `place`; at the end of the window it keeps what comes before.
    #[inline(always)]
    fn until(&mut self, window: &impl Window, place: u32, end: u32) -> u32 {
        if place < end {
            return place;
        }
        self.register = self.last_eight(window, end);
        end
    }

    /// The eight bytes before `place`, some of them perhaps before the window.
    #[inline(always)]
    fn last_eight(&self, window: &impl Window, place: u32) -> u64 {
        if place >= 8 {
            return window.word(place - 8);
        }
        if place == 0 {
            return self.register;
        }
        (self.register >> (place * 8)) | (window.word(0) << (64 - place * 8))
    }
}

/// Bytes of the word before the first carriage return or line feed, or other control character but tab; 8: there is none.
#[inline(always)]
#[must_use]
pub const fn line_end(word: u64) -> u32 {
    let found = word.wrapping_sub(ONES * 0x20) & !word & (ONES * 0x80);
    if found == 0 { 8 } else { first(found) }
}

/// 0x80 in the byte of each space and control character; exact up to and with the lowest.
#[inline(always)]
const fn controls(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x21) & !word & (ONES * 0x80)
}
